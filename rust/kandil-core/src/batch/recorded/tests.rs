use std::fs;

use super::*;
use crate::batch::folder::Folder;
use crate::batch::result::tests::line as result_line;
use crate::batch::row::id_hash;

fn line(number: u32) -> String {
    result_line(number, true)
}

#[test]
fn cut_anywhere_no_whole_line_is_lost_and_none_is_broken() {
    let folder = Folder::new("cut");
    let (output, errors) = (folder.file("out"), folder.file("errors"));
    let whole: String = (0..4).map(line).collect();
    for cut in 0..=whole.len() {
        fs::write(&output, &whole[..cut]).unwrap();
        let seen = Recorded::look(&output, &errors).unwrap();
        assert_eq!(fs::read_to_string(&output).unwrap(), whole[..cut], "looking changes nothing");
        let found = Recorded::read(&output, &errors).unwrap();
        let lines = whole[..cut].matches('\n').count() + usize::from(cut > 0 && whole[cut..].starts_with('\n'));
        assert_eq!((found.entries.len(), seen.entries.len()), (lines, lines), "cut at {cut}");
        assert_eq!(found.output_tokens, 2 * lines as u64);
        let left = fs::read_to_string(&output).unwrap();
        assert_eq!(left, (0..lines as u32).map(line).collect::<String>(), "cut at {cut}");
    }
}

/// Bytes that are lost, set to zero, or overwritten: all lines that stayed whole are found, and no others.
#[test]
fn damaged_anywhere_every_line_that_is_whole_is_kept() {
    let folder = Folder::new("damaged-anywhere");
    let (output, errors) = (folder.file("out"), folder.file("errors"));
    let whole: String = (0..6).map(line).collect();
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for round in 0..400 {
        let mut content = whole.clone().into_bytes();
        let start = line(0).len() + next(content.len() - line(0).len());
        let end = start + next(content.len() - start);
        match round % 3 {
            0 => drop(content.drain(start..end)),
            1 => content[start..end].fill(0),
            _ => content[start..end].iter_mut().for_each(|byte| *byte = next(256) as u8),
        }
        let kept: Vec<u8> = content
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| result(line).is_some())
            .flat_map(|line| line.strip_suffix(b"\n").unwrap_or(line).iter().copied().chain([b'\n']))
            .collect();
        fs::write(&output, &content).unwrap();
        let found = Recorded::read(&output, &errors).unwrap();
        let left: Vec<u8> = fs::read(&output).unwrap();
        let left: Vec<u8> =
            left.split_inclusive(|byte| *byte == b'\n').filter(|line| line.len() > 1).flatten().copied().collect();
        assert!(left == kept, "round {round}: {start}..{end}");
        let again = Recorded::read(&output, &errors).unwrap();
        assert_eq!((again.torn_bytes, again.damaged, &again.entries), (0, 0, &found.entries));
    }
}

#[test]
fn damage_in_the_middle_is_moved_aside() {
    let folder = Folder::new("damage");
    let (output, errors) = (folder.file("out"), folder.file("errors"));
    let mut content = format!("{}{}{}", line(0), line(1), line(2)).into_bytes();
    let start = line(0).len();
    content[start..start + 60].fill(0);
    fs::write(&output, &content).unwrap();
    let found = Recorded::read(&output, &errors).unwrap();
    assert_eq!((found.entries.len(), found.damaged), (2, 1));
    assert_eq!(fs::read_to_string(&output).unwrap(), format!("{}{}", line(0), line(2)));
    assert_eq!(fs::read(folder.file("out.damaged")).unwrap(), content[start..start + line(1).len()]);
    assert!(found.find(&id_hash("r-2")).is_some());
    assert!(found.find(&id_hash("r-1")).is_none());
}

#[test]
fn a_file_of_somebody_else_is_not_touched() {
    let folder = Folder::new("foreign");
    let (output, errors) = (folder.file("out"), folder.file("errors"));
    let openai = "{\"id\":\"batch_req_123\",\"custom_id\":\"a\",\"response\":null,\"error\":null}\n";
    for content in ["hello\n", "hello", "{\"prompt\":1}\n", openai] {
        fs::write(&output, content).unwrap();
        fs::write(&errors, &line(1)[..50]).unwrap();
        assert!(matches!(Recorded::read(&output, &errors), Err(RecordedError::Foreign(_, 1))), "{content}");
        assert_eq!(fs::read_to_string(&output).unwrap(), content);
        assert_eq!(fs::read(&errors).unwrap().len(), 50);
    }
}

#[test]
fn an_answer_goes_before_an_error_of_the_same_row() {
    let folder = Folder::new("both");
    let (output, errors) = (folder.file("out"), folder.file("errors"));
    fs::write(&output, line(1) + &line(1)).unwrap();
    fs::write(&errors, line(0) + &line(1)).unwrap();
    let found = Recorded::read(&output, &errors).unwrap();
    assert_eq!((found.entries.len(), found.repeated), (2, 2));
    assert!(found.find(&id_hash("r-0")).unwrap().failed);
    assert!(!found.find(&id_hash("r-1")).unwrap().failed);
    drop_rows(&errors, &|id| *id == id_hash("r-0")).unwrap();
    assert_eq!(fs::read_to_string(&errors).unwrap(), line(1));
}

#[test]
fn a_device_holds_nothing_and_a_folder_is_an_error() {
    let folder = Folder::new("devices");
    for device in ["/dev/full", "/dev/null", "/dev/zero"] {
        let found = Recorded::read(Path::new(device), &folder.file("errors")).unwrap();
        assert!(found.entries.is_empty());
    }
    assert!(matches!(Recorded::read(&folder.0, &folder.file("errors")), Err(RecordedError::Io(..))));
}

#[test]
fn what_servers_claim_to_have_used_does_not_overflow() {
    let folder = Folder::new("claims");
    let output = folder.file("out");
    let usage =
        |number| line(number).replace("\"completion_tokens\":2", &format!("\"completion_tokens\":{}", u64::MAX));
    fs::write(&output, usage(1) + &usage(2)).unwrap();
    let found = Recorded::look(&output, &folder.file("errors")).unwrap();
    assert_eq!((found.entries.len(), found.output_tokens), (2, u64::MAX));
}

use super::*;
use crate::batch::folder::Folder;
use crate::batch::result::tests::line;

const LARGEST: u64 = 1 << 30;

fn put(cache: &mut Cache, number: u32) {
    let line = line(number, true);
    cache.put(&content(line.as_bytes()).unwrap(), line.as_bytes()).unwrap();
}

fn get(cache: &Cache, number: u32) -> Option<String> {
    let asked = content(line(number, true).as_bytes()).unwrap();
    cache.get(&asked, "other \"row\"").map(|line| String::from_utf8(line).unwrap())
}

#[test]
fn an_answer_is_found_again_as_any_row_s() {
    let folder = Folder::new("cache");
    let mut cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
    put(&mut cache, 1);
    let expected = line(1, true).replace("\"r-1\"", r#""other \"row\"""#);
    assert_eq!(get(&cache, 1), Some(expected.clone()));
    assert_eq!(get(&cache, 2), None);
    drop(cache);
    let cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
    assert_eq!((get(&cache, 1), cache.len()), (Some(expected), 1));
    assert!(Cache::open(&folder.0, b"another", LARGEST).unwrap().is_empty());
}

#[test]
fn errors_and_damaged_lines_are_no_answers() {
    let folder = Folder::new("cache-damage");
    let mut cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
    put(&mut cache, 1);
    put(&mut cache, 2);
    let refused = line(3, false);
    cache.put(&content(refused.as_bytes()).unwrap(), refused.as_bytes()).unwrap();
    cache.flush().unwrap();
    assert_eq!(get(&cache, 3), None);
    let path = cache.path.clone();
    drop(cache);
    let whole = fs::read(&path).unwrap();
    for cut in 0..line(1, true).len() {
        fs::write(&path, &whole[..line(1, true).len() + cut]).unwrap();
        let mut cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
        assert!(get(&cache, 1).is_some() && get(&cache, 2).is_none(), "{cut}");
        put(&mut cache, 2);
        cache.flush().unwrap();
        assert!(get(&cache, 2).is_some());
    }
    let mut damaged = whole.clone();
    damaged[100] = 0;
    fs::write(&path, damaged).unwrap();
    let cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
    assert!(get(&cache, 1).is_none() && get(&cache, 2).is_some());
}

#[test]
fn what_one_keeps_the_others_have_after_their_next_flush() {
    let folder = Folder::new("cache-shared");
    let mut caches = [0, 1, 2].map(|_| Cache::open(&folder.0, b"lane", LARGEST).unwrap());
    for number in 0..30 {
        let cache = &mut caches[number as usize % 3];
        put(cache, number);
        cache.flush().unwrap();
    }
    for cache in &mut caches {
        cache.flush().unwrap();
        assert!((0..30).all(|number| get(cache, number).is_some()));
    }
}

#[test]
fn a_full_one_keeps_nothing_more_and_begins_with_the_newer_half() {
    let folder = Folder::new("cache-full");
    let largest = 40 * line(1, true).len() as u64;
    let open = || Cache::open(&folder.0, b"lane", largest).unwrap();
    let (mut cache, mut other) = (open(), open());
    (0..60).for_each(|number| put(&mut cache, number));
    cache.flush().unwrap();
    let kept = |cache: &Cache| (0..60).filter(|number| get(cache, *number).is_some()).collect::<Vec<_>>();
    let all = kept(&cache);
    assert_eq!(all, (0..all.len() as u32).collect::<Vec<_>>());
    let halved = open();
    assert_eq!(kept(&halved), all[all.len() - kept(&halved).len()..]);
    assert!((15..=20).contains(&halved.len()));
    put(&mut other, 70);
    other.flush().unwrap(); // the file that it knew is gone
    assert_eq!(kept(&other), kept(&halved));
    assert!(get(&open(), 70).is_some());
}

#[test]
fn threads_do_not_mix_up_their_lines() {
    let folder = Folder::new("cache-threads");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let folder = &folder.0;
            scope.spawn(move || {
                let mut cache = Cache::open(folder, b"lane", LARGEST).unwrap();
                for number in 0..200 {
                    put(&mut cache, number * 4 + thread);
                    if number % 9 == 0 {
                        cache.flush().unwrap();
                    }
                }
            });
        }
    });
    let cache = Cache::open(&folder.0, b"lane", LARGEST).unwrap();
    assert!((0..800).all(|number| get(&cache, number).is_some()));
}

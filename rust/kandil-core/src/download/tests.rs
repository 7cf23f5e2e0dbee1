use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::sha256;

const LONG: Duration = Duration::from_secs(20);
const SIZE: usize = 5 * (BLOCK as usize) + 12_345;

fn content() -> Vec<u8> {
    (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// What a server makes of a request: of its range, and of how many there were before.
type Answer = dyn Fn(&mut TcpStream, Option<Range<usize>>, usize) -> std::io::Result<()> + Send + Sync;

struct Server {
    uri: Uri,
    asked: Arc<Mutex<Vec<Option<Range<usize>>>>>,
}

fn server(
    answer: impl Fn(&mut TcpStream, Option<Range<usize>>, usize) -> std::io::Result<()> + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/model.gguf", listener.local_addr().unwrap()).parse().unwrap();
    let (asked, answer): (Arc<Mutex<Vec<_>>>, Arc<Answer>) = (Arc::default(), Arc::new(answer));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer, seen) = (stream.unwrap(), Arc::clone(&answer), Arc::clone(&seen));
            std::thread::spawn(move || {
                while let Some(head) = head(&mut stream) {
                    let range = range(&head);
                    let before = seen.lock().unwrap().len();
                    seen.lock().unwrap().push(range.clone());
                    if answer(&mut stream, range, before).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Server { uri, asked }
}

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn range(head: &str) -> Option<Range<usize>> {
    let (first, last) = head.split_once("range: bytes=")?.1.lines().next()?.split_once('-')?;
    Some(first.parse().unwrap()..last.parse::<usize>().unwrap() + 1)
}

fn part(stream: &mut TcpStream, range: Range<usize>, bytes: &[u8], more: &str) -> std::io::Result<()> {
    let said =
        format!("content-range: bytes {}-{}/{SIZE}\r\ncontent-length: {}", range.start, range.end - 1, range.len());
    stream.write_all(format!("HTTP/1.1 206 Partial Content\r\n{said}\r\netag: \"a\"\r\n{more}\r\n").as_bytes())?;
    stream.write_all(bytes)
}

fn whole() -> Server {
    let content = content();
    server(move |stream, range, _| {
        let range = range.unwrap();
        part(stream, range.clone(), &content[range], "")
    })
}

/// A place of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("kandil-download-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn open(&self, identity: &str, size: Option<u64>) -> Download {
        self.open_with(identity, size, 3)
    }

    fn open_with(&self, identity: &str, size: Option<u64>, connections: usize) -> Download {
        let (file, journal) = (self.0.join("part"), self.0.join("journal"));
        let journal = size.map(|_| journal.as_path());
        let place = Place { file: &file, journal, identity, boot: "boot" };
        Download::open(place, size, Pace { connections, rate: None }).unwrap()
    }

    fn known(&self) -> Download {
        self.open("id", Some(SIZE as u64))
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(self.0.join("part")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn source(server: &Server) -> Source {
    Source {
        uri: server.uri.clone(),
        headers: HeaderMap::new(),
        etag: Some("\"a\"".to_owned()),
        condition: Some("\"a\"".to_owned()),
        addresses: None,
        deadlines: Deadlines { connect: LONG, first_byte: LONG, idle: LONG, total: None },
        proxy: None,
    }
}

fn tried(download: &Download, source: Source) -> Vec<Trouble> {
    download.attempt(source);
    until(|| download.ended())
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let late = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < late, "it takes too long");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn assert_is_whole(download: &Download, folder: &Folder) {
    let digest = until(|| download.digest().unwrap());
    assert_eq!(digest, sha256::digest(&content()));
    assert!(folder.content() == content());
}

#[test]
fn a_file_comes_by_several_connections_and_is_hashed() {
    let (server, folder) = (whole(), Folder::new());
    let download = folder.known();
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
    let mut asked: Vec<_> = server.asked.lock().unwrap().iter().flatten().cloned().collect();
    asked.sort_by_key(|range| range.start);
    assert_eq!((asked[0].start, asked.last().unwrap().end), (0, SIZE));
    assert!(asked.windows(2).all(|two| two[0].end == two[1].start), "nothing twice: {asked:?}");
    assert!(tried(&download, source(&server)).is_empty(), "there is nothing left to fetch");
}

/// The first two answers end after `sent` bytes.
fn cutting(sent: usize) -> Server {
    let content = content();
    server(move |stream, range, before| {
        let range = range.unwrap();
        if before < 2 {
            part(stream, range.clone(), &content[range.start..range.start + sent], "")?;
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        part(stream, range.clone(), &content[range], "")
    })
}

fn assert_nothing_came_twice(server: &Server, cut: usize) {
    let asked = server.asked.lock().unwrap();
    let lengths: usize = asked.iter().flatten().map(Range::len).sum();
    let lost: usize = asked.iter().flatten().take(2).map(|range| range.len() - cut).sum();
    assert_eq!(lengths, SIZE + lost);
}

#[test]
fn a_connection_that_was_cut_after_much_is_opened_again() {
    let (server, folder) = (cutting(BLOCK as usize / 2), Folder::new());
    let download = folder.known();
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
    assert_nothing_came_twice(&server, BLOCK as usize / 2);
}

#[test]
fn what_came_before_a_cut_is_not_fetched_again() {
    let (server, folder) = (cutting(1000), Folder::new());
    let download = folder.open_with("id", Some(SIZE as u64), 1);
    for _ in 0..2 {
        let troubles = tried(&download, source(&server));
        assert!(matches!(troubles[..], [Trouble::Fault(Fault::BodyCut { .. })]), "{troubles:?}");
    }
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
    assert_nothing_came_twice(&server, 1000);
}

#[test]
fn who_refuses_some_connections_is_left_to_the_others() {
    let (content, folder) = (content(), Folder::new());
    let server = server(move |stream, range, before| {
        let range = range.unwrap();
        if (1..3).contains(&before) {
            return stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
        }
        part(stream, range.clone(), &content[range], "")
    });
    let download = folder.known();
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
}

#[test]
fn another_run_goes_on_and_hashes_what_is_there() {
    let (server, folder) = (whole(), Folder::new());
    std::fs::write(folder.0.join("part"), &content()[..2 * BLOCK as usize + 7]).unwrap();
    std::fs::write(folder.0.join("journal"), "id\n@boot\n+1\n+0\n+2\n").unwrap();
    let download = folder.known();
    assert_eq!((download.resumed, download.replaced), (2 * BLOCK, false), "the third is not all there");
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
    assert!(server.asked.lock().unwrap().iter().flatten().all(|range| range.start >= 2 * BLOCK as usize));
}

#[test]
fn another_state_of_the_file_begins_anew() {
    let (server, folder) = (whole(), Folder::new());
    std::fs::write(folder.0.join("part"), vec![b'x'; 2 * BLOCK as usize]).unwrap();
    std::fs::write(folder.0.join("journal"), "other\n@boot\n+1\n+0\n").unwrap();
    let download = folder.known();
    assert_eq!((download.resumed, download.replaced), (0, true));
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
}

#[test]
fn a_server_that_sends_something_else_is_not_believed() {
    type Expected = fn(&Trouble) -> bool;
    let answers: [(&'static str, Expected); 7] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", |it| matches!(it, Trouble::Changed(_))),
        ("HTTP/1.1 416 No\r\ncontent-length: 0\r\n\r\n", |it| matches!(it, Trouble::Changed(_))),
        (
            "HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n",
            |it| matches!(it, Trouble::Refused { status: 429, headers } if headers["retry-after"] == "3"),
        ),
        ("HTTP/1.1 206 P\r\ncontent-range: bytes 5-9/99\r\ncontent-length: 5\r\n\r\nxxxxx", |it| {
            matches!(it, Trouble::Changed("the server sends another part than it was asked for"))
        }),
        ("HTTP/1.1 206 P\r\ncontent-range: bytes 0-4/99\r\ncontent-length: 5\r\n\r\nxxxxx", |it| {
            matches!(it, Trouble::Changed("its size is another one"))
        }),
        ("HTTP/1.1 206 P\r\netag: \"b\"\r\ncontent-length: 0\r\n\r\n", |it| {
            matches!(it, Trouble::Changed("its ETag is another one"))
        }),
        (
            "HTTP/1.1 206 P\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n",
            |it| matches!(it, Trouble::Encoded(coding) if coding == "gzip"),
        ),
    ];
    for (answer, is_expected) in answers {
        let folder = Folder::new();
        let server = server(move |stream, _, _| stream.write_all(answer.as_bytes()));
        let download = folder.known();
        let troubles = tried(&download, source(&server));
        assert!(troubles.len() == 1 && is_expected(&troubles[0]), "{answer}: {troubles:?}");
        assert_eq!(server.asked.lock().unwrap().len(), 1, "who refuses is asked once");
        assert_eq!(download.progress().written, 0);
    }
}

#[test]
fn more_than_was_asked_for_is_not_written() {
    let (content, folder) = (content(), Folder::new());
    let server = server(move |stream, range, _| {
        let range = range.unwrap();
        let said = format!("content-range: bytes {}-{}/{SIZE}", range.start, range.end - 1);
        stream.write_all(format!("HTTP/1.1 206 P\r\n{said}\r\n\r\n").as_bytes())?;
        stream.write_all(&content[range])?;
        loop {
            stream.write_all(&[b'x'; 1000])?;
        }
    });
    let download = folder.known();
    let troubles = tried(&download, source(&server));
    assert!(troubles.iter().all(|it| matches!(it, Trouble::Fault(Fault::Malformed(_)))), "{troubles:?}");
    assert!(folder.content().len() <= SIZE);
}

#[test]
fn a_file_without_parts_comes_whole() {
    let (content, folder) = (content(), Folder::new());
    let sent = content.clone();
    let server = server(move |stream, range, _| {
        assert_eq!(range, None);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        stream.write_all(&sent)?;
        Err(std::io::ErrorKind::Other.into()) // its end is the end of the connection
    });
    let download = folder.open("id", None);
    assert!(tried(&download, source(&server)).is_empty());
    assert_is_whole(&download, &folder);
    assert_eq!(download.progress().size, Some(content.len() as u64));
}

#[test]
fn a_whole_file_is_as_long_as_was_said() {
    for (size, sent) in [(1000_u64, 999_usize), (1000, 1001)] {
        let folder = Folder::new();
        let server = server(move |stream, _, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            stream.write_all(&vec![b'x'; sent])?;
            Err(std::io::ErrorKind::Other.into())
        });
        let file = folder.0.join("part");
        let place = Place { file: &file, journal: None, identity: "id", boot: "boot" };
        let download = Download::open(place, Some(size), Pace { connections: 3, rate: None }).unwrap();
        let troubles = tried(&download, source(&server));
        match (&troubles[..], sent < 1000) {
            ([Trouble::Fault(Fault::BodyCut { came, .. })], true) => assert_eq!(came.received, 999),
            ([Trouble::Fault(Fault::Malformed(_))], false) => {}
            _ => panic!("{troubles:?}"),
        }
        assert!(download.digest().unwrap().is_none());
    }
}

#[test]
fn nobody_is_believed_to_have_a_file_of_a_quintillion_bytes() {
    let folder = Folder::new();
    let file = folder.0.join("part");
    let place = Place { file: &file, journal: Some(&file), identity: "id", boot: "boot" };
    assert!(Download::open(place, Some(1 << 60), Pace { connections: 3, rate: None }).is_err());
    assert!(!file.exists());
}

#[test]
fn an_end_keeps_what_came() {
    let (content, folder) = (content(), Folder::new());
    let server = server(move |stream, range, _| {
        let range = range.unwrap();
        part(stream, range.clone(), &content[range.start..range.start + 9_999], "")?;
        std::thread::park();
        Ok(())
    });
    let download = folder.known();
    download.attempt(source(&server));
    let written = || download.progress().written;
    let all = until(|| (written() == 3 * 9_999).then(written));
    drop(download);
    assert_eq!(folder.known().resumed, all, "of blocks that have only begun");
}

#[test]
fn nothing_is_faster_than_its_rate() {
    let (server, folder) = (whole(), Folder::new());
    let (file, journal) = (folder.0.join("part"), folder.0.join("journal"));
    let place = Place { file: &file, journal: Some(&journal), identity: "id", boot: "boot" };
    let rate = 40_u64 << 20;
    let download = Download::open(place, Some(SIZE as u64), Pace { connections: 3, rate: Some(rate) }).unwrap();
    let began = Instant::now();
    assert!(tried(&download, source(&server)).is_empty());
    let least = Duration::from_secs_f64(SIZE as f64 / rate as f64) - Duration::from_millis(150);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    assert_is_whole(&download, &folder);
}

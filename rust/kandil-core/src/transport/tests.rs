//! Against servers of this machine that send, byte by byte, what a test says.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method};

use super::*;

/// What a server does with one connection.
type Serve = Arc<dyn Fn(TcpStream, usize) + Send + Sync>;

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// `serve` gets each connection, and how many there were before it.
fn server(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (serve, counted): (Serve, _) = (Arc::new(serve), Arc::clone(&connections));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (serve, before) = (Arc::clone(&serve), counted.fetch_add(1, Ordering::SeqCst));
            std::thread::spawn(move || serve(stream.unwrap(), before));
        }
    });
    Server { address, connections }
}

/// The next request on it, without its body; None at its end.
fn asked(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    let text = String::from_utf8(head).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(text)
}

/// The same answer, again and again.
fn always(answer: &'static [u8]) -> Server {
    server(move |mut stream, _| {
        while asked(&mut stream).is_some() {
            stream.write_all(answer).unwrap();
        }
    })
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const LONG: Duration = Duration::from_secs(60);

impl Server {
    fn request(&self) -> Request {
        Request {
            method: Method::POST,
            uri: format!("http://{}/v1?a=b", self.address).parse().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
            deadlines: Deadlines { connect: LONG, first_byte: LONG, idle: LONG, total: Some(LONG) },
            largest_body: 1 << 20,
        }
    }
}

/// What comes of work on the transport's thread.
fn on_thread<T: Send + 'static, Work: Future<Output = T> + 'static>(
    work: impl FnOnce(Rc<Client>) -> Work + Send + 'static,
) -> T {
    let thread = Thread::start(Settings::default()).unwrap();
    let (give, take) = mpsc::channel();
    thread.spawn(|client| async move {
        let _ = give.send(work(client).await);
    });
    take.recv().unwrap()
}

fn sent(request: Request) -> Result<Answer, Fault> {
    on_thread(|client| async move { client.send(request).await })
}

#[test]
fn an_answer_is_whole_and_its_connection_is_kept() {
    let server = always(HELLO);
    let request = server.request();
    let (first, second, kept) = on_thread(|client| async move {
        let first = client.send(request.clone()).await.unwrap();
        (first, client.send(request).await.unwrap(), client.connections())
    });
    assert_eq!((first.status, &first.body[..], first.reused), (200, &b"hello"[..], false));
    assert!(second.reused);
    assert_eq!(kept, (1, 0));
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_request_says_what_http_needs() {
    let (heard, head) = mpsc::channel();
    let server = server(move |mut stream, _| {
        heard.send(asked(&mut stream).unwrap()).unwrap();
        stream.write_all(HELLO).unwrap();
    });
    let mut request = server.request();
    request.headers.insert("x-api-key", "secret".parse().unwrap());
    sent(request).unwrap();
    let head = head.recv().unwrap();
    assert!(head.starts_with("POST /v1?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", server.address)), "{head}");
    assert!(head.contains("content-length: 2\r\n") && head.contains("x-api-key: secret\r\n"), "{head}");
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_once() {
    let server = server(|mut stream, before| {
        let _ = asked(&mut stream);
        stream.write_all(HELLO).unwrap();
        if before == 0 {
            let _ = asked(&mut stream); // and closed, without a word
        }
    });
    let request = server.request();
    let answer = on_thread(|client| async move {
        client.send(request.clone()).await.unwrap();
        client.send(request).await
    });
    assert!(!answer.unwrap().reused);
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_new_connection_that_is_closed_is_a_fault() {
    let server = server(|mut stream, _| drop(asked(&mut stream)));
    let fault = sent(server.request()).unwrap_err();
    assert!(matches!(fault, Fault::Lost { how: How::Closed, .. }) && fault.sent(), "{fault:?}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_no_answer_is_said_to_be_none() {
    let is = |answer: &'static [u8]| sent(always(answer).request()).unwrap_err().kind();
    assert_eq!(is(b"SSH-2.0-OpenSSH_9\r\n"), "reply-malformed");
    assert_eq!(is(b"\x15\x03\x01\x00\x02\x02\x16"), "reply-malformed");
    assert_eq!(is(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), "reply-malformed");
    assert_eq!(is(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), "reply-malformed");
    assert_eq!(is(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"), "reply-too-large");
}

#[test]
fn heads_without_end_end() {
    for part in ["x: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let server = server(move |mut stream, _| {
            let _ = asked(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n");
            if part.starts_with("HTTP") {
                let _ = stream.write_all(b"\r\n");
            }
            while stream.write_all(part.repeat(100).as_bytes()).is_ok() {}
        });
        let fault = sent(server.request()).unwrap_err();
        assert!(matches!(fault, Fault::HeadTooLarge(_) | Fault::Malformed(_)), "{part}: {fault:?}");
    }
}

#[test]
fn bodies_without_end_end() {
    let server = server(|mut stream, _| {
        let _ = asked(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert_eq!(sent(server.request()).unwrap_err(), Fault::TooLarge { most: 1 << 20, bomb: false });
}

#[test]
fn a_body_that_is_cut_says_how_much_came() {
    let server = server(|mut stream, _| {
        let _ = asked(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhell");
    });
    let came = Came { received: 4, expected: Some(10) };
    assert_eq!(sent(server.request()).unwrap_err(), Fault::BodyCut { how: How::Closed, came });
}

#[test]
fn each_deadline_has_a_fault_of_its_own() {
    let silent = |said: &'static [u8]| {
        server(move |mut stream, _| {
            let _ = asked(&mut stream);
            stream.write_all(said).unwrap();
            let _ = stream.read(&mut [0]); // until the client leaves
        })
    };
    let short = Duration::from_millis(20);
    let mut request = silent(b"").request();
    request.deadlines.first_byte = short;
    assert_eq!(sent(request).unwrap_err(), Fault::FirstByteTimeout);
    let mut request = silent(b"HTTP/1.1 200 OK\r\n\r\nhel").request();
    request.deadlines.idle = short;
    assert_eq!(sent(request).unwrap_err(), Fault::IdleTimeout(Came { received: 3, expected: None }));
    let mut request = silent(b"").request();
    request.deadlines.total = Some(short);
    assert!(matches!(sent(request).unwrap_err(), Fault::TotalTimeout(_)));
}

#[test]
fn a_server_that_takes_nothing_more_is_told_from_one_that_thinks() {
    let server = server(|stream, _| {
        std::thread::park(); // it reads nothing
        drop(stream);
    });
    let mut request = server.request();
    request.body = vec![b'x'; 64 << 20].into();
    request.deadlines.idle = Duration::from_millis(50);
    assert_eq!(sent(request).unwrap_err(), Fault::SendTimeout);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { address: listener.local_addr().unwrap(), connections: Arc::default() };
    drop(listener);
    let fault = sent(server.request()).unwrap_err();
    assert_eq!(fault, Fault::ConnectionRefused);
    assert!(!fault.sent());
}

#[test]
fn a_dropped_request_closes_its_connection() {
    let (left, seen) = mpsc::channel();
    let server = server(move |mut stream, _| {
        let _ = asked(&mut stream);
        left.send(stream.read(&mut [0]).unwrap()).unwrap();
    });
    let request = server.request();
    let kept = on_thread(|client| async move {
        let left = tokio::time::timeout(Duration::from_millis(50), client.send(request)).await;
        assert!(left.is_err());
        client.connections()
    });
    assert_eq!(seen.recv_timeout(LONG).unwrap(), 0, "the end of the stream");
    assert_eq!(kept, (0, 0));
}

#[test]
fn many_at_once_need_no_more_connections_than_there_are_requests() {
    let server = always(HELLO);
    let request = server.request();
    let (done, kept) = on_thread(|client| async move {
        let done = RefCell::new(0);
        join_all((0..200).map(|_| async {
            for _ in 0..20 {
                assert_eq!(client.send(request.clone()).await.unwrap().body, "hello");
                *done.borrow_mut() += 1;
            }
        }))
        .await;
        client.sweep();
        (done.take(), client.connections().0)
    });
    assert_eq!(done, 4000);
    assert!(kept <= 200 && kept == server.connections.load(Ordering::SeqCst), "{kept}");
}

#[test]
fn nothing_is_sent_where_nothing_is_sent() {
    for (uri, kind) in [
        ("http://example.org/", "url-unusable"),
        ("https://169.254.169.254/", "url-unusable"),
        ("https://metadata.google.internal/", "url-unusable"),
        ("ftp://localhost/", "url-unusable"),
        ("http://me:secret@localhost/", "url-unusable"),
        ("https://inside.example/", "address-refused"),
    ] {
        let mut request = always(HELLO).request();
        request.uri = uri.parse().unwrap();
        let addresses = [("inside.example".to_owned(), vec!["169.254.169.254".parse().unwrap()])].into();
        let thread = Thread::start(Settings { addresses, ..Settings::default() }).unwrap();
        let (give, take) = mpsc::channel();
        thread.spawn(move |client| async move { give.send(client.send(request).await).unwrap() });
        let fault = take.recv().unwrap().unwrap_err();
        assert_eq!((fault.kind(), fault.sent()), (kind, false), "{uri}");
        assert!(!format!("{fault:?} {fault}").contains("secret"));
    }
}

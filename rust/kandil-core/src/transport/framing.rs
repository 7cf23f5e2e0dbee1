//! How HTTP/1.1 writes requests and answers (RFC 9112). Bytes alone: nothing is sent or read here.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use httparse::Status;

use super::{Fault, Request};

/// Of a head, with those interim ones that came before it.
pub(super) const LARGEST_HEAD: usize = 80 << 10;
const MOST_HEADERS: usize = 256;
/// The size of a chunk, with what is said of it.
const LARGEST_CHUNK_LINE: usize = 4 << 10;
const BEGINNING: &[u8] = b"HTTP/1.";
/// What TLS begins with, when it complains.
const TLS_ALERT: u8 = 0x15;

/// The head of a request: the path alone, and the host as a header.
pub(super) fn request_head(request: &Request, host: &HeaderValue) -> Vec<u8> {
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut head = Vec::with_capacity(512);
    for part in [request.method.as_str(), " ", path, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    line(&mut head, &HOST, host.as_bytes());
    if !request.body.is_empty() || ![Method::GET, Method::HEAD].contains(&request.method) {
        line(&mut head, &CONTENT_LENGTH, request.body.len().to_string().as_bytes());
    }
    for (name, value) in &request.headers {
        if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            line(&mut head, name, value.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn line(head: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// Finds the head of an answer in what was read, however little comes at once.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Bytes that were looked at in vain.
    seen: usize,
    /// Bytes of what came before it.
    before: usize,
}

impl Heads {
    /// Takes the head, if it is all there. Interim ones are skipped.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Response<()>>, Fault> {
        loop {
            self.skip_empty_lines(read);
            check_beginning(read)?;
            let end = head_end(read, self.seen);
            if self.before + end.unwrap_or(read.len()) >= LARGEST_HEAD {
                return Err(Fault::HeadTooLarge(LARGEST_HEAD as u64));
            }
            let Some(end) = end else {
                self.seen = read.len();
                return Ok(None);
            };
            let head = parsed(&read.split_to(end).freeze())?;
            if head.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Err(malformed("it changes to another protocol, unasked"));
            }
            if !head.status().is_informational() {
                return Ok(Some(head));
            }
            self.seen = 0;
            self.before += end;
        }
    }

    fn skip_empty_lines(&mut self, read: &mut BytesMut) {
        let empty = read.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        read.advance(empty);
        self.seen = self.seen.saturating_sub(empty);
        self.before += empty;
    }
}

/// Who speaks something else is found out at once, and not when the end of a head does not come.
fn check_beginning(read: &[u8]) -> Result<(), Fault> {
    let common = read.len().min(BEGINNING.len());
    match read.first() {
        Some(&TLS_ALERT) => Err(malformed("it speaks TLS: use https://")),
        _ if read.get(..common) == BEGINNING.get(..common) => Ok(()),
        _ => Err(no_http()),
    }
}

/// The length of a head, to its empty line; `seen` bytes have none.
fn head_end(read: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let ends = memchr::memchr_iter(b'\n', read.get(from..)?).map(|at| from + at + 1);
    ends.filter_map(|end| match read.get(end..)? {
        [b'\n', ..] => Some(end + 1),
        [b'\r', b'\n', ..] => Some(end + 2),
        _ => None,
    })
    .next()
}

fn parsed(head: &Bytes) -> Result<Response<()>, Fault> {
    let mut slots = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut said = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut said, head, &mut slots);
    let (Ok(Status::Complete(_)), Some(code)) = (parsed, said.code) else {
        return Err(no_http());
    };
    let mut headers = HeaderMap::with_capacity(said.headers.len());
    for header in said.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| no_http())?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(header.value)).map_err(|_| no_http())?;
        headers.append(name, value);
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).map_err(|_| no_http())?;
    *response.version_mut() = if said.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    *response.headers_mut() = headers;
    Ok(response)
}

fn malformed(reason: &str) -> Fault {
    Fault::Malformed(reason.to_owned())
}

fn no_http() -> Fault {
    malformed("what answers does not speak HTTP/1.1")
}

/// How it is told where a body ends, and how far it is (RFC 9112, 6.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunk),
    UntilClosed,
    Over,
}

/// What comes next of a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Size,
    Bytes(u64),
    End,
    /// So many bytes of them came.
    Trailers(usize),
}

/// A body is not as HTTP says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFraming;

impl Framing {
    /// Of the answer to a request, and whether the connection takes another one after it.
    pub(super) fn of(method: &Method, head: &Response<()>) -> Result<(Framing, bool), Fault> {
        let headers = head.headers();
        let keeps = match head.version() {
            Version::HTTP_10 => says(headers, &CONNECTION, "keep-alive"),
            _ => !says(headers, &CONNECTION, "close"),
        };
        if method == Method::HEAD || matches!(head.status().as_u16(), 204 | 304) {
            return Ok((Framing::Over, keeps));
        }
        let length = length(headers)?;
        if headers.contains_key(TRANSFER_ENCODING) {
            if head.version() == Version::HTTP_10 {
                return Err(malformed("HTTP/1.0 knows no transfer-encoding"));
            }
            return Ok(match is_chunked(headers) {
                true => (Framing::Chunked(Chunk::Size), keeps && length.is_none()),
                false => (Framing::UntilClosed, false),
            });
        }
        Ok(match length {
            None => (Framing::UntilClosed, false),
            Some(0) => (Framing::Over, keeps),
            Some(length) => (Framing::Length(length), keeps),
        })
    }

    /// The next part in what was read; None: more has to be read, or the body is [`Framing::Over`].
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, BadFraming> {
        match self {
            Framing::Over => Ok(None),
            Framing::UntilClosed => Ok(up_to(u64::MAX, read)),
            Framing::Length(left) => {
                let part = up_to(*left, read);
                *left -= part.as_ref().map_or(0, |part| part.len() as u64);
                if *left == 0 {
                    *self = Framing::Over;
                }
                Ok(part)
            }
            Framing::Chunked(chunk) => {
                let part = chunk.take(read)?;
                if part.is_none() && chunk.is_last(read)? {
                    *self = Framing::Over;
                }
                Ok(part)
            }
        }
    }
}

impl Chunk {
    fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, BadFraming> {
        loop {
            match self {
                Chunk::Size => match httparse::parse_chunk_size(read) {
                    Err(_) => return Err(BadFraming),
                    Ok(Status::Partial) if read.len() > LARGEST_CHUNK_LINE => return Err(BadFraming),
                    Ok(Status::Partial) => return Ok(None),
                    Ok(Status::Complete((line, size))) => {
                        read.advance(line);
                        *self = if size == 0 { Chunk::Trailers(0) } else { Chunk::Bytes(size) };
                    }
                },
                Chunk::Bytes(left) => {
                    let part = up_to(*left, read);
                    *left -= part.as_ref().map_or(0, |part| part.len() as u64);
                    if *left == 0 {
                        *self = Chunk::End;
                    }
                    return Ok(part);
                }
                Chunk::End => match read.get(..2) {
                    Some(b"\r\n") => {
                        read.advance(2);
                        *self = Chunk::Size;
                    }
                    Some(_) => return Err(BadFraming),
                    None => return Ok(None),
                },
                Chunk::Trailers(_) => return Ok(None),
            }
        }
    }

    /// Whether the empty line after the last chunk has come. Trailers are nobody's.
    fn is_last(&mut self, read: &mut BytesMut) -> Result<bool, BadFraming> {
        let Chunk::Trailers(came) = self else {
            return Ok(false);
        };
        while let Some(end) = memchr::memchr(b'\n', read) {
            let is_empty = matches!(read.get(..end), Some(b"" | b"\r"));
            read.advance(end + 1);
            *came += end + 1;
            if is_empty {
                return Ok(true);
            }
        }
        if *came + read.len() > LARGEST_HEAD { Err(BadFraming) } else { Ok(false) }
    }
}

fn up_to(most: u64, read: &mut BytesMut) -> Option<Bytes> {
    let size = usize::try_from(most).unwrap_or(usize::MAX).min(read.len());
    (size > 0).then(|| read.split_to(size).freeze())
}

/// What the servers say; all that say something say the same.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut known = None;
    for said in headers.get_all(CONTENT_LENGTH).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        let text = std::str::from_utf8(said.trim_ascii()).unwrap_or_default();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let length = text.parse().ok().filter(|_| digits);
        if length.is_none() || known.is_some_and(|known| Some(known) != length) {
            return Err(malformed("its content-length is no number, or several"));
        }
        known = length;
    }
    Ok(known)
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let coding = last.and_then(|codings| codings.as_bytes().rsplit(|byte| *byte == b',').next());
    coding.is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// Whether a list has a token.
fn says(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut tokens = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.any(|said| said.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer's status and body, given in these parts; an error's kind, or "unfinished".
    fn answer(parts: &[&[u8]]) -> Result<(u16, Vec<u8>, bool), &'static str> {
        let (mut read, mut heads, mut body) = (BytesMut::new(), Heads::default(), Vec::new());
        let mut found = None;
        for part in parts {
            read.extend_from_slice(part);
            if found.is_none()
                && let Some(head) = heads.take(&mut read).map_err(|fault| fault.kind())?
            {
                let framed = Framing::of(&Method::GET, &head).map_err(|fault| fault.kind())?;
                found = Some((head.status().as_u16(), framed));
            }
            if let Some((_, (framing, _))) = &mut found {
                while let Some(part) = framing.take(&mut read).map_err(|_| "bad body")? {
                    body.extend_from_slice(&part);
                }
            }
        }
        match found {
            Some((status, (Framing::Over, keeps))) => Ok((status, body, keeps && read.is_empty())),
            _ => Err("unfinished"),
        }
    }

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn an_answer_is_the_same_however_it_is_cut() {
        type Expected = (u16, &'static [u8], bool);
        let answers: [(&[u8], Expected); 9] = [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", (200, b"hello", true)),
            (b"\r\nHTTP/1.1 204 No Content\r\n\r\n", (204, b"", true)),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", (500, b"", true)),
            (b"HTTP/1.1 200 OK\ncontent-length: 2, 2\nconnection: x, Close\n\nhi", (200, b"hi", false)),
            (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", (200, b"hi", false)),
            (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi", (200, b"hi", true)),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi!", (200, b"hi", false)),
            (&[CHUNKED, b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nx: y\r\n\r\n"].concat(), (200, b"hello", true)),
            (&[CHUNKED, b"00\r\n\r\n"].concat(), (200, b"", true)),
        ];
        for (answer_bytes, (status, body, keeps)) in answers {
            let expected = Ok((status, body.to_vec(), keeps));
            assert_eq!(answer(&[answer_bytes]), expected);
            for at in 0..answer_bytes.len() {
                let (one, two) = answer_bytes.split_at(at);
                assert_eq!(answer(&[one, two]), expected, "cut at {at}");
                assert_eq!(answer(&[one]), Err("unfinished").or_else(|end| early(body, one, end)), "ended at {at}");
            }
            let bytes: Vec<&[u8]> = answer_bytes.chunks(1).collect();
            assert_eq!(answer(&bytes), expected);
        }

        /// One that is whole before its last byte has more than belongs to it.
        fn early(body: &[u8], came: &[u8], end: &'static str) -> Result<(u16, Vec<u8>, bool), &'static str> {
            if came.ends_with(b"\r\n\r\nhi") && body == b"hi" { Ok((200, body.to_vec(), true)) } else { Err(end) }
        }
    }

    /// Where a server's bytes are cut is the network's doing, and must not decide what they mean.
    #[test]
    fn what_is_damaged_is_the_same_however_it_is_cut() {
        let whole = [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nhello, world".as_slice(),
            &[CHUNKED, b"5\r\nhello\r\n2;x\r\n, \r\n5\r\nworld\r\n0\r\nx: y\r\n\r\n"].concat(),
        ];
        let mut random = 6_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        for round in 0..20_000 {
            let mut damaged = whole[round % 2].to_vec();
            for _ in 0..=next(3) {
                let at = next(damaged.len());
                match next(3) {
                    0 => damaged[at] = b"\r\n: ;0129azHTP\0\xff"[next(16)],
                    1 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, b"\r\n:;0"[next(5)]),
                }
            }
            let parts: Vec<&[u8]> = damaged.chunks(1 + next(7)).collect();
            assert_eq!(answer(&parts), answer(&[&damaged]), "{}", damaged.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_as_http_says_is_refused() {
        let refused: [(&[u8], &str); 12] = [
            (b"SSH-2.0", "reply-malformed"),
            (b"\x15\x03", "reply-malformed"),
            (b"HTTP/2 200\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "reply-malformed"),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "reply-malformed"),
            (&[CHUNKED, b"2\r\nhello"].concat(), "bad body"),
            (&[CHUNKED, b"-1\r\n"].concat(), "bad body"),
        ];
        for (bytes, kind) in refused {
            assert_eq!(answer(&[bytes]), Err(kind), "{}", bytes.escape_ascii());
        }
        assert_eq!(answer(&[CHUNKED, &b"1;".repeat(LARGEST_CHUNK_LINE)]), Err("bad body"));
        assert_eq!(answer(&[CHUNKED, b"0\r\n", &b"x: y\r\n".repeat(LARGEST_HEAD)]), Err("bad body"));
    }

    #[test]
    fn heads_have_a_largest_size_however_they_come() {
        let line = b"x: y\r\n".as_slice();
        let drip: Vec<_> = [b"HTTP/1.1 200 OK\r\n".as_slice()].into_iter().chain([line; LARGEST_HEAD / 6]).collect();
        assert_eq!(answer(&drip), Err("reply-too-large"));
        assert_eq!(answer(&[&drip.concat(), b"\r\n"]), Err("reply-too-large"));
        assert_eq!(
            answer(&vec![b"HTTP/1.1 102 Processing\r\n\r\n".as_slice(); LARGEST_HEAD / 20]),
            Err("reply-too-large")
        );
        assert_eq!(answer(&vec![b"\r\n".as_slice(); LARGEST_HEAD]), Err("reply-too-large"));
    }

    #[test]
    fn a_body_without_a_length_ends_with_its_connection() {
        let (mut read, mut heads) = (BytesMut::from("HTTP/1.1 200 OK\r\n\r\nhello"), Heads::default());
        let head = heads.take(&mut read).unwrap().unwrap();
        assert_eq!(Framing::of(&Method::HEAD, &head).unwrap().0, Framing::Over);
        let (mut framing, keeps) = Framing::of(&Method::GET, &head).unwrap();
        assert!(!keeps);
        assert_eq!(framing.take(&mut read).unwrap().unwrap(), "hello");
        assert_eq!((framing.take(&mut read), framing), (Ok(None), Framing::UntilClosed));
    }
}

//! One HTTP/1.1 connection: bytes in, requests out of them, answers back, with TLS or without.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use memchr::memmem;
use rustls::ServerConnection;

const CHUNK: usize = 16 << 10;
const LARGEST_REQUEST: usize = 1 << 20;

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
    input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    /// An answer is in `output` and its time has not come.
    pub(crate) held: bool,
    pub(crate) closes: bool,
    pub(crate) wants_write: bool,
}

/// A whole request, as places in the input.
pub(crate) struct Request {
    pub(crate) method: Range<usize>,
    pub(crate) path: Range<usize>,
    pub(crate) body: Range<usize>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, tls: Option<ServerConnection>) -> Self {
        let (input, output) = (Vec::new(), Vec::new());
        Self { stream, tls: tls.map(Box::new), input, output, held: false, closes: false, wants_write: false }
    }

    /// Takes what has come. An error, or the end of the stream as one, ends the connection.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        loop {
            let before = self.input.len();
            if before > LARGEST_REQUEST {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let (got, asked) = match &mut self.tls {
                None => {
                    self.input.resize(before + CHUNK, 0);
                    let got = self.stream.read(&mut self.input[before..]);
                    self.input.truncate(before + *got.as_ref().unwrap_or(&0));
                    (got, CHUNK)
                }
                Some(tls) => {
                    let got = tls.read_tls(&mut self.stream);
                    if got.is_ok() {
                        let state = tls.process_new_packets().map_err(io::Error::other)?;
                        self.input.resize(before + state.plaintext_bytes_to_read(), 0);
                        tls.reader().read_exact(&mut self.input[before..])?;
                    }
                    (got, 0)
                }
            };
            match got {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) if got < asked => return Ok(()), // epoll says it again should there be more
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The first request in the input, if all of it is there. Chunked bodies are not read: no client here sends one.
    pub(crate) fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = memmem::find(&self.input, b"\r\n\r\n") else { return Ok(None) };
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        let mut lines = self.input[..head].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.next().ok_or_else(malformed)?;
        let method = memchr::memchr(b' ', first).ok_or_else(malformed)?;
        let path = memchr::memrchr(b' ', first).filter(|end| *end > method).ok_or_else(malformed)?;
        let mut length = 0;
        for line in lines {
            let colon = memchr::memchr(b':', line).ok_or_else(malformed)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                length =
                    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
            } else if name.eq_ignore_ascii_case(b"connection") {
                self.closes |= value.eq_ignore_ascii_case(b"close");
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                return Err(malformed());
            }
        }
        let body = head + 4..(head + 4).saturating_add(length);
        if body.end > LARGEST_REQUEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok((self.input.len() >= body.end).then_some(Request { method: 0..method, path: method + 1..path, body }))
    }

    pub(crate) fn bytes(&self, place: &Range<usize>) -> &[u8] {
        &self.input[place.clone()]
    }

    pub(crate) fn forget(&mut self, request: &Request) {
        self.input.drain(..request.body.end);
    }

    /// Sends what may be sent now; true once there is no more.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if let Some(tls) = &mut self.tls {
            if !self.held {
                tls.writer().write_all(&self.output)?;
                self.output.clear();
            }
            while tls.wants_write() {
                match tls.write_tls(&mut self.stream) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            return Ok(true);
        }
        while !self.held && !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

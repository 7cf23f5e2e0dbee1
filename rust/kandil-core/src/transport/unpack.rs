//! Compressed bodies: unpacked within a bound.

use std::io::Read;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::Fault;

/// What becomes more than this, and more than so many times what it was, is no honest answer.
const UNSUSPICIOUS: u64 = 4 << 20;
const LARGEST_RATIO: u64 = 200;

/// The body, as its headers say.
pub(super) fn whole(body: Bytes, headers: &HeaderMap, most: u64) -> Result<Bytes, Fault> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(body) };
    let mut codings = encoding.as_bytes().trim_ascii().to_ascii_lowercase();
    codings.truncate(16);
    let packed = &body[..];
    match &codings[..] {
        b"" | b"identity" => Ok(body),
        _ if packed.is_empty() => Ok(body),
        b"gzip" | b"x-gzip" => bounded(flate2::read::MultiGzDecoder::new(packed), packed, most),
        b"deflate" if has_zlib_header(packed) => bounded(flate2::read::ZlibDecoder::new(packed), packed, most),
        // What some servers understand by deflate.
        b"deflate" => bounded(flate2::read::DeflateDecoder::new(packed), packed, most),
        b"zstd" => bounded(Zstd { rest: packed, frame: None }, packed, most),
        _ => Err(Fault::Malformed("the body is compressed in a way that was not asked for".to_owned())),
    }
}

fn bounded(unpacked: impl Read, packed: &[u8], most: u64) -> Result<Bytes, Fault> {
    let honest = UNSUSPICIOUS.max(LARGEST_RATIO * packed.len() as u64);
    let mut whole = Vec::new();
    let read = unpacked.take(most.min(honest).saturating_add(1)).read_to_end(&mut whole);
    let length = whole.len() as u64;
    if length > most {
        return Err(Fault::TooLarge { most, bomb: false });
    }
    if length > honest {
        return Err(Fault::TooLarge { most: length, bomb: true });
    }
    match read {
        Ok(_) => Ok(whole.into()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Fault::Malformed("the body's compression ends too early".to_owned()))
        }
        Err(_) => Err(Fault::Malformed("the body's compression is broken".to_owned())),
    }
}

/// RFC 1950.
fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

/// Frame after frame, as RFC 8878 has it.
struct Zstd<'a> {
    rest: &'a [u8],
    frame: Option<ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl Read for Zstd<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let Some(frame) = &mut self.frame else {
                if self.rest.is_empty() {
                    return Ok(0);
                }
                let opened = ruzstd::decoding::StreamingDecoder::new(self.rest);
                self.frame = Some(opened.map_err(std::io::Error::other)?);
                continue;
            };
            match frame.read(to)? {
                0 if to.is_empty() => return Ok(0),
                0 => self.rest = self.frame.take().map_or(&[][..], |frame| frame.into_inner()),
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn headers(encoding: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, encoding.parse().unwrap())])
    }

    fn packed(encoding: &str, content: &[u8]) -> Bytes {
        let level = Compression::default();
        let whole = match encoding {
            "gzip" => {
                let mut to = GzEncoder::new(Vec::new(), level);
                to.write_all(content).unwrap();
                to.finish()
            }
            "deflate" => {
                let mut to = ZlibEncoder::new(Vec::new(), level);
                to.write_all(content).unwrap();
                to.finish()
            }
            "raw" => {
                let mut to = DeflateEncoder::new(Vec::new(), level);
                to.write_all(content).unwrap();
                to.finish()
            }
            _ => Ok(ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)),
        };
        whole.unwrap().into()
    }

    #[test]
    fn unpacks_what_was_packed() {
        let content = b"said and done ".repeat(1000);
        for (way, said) in [("gzip", "gzip"), ("deflate", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
            let body = whole(packed(way, &content), &headers(said), 1 << 20).unwrap();
            assert_eq!(body, content, "{way}");
        }
    }

    #[test]
    fn frames_and_members_follow_one_another() {
        for way in ["gzip", "zstd"] {
            let both = [packed(way, b"one "), packed(way, b"two")].concat();
            assert_eq!(whole(both.into(), &headers(way), 100).unwrap(), &b"one two"[..], "{way}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let content = vec![0; 10 << 20];
        for way in ["gzip", "deflate", "zstd"] {
            let most = 1 << 20;
            let limited = whole(packed(way, &content), &headers(way), most);
            assert_eq!(limited, Err(Fault::TooLarge { most, bomb: false }), "{way}");
            let suspicious = whole(packed(way, &content), &headers(way), 1 << 30);
            assert!(matches!(suspicious, Err(Fault::TooLarge { bomb: true, .. })), "{way}");
        }
    }

    #[test]
    fn garbage_is_said_to_be_garbage() {
        for way in ["gzip", "deflate", "zstd", "br", "gzip, gzip"] {
            let result = whole(Bytes::from_static(b"no such thing"), &headers(way), 1 << 20);
            assert!(matches!(result, Err(Fault::Malformed(_))), "{way}: {result:?}");
        }
    }

    #[test]
    fn a_cut_is_no_end() {
        let content = b"said and done ".repeat(1000);
        for way in ["gzip", "deflate", "zstd"] {
            let all = packed(way, &content);
            let result = whole(all.slice(..all.len() - 9), &headers(way), 1 << 20);
            assert!(matches!(result, Err(Fault::Malformed(_))), "{way}: {result:?}");
        }
    }
}

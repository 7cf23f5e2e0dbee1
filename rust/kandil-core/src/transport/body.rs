//! Bodies: gathered within a bound and within time, and unpacked within the same bound.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::Fault;

/// What a body that says nothing of its length begins with room for.
const USUAL: usize = 2048;

/// The whole body, as it came.
pub(super) async fn gathered(mut body: Incoming, most: u64, idle: Duration) -> Result<Bytes, Fault> {
    let expected = body.size_hint().lower();
    if expected > most {
        return Err(Fault::TooLarge(most));
    }
    let mut whole: Option<BytesMut> = None;
    let mut first = Bytes::new();
    loop {
        let frame = match timeout(idle, body.frame()).await {
            Err(_) => return Err(Fault::IdleTimeout),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(super::client::broken(&error, true)),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let length = whole.as_ref().map_or(first.len(), BytesMut::len) + data.len();
        if length as u64 > most {
            return Err(Fault::TooLarge(most));
        }
        match &mut whole {
            Some(whole) => whole.extend_from_slice(&data),
            None if first.is_empty() => first = data, // as a rule the only one: nothing is copied
            None => {
                let mut joined = BytesMut::with_capacity(length.max(USUAL));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                whole = Some(joined);
            }
        }
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

/// Unpacked, as its headers say.
pub(super) fn unpacked(body: Bytes, headers: &HeaderMap, most: u64) -> Result<Bytes, Fault> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(body) };
    let failed = |why: String| Fault::Malformed(format!("the body cannot be unpacked: {why}"));
    let words = encoding.to_str().map_err(|_| failed("its encoding is no text".to_owned()))?;
    match words.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => bounded(flate2::read::MultiGzDecoder::new(&body[..]), most),
        "deflate" => bounded(flate2::read::ZlibDecoder::new(&body[..]), most).or_else(|fault| match fault {
            Fault::Malformed(_) => bounded(flate2::read::DeflateDecoder::new(&body[..]), most), // some leave out zlib's head
            other => Err(other),
        }),
        "zstd" => {
            let reader = ruzstd::decoding::StreamingDecoder::new(&body[..]);
            bounded(reader.map_err(|error| failed(error.to_string()))?, most)
        }
        other => Err(failed(format!("nothing was said of {}", other.chars().take(40).collect::<String>()))),
    }
}

fn bounded(packed: impl Read, most: u64) -> Result<Bytes, Fault> {
    let mut whole = Vec::new();
    let read = packed.take(most.saturating_add(1)).read_to_end(&mut whole);
    read.map_err(|error| Fault::Malformed(format!("the body cannot be unpacked: {error}")))?;
    if whole.len() as u64 > most { Err(Fault::TooLarge(most)) } else { Ok(whole.into()) }
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
            let body = unpacked(packed(way, &content), &headers(said), 1 << 20).unwrap();
            assert_eq!(body, content, "{way}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let content = vec![0; 10 << 20];
        for way in ["gzip", "deflate", "zstd"] {
            assert_eq!(unpacked(packed(way, &content), &headers(way), 1 << 20), Err(Fault::TooLarge(1 << 20)));
        }
    }

    #[test]
    fn garbage_is_said_to_be_garbage() {
        for way in ["gzip", "deflate", "zstd", "br", "gzip, gzip"] {
            let result = unpacked(Bytes::from_static(b"no such thing"), &headers(way), 1 << 20);
            assert!(matches!(result, Err(Fault::Malformed(_))), "{way}: {result:?}");
        }
    }
}

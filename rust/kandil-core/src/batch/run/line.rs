//! Lines of output, in the form of OpenAI's batch results.

use serde::Serialize;

use super::Failure;
use super::job::Named;
use crate::transport::Answer;

const REQUEST_IDS: [&str; 3] = ["x-request-id", "request-id", "x-goog-request-id"];
const LONGEST_REQUEST_ID: usize = 128;

/// What the provider calls the request; empty: it does not say.
pub(super) fn request_id(answer: &Answer) -> &str {
    REQUEST_IDS.iter().find_map(|name| answer.headers.get(*name)?.to_str().ok()).unwrap_or_default()
}

/// Of an answer that came with this id; `body` is one line of JSON.
pub(in crate::batch) fn answered(row: &Named<'_>, request_id: &str, body: &[u8]) -> Vec<u8> {
    let mut line = begun(row, body.len() + 256);
    line.extend_from_slice(b",\"response\":{\"status_code\":200,\"request_id\":");
    json(&mut line, if request_id.len() <= LONGEST_REQUEST_ID { request_id } else { "" });
    line.extend_from_slice(b",\"body\":");
    line.extend_from_slice(body);
    line.extend_from_slice(b"},\"error\":null}\n");
    line
}

/// Of a failure, with what was received.
pub(in crate::batch) fn failure(row: &Named<'_>, failure: &Failure, received: Option<(u16, &[u8])>) -> Vec<u8> {
    let mut line = begun(row, 512);
    line.extend_from_slice(b",\"response\":");
    match received {
        None => line.extend_from_slice(b"null"),
        Some((status, body)) => {
            line.extend_from_slice(b"{\"status_code\":");
            json(&mut line, &status);
            line.extend_from_slice(b",\"request_id\":\"\",\"body\":");
            match serde_json::from_slice::<serde_json::Value>(body) {
                Ok(body) => json(&mut line, &body),
                Err(_) => json(&mut line, &String::from_utf8_lossy(body)),
            }
            line.push(b'}');
        }
    }
    line.extend_from_slice(b",\"error\":{\"code\":");
    json(&mut line, &failure.code);
    line.extend_from_slice(b",\"message\":");
    json(&mut line, &failure.message);
    line.extend_from_slice(b"}}\n");
    line
}

fn begun(row: &Named<'_>, more: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(more + row.custom_id.len() + 80);
    line.extend_from_slice(b"{\"id\":\"batch_req_");
    for byte in row.content {
        line.push(HEX[usize::from(byte >> 4)]);
        line.push(HEX[usize::from(byte & 15)]);
    }
    line.extend_from_slice(b"\",\"custom_id\":");
    json(&mut line, &row.custom_id);
    line
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(line, value).expect("a vector takes all, and such values have no maps with other keys");
}

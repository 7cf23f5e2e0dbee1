//! Bodies of requests and answers, between OpenAI's form and the provider's: what a row of a batch costs, but for its
//! way over the network.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::batch::protocol::{Kind, Protocol, Target, decode, encode};

const SAID: &str = "The quick brown fox jumps over the lazy dog, and then it goes on to say what it was asked for. ";

/// About 300 bytes.
fn request() -> Vec<u8> {
    let asked = &SAID.repeat(2)[..170];
    format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{asked}"}}],"max_tokens":256,"temperature":0.2}}"#
    )
    .into_bytes()
}

/// About 600 bytes each.
fn answer(protocol: Protocol) -> Vec<u8> {
    let said = &SAID.repeat(5)[..280];
    match protocol {
        Protocol::OpenAi => format!(
            r#"{{"id":"chatcmpl-paOTm2VSbMNrfhaSqGFJdUTXENe8AQYm","object":"chat.completion","created":1795398389,"model":"m-2026-01-01","choices":[{{"index":0,"message":{{"role":"assistant","content":"{said}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":42,"completion_tokens":60,"total_tokens":102,"prompt_tokens_details":{{"cached_tokens":0}}}},"system_fingerprint":"fp_44709d6fcb"}}"#
        ),
        Protocol::Anthropic => format!(
            r#"{{"id":"msg_ab3a0be9cc3142608076959e","type":"message","role":"assistant","model":"m-2026-01-01","content":[{{"type":"text","text":"{said}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":42,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0}},"output_tokens":60,"service_tier":"batch"}}}}"#
        ),
        Protocol::Gemini => format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{said}"}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":42,"candidatesTokenCount":60,"totalTokenCount":102,"promptTokensDetails":[{{"modality":"TEXT","tokenCount":42}}]}},"modelVersion":"m-2026-01-01","responseId":"mAITaLmkHPPVz7IPvtaUsQ4"}}"#
        ),
        Protocol::Ollama => format!(
            r#"{{"model":"m","created_at":"2026-11-23T01:46:29.284Z","message":{{"role":"assistant","content":"{said}"}},"done":true,"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":42,"prompt_eval_duration":20000,"eval_count":60,"eval_duration":900000}}"#
        ),
    }
    .into_bytes()
}

fn protocol(criterion: &mut Criterion) {
    for protocol in [Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini, Protocol::Ollama] {
        let mut group = criterion.benchmark_group(format!("protocol/{protocol:?}"));
        let target = Target::new(protocol, "m");
        let (asked, said) = (request(), answer(protocol));
        let mut out = Vec::with_capacity(4096);
        group.throughput(Throughput::Bytes(asked.len() as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(&target, Kind::Chat, black_box(&asked), &mut out).expect("it can be said");
            });
        });
        group.throughput(Throughput::Bytes(said.len() as u64));
        group.bench_function("decode", |bencher| {
            bencher.iter(|| {
                out.clear();
                black_box(decode(&target, Kind::Chat, black_box(&said), &mut out).expect("it is an answer"));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, protocol);
criterion_main!(benches);

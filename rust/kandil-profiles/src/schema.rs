//! What may stand in a profile: one table of fields for each kind of entry.

use crate::kinds::{Field, Kind};

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

/// The wire formats.
pub const PROTOCOLS: &[&str] = &["openai", "anthropic", "gemini", "ollama"];
const MODEL_KINDS: &[&str] = &["chat", "embedding", "reranker"];
const ENDPOINTS: &[&str] = &["chat", "responses"];
const LACKS: &[&str] = &["stream_options", "json_schema", "max_tokens", "store"];
const STATUSES: &[&str] = &["active", "preview", "deprecated", "retired"];
const SUPPORTS: &[&str] = &["vision", "tools", "reasoning", "json"];
const SOURCES: Field = must("sources", Kind::List(&Kind::Text));

const LIMITS: &[Field] = &[
    may("tier", Kind::Text),
    may("requests_per_minute", Kind::Count),
    may("requests_per_day", Kind::Count),
    may("tokens_per_minute", Kind::Count),
    may("tokens_per_day", Kind::Count),
    may("input_tokens_per_minute", Kind::Count),
    may("output_tokens_per_minute", Kind::Count),
    may("concurrent_requests", Kind::Count),
    may("models", Kind::Map(&Kind::Table(LIMITS_OF_A_MODEL))),
    may("note", Kind::Text),
];

const LIMITS_OF_A_MODEL: &[Field] = &[
    may("requests_per_minute", Kind::Count),
    may("requests_per_day", Kind::Count),
    may("tokens_per_minute", Kind::Count),
    may("tokens_per_day", Kind::Count),
];

const PRICE: &[Field] = &[
    may("input", Kind::Amount),
    may("output", Kind::Amount),
    may("cache_read", Kind::Amount),
    may("tiers", Kind::List(&Kind::Table(PRICE_TIER))),
    may("off_peak", Kind::Table(OFF_PEAK)),
];

const PRICE_TIER: &[Field] = &[
    must("above_input_tokens", Kind::Count),
    may("input", Kind::Amount),
    may("output", Kind::Amount),
    may("cache_read", Kind::Amount),
];

const OFF_PEAK: &[Field] = &[may("input", Kind::Amount), may("output", Kind::Amount), must("hours_utc", Kind::Text)];

/// `[provider]`.
pub const PROVIDER: &[Field] = &[
    must("id", Kind::Text),
    must("name", Kind::Text),
    must("protocol", Kind::OneOf(PROTOCOLS)),
    must("base_url", Kind::Url),
    may("other_base_urls", Kind::Map(&Kind::Url)),
    must("chat_path", Kind::Path),
    must("models_path", Kind::Path),
    may("models_need_key", Kind::Flag),
    may("auth", Kind::Table(&[must("header", Kind::Header), may("scheme", Kind::Text)])),
    may("headers", Kind::Map(&Kind::Text)),
    may("lacks", Kind::List(&Kind::OneOf(LACKS))),
    may("console_url", Kind::Link),
    may("key_prefixes", Kind::List(&Kind::Text)),
    may("key_pattern", Kind::Text),
    may("env_vars", Kind::List(&Kind::Text)),
    may("limit_headers", Kind::List(&Kind::Header)),
    may("limits", Kind::Table(LIMITS)),
    may("limits_note", Kind::Text),
    may(
        "error",
        Kind::Table(&[
            may("message", Kind::Pointer),
            may("type", Kind::Pointer),
            may("code", Kind::Pointer),
            may("request_id", Kind::Pointer),
            may("request_id_header", Kind::Header),
        ]),
    ),
    may("error_codes", Kind::Map(&Kind::Text)),
    must(
        "check",
        Kind::Table(&[
            must("url", Kind::Url),
            must("ok", Kind::List(&Kind::Count)),
            must("bad_key", Kind::List(&Kind::Count)),
            may("bad_key_note", Kind::Text),
        ]),
    ),
    may("docs_url", Kind::Link),
    may("note", Kind::Text),
    may("unconfirmed", Kind::List(&Kind::Text)),
    SOURCES,
];

/// `[models."…"]` of a provider's file.
pub const MODEL: &[Field] = &[
    must("api_model", Kind::Text),
    must("name", Kind::Text),
    may("kind", Kind::OneOf(MODEL_KINDS)),
    may("endpoint", Kind::OneOf(ENDPOINTS)),
    may("protocol", Kind::OneOf(PROTOCOLS)),
    may("base_url", Kind::Url),
    may("context_window", Kind::Count),
    may("max_input_tokens", Kind::Count),
    may("max_output_tokens", Kind::Count),
    may("supports_vision", Kind::Flag),
    may("supports_tools", Kind::Flag),
    may("supports_reasoning", Kind::Flag),
    may("supports_json", Kind::Flag),
    may("temperature_allowed", Kind::Flag),
    may("price", Kind::Table(PRICE)),
    may("limits", Kind::Table(LIMITS_OF_A_MODEL)),
    must("status", Kind::OneOf(STATUSES)),
    may("shutdown_date", Kind::Day),
    may("not_retired_before", Kind::Day),
    may("successor", Kind::Text),
    may("released", Kind::Month),
    may("knowledge_cutoff", Kind::Month),
    may("note", Kind::Text),
    SOURCES,
];

/// `[tags."model"]`, each value: one tag of Ollama's library.
pub const TAG: &[Field] = &[
    may("kind", Kind::OneOf(MODEL_KINDS)),
    may("parameters", Kind::Count),
    may("quantization", Kind::Text),
    may("size_bytes", Kind::Count),
    may("size_approx_bytes", Kind::Count),
    may("context_window", Kind::Count),
    must("supports", Kind::List(&Kind::OneOf(SUPPORTS))),
    may("manifest_sha256", Kind::Sha256),
    may("sha256", Kind::Sha256),
    may("also", Kind::List(&Kind::Text)),
    may("updated", Kind::Month),
    SOURCES,
];

/// A file of `gguf.toml`.
pub const GGUF_FILE: &[Field] = &[
    may("sha256", Kind::Sha256),
    may("size_bytes", Kind::Count),
    must("model", Kind::Text),
    may("kind", Kind::OneOf(MODEL_KINDS)),
    may("quant", Kind::Text),
    may("architecture", Kind::Text),
    may("context", Kind::Count),
    may("revision", Kind::Commit),
    may("shard", Kind::List(&Kind::Count)),
    must("agree", Kind::Whole),
    may("updated", Kind::Month),
    may("preferred", Kind::Flag),
    may("other_sha256", Kind::List(&Kind::Sha256)),
    may("md5", Kind::Md5),
    SOURCES,
];

/// A name of `aliases.toml`.
pub const ALIAS: &[Field] =
    &[must("target", Kind::Text), may("instead_of", Kind::Text), may("also", Kind::List(&Kind::Text)), SOURCES];

/// A model that a user describes.
pub const OWN: &[Field] = &[
    must("id", Kind::Text),
    may("name", Kind::Text),
    must("provider", Kind::Text),
    must("protocol", Kind::OneOf(PROTOCOLS)),
    must("base_url", Kind::Url),
    must("api_model", Kind::Text),
    may("kind", Kind::OneOf(MODEL_KINDS)),
    may("context_window", Kind::Count),
    may("max_input_tokens", Kind::Count),
    may("max_output_tokens", Kind::Count),
    may("supports_vision", Kind::Flag),
    may("supports_tools", Kind::Flag),
    may("supports_reasoning", Kind::Flag),
    may("supports_json", Kind::Flag),
    may("price", Kind::Table(PRICE)),
    may("note", Kind::Text),
];

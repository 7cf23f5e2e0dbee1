//! What may stand beside a prompt or messages.

/// Whether it is a parameter of a request. Anything else beside a prompt is the user's own, as a label, and is not sent.
pub(super) fn is_parameter(name: &str) -> bool {
    matches!(
        name,
        // OpenAI's of chats
        "model" | "audio" | "frequency_penalty" | "function_call" | "functions" | "logit_bias" | "logprobs"
            | "max_completion_tokens" | "max_tokens" | "metadata" | "modalities" | "n" | "parallel_tool_calls"
            | "prediction" | "presence_penalty" | "prompt_cache_key" | "prompt_cache_retention" | "reasoning_effort"
            | "response_format" | "safety_identifier" | "seed" | "service_tier" | "stop" | "store" | "temperature"
            | "tool_choice" | "tools" | "top_logprobs" | "top_p" | "user" | "verbosity" | "web_search_options"
        // of completions, embeddings and responses
            | "best_of" | "dimensions" | "echo" | "encoding_format" | "include" | "instructions"
            | "max_output_tokens" | "max_tool_calls" | "reasoning" | "suffix" | "text" | "truncation"
        // of others who speak its protocol
            | "cache_prompt" | "chat_template_kwargs" | "grammar" | "ignore_eos" | "keep_alive" | "length_penalty"
            | "min_p" | "min_tokens" | "mirostat" | "options" | "provider" | "repeat_penalty" | "repetition_penalty"
            | "skip_special_tokens" | "stop_token_ids" | "structured_outputs" | "thinking" | "top_k" | "typical_p"
    )
}

/// Whether it says how long an answer may be.
pub(super) fn is_length(name: &str) -> bool {
    matches!(name, "max_tokens" | "max_completion_tokens" | "max_output_tokens")
}

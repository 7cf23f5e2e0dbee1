"""Answers that providers may give, of all their protocols."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

words = st.text(max_size=12)
counts = st.integers(0, 1 << 40) | st.none()
objects = st.dictionaries(words, words | st.integers() | st.booleans() | st.lists(words, max_size=2), max_size=3)
names = st.text("abc_", min_size=1, max_size=5)
thoughts = words.map(lambda thought: f"<think>{thought}</think>\n\n") | st.just("")
contents = st.builds(str.__add__, thoughts, words)


def either(*fields: str) -> Any:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, counts))


anthropic_answers = st.fixed_dictionaries(
    {
        "type": st.just("message"),
        "id": names,
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("text"), "text": words})
            | st.fixed_dictionaries({"type": st.just("thinking"), "thinking": words, "signature": words})
            | st.fixed_dictionaries({"type": st.just("tool_use"), "id": names, "name": names, "input": objects})
            | st.just({"type": "redacted_thinking", "data": "x"}),
            max_size=4,
        ),
        "stop_reason": st.sampled_from(
            ["end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal", "pause_turn"]
        ),
        "usage": either("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    }
)
gemini_answers = st.fixed_dictionaries(
    {
        "candidates": st.lists(
            st.fixed_dictionaries(
                {
                    "content": st.fixed_dictionaries(
                        {
                            "parts": st.lists(
                                st.fixed_dictionaries({"text": words}, optional={"thought": st.booleans()})
                                | st.fixed_dictionaries(
                                    {
                                        "functionCall": st.fixed_dictionaries(
                                            {"id": names, "name": names, "args": objects}
                                        )
                                    }
                                ),
                                max_size=4,
                            )
                        }
                    ),
                    "finishReason": st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "SPII", "OTHER"]),
                }
            ),
            min_size=1,
            max_size=2,
        ),
        "usageMetadata": either(
            "promptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
        ),
    }
)
ollama_answers = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {"content": contents, "thinking": words},
            optional={
                "tool_calls": st.lists(
                    st.fixed_dictionaries(
                        {"id": names, "function": st.fixed_dictionaries({"name": names, "arguments": objects})}
                    ),
                    max_size=2,
                )
            },
        ),
        "done": st.just(True),
        "done_reason": st.sampled_from(["stop", "length", "load"]),
    },
    optional={"prompt_eval_count": counts, "eval_count": counts},
)
responses_answers = st.fixed_dictionaries(
    {
        "object": st.just("response"),
        "status": st.sampled_from(["completed", "incomplete"]),
        "incomplete_details": st.none()
        | st.fixed_dictionaries({"reason": st.sampled_from(["max_output_tokens", "content_filter"])}),
        "output": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("message"),
                    "content": st.lists(
                        st.fixed_dictionaries({"type": st.just("output_text"), "text": words}), max_size=2
                    ),
                }
            )
            | st.fixed_dictionaries(
                {
                    "type": st.just("function_call"),
                    "call_id": names,
                    "name": names,
                    "arguments": objects.map(json.dumps),
                }
            ),
            max_size=3,
        ),
        "usage": either("input_tokens", "output_tokens"),
    }
)
chat_answers = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries({"content": contents}),
                    "finish_reason": st.sampled_from(["stop", "length"]),
                }
            ),
            min_size=1,
            max_size=2,
        ),
        "usage": either("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"),
    }
)
ANSWERS = {
    "anthropic": anthropic_answers,
    "gemini": gemini_answers,
    "ollama": ollama_answers,
    "responses": responses_answers,
    "openai": chat_answers,
}

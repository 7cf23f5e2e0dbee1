//! Reasoning between tags, from servers that leave it in the text.

/// Text that begins with `<think>` is reasoning up to `</think>`, or to its end; then the answer.
///
/// Tags further on are text: an answer may speak of them.
pub(super) fn apart(said: &str) -> (&str, &str) {
    let Some(thought) = trimmed(said).strip_prefix("<think>") else { return ("", said) };
    match thought.split_once("</think>") {
        Some((thought, answer)) => (thought, trimmed(answer)),
        None => (thought, ""),
    }
}

/// Without the space before it, as Python sees it.
fn trimmed(text: &str) -> &str {
    text.trim_start_matches(|letter: char| letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn tags_at_the_beginning_alone_are_tags() {
        assert_eq!(apart(" \n<think>a <b></think>\n\nc</think>"), ("a <b>", "c</think>"));
        assert_eq!(apart("<think>cut o"), ("cut o", ""));
        for text in ["", " ", "<thi", "of <think>tags</think>"] {
            assert_eq!(apart(text), ("", text));
        }
    }
}

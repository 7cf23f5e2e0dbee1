//! The form in which two spellings of a model's name are the same.

/// Lower case, without the separators `: - _ . /` and space; between two digits any of them is `-`, because there it
/// means something: `gemma2:9b` is not `gemma-29b`.
///
/// ```
/// use kandil_profiles::names::normal;
/// assert_eq!(normal("Qwen 2.5 Coder 7B"), normal("qwen2.5-coder:7b"));
/// assert_eq!(normal("claude-3-5-sonnet"), normal("claude-3.5-sonnet"));
/// assert_ne!(normal("gemma2:9b"), normal("gemma-29b"));
/// ```
#[must_use]
pub fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    let mut separated = false;
    for letter in name.chars().flat_map(char::to_lowercase) {
        if matches!(letter, ':' | '-' | '_' | '.' | '/') || letter.is_whitespace() {
            separated = true;
            continue;
        }
        if separated && letter.is_ascii_digit() && normal.ends_with(|last: char| last.is_ascii_digit()) {
            normal.push('-');
        }
        separated = false;
        normal.push(letter);
    }
    normal
}

//! Rules for what the metadata says: keys, strings, and numbers that are bytes of something else.
//!
//! No runtime acts on these values, but people read them in terminals, spreadsheets, web pages and chats, and scripts
//! pass them on. Chat templates have rules of their own, and a tokenizer's own text may hold any character.

mod base64;
mod blobs;
mod invisible;
mod phrases;
mod pickle;
mod terminal;

use super::super::header::{Entry, ValueType};
use super::super::printable::printable;
use super::{Findings, Rule, rules};
pub(in crate::gguf) use base64::decode as decode_base64;
pub(in crate::gguf) use invisible::first_hidden;

rules! {
    METADATA
    META_KEY "KG-META-KEY" Suspicious "a key that names something to execute"
        why "No runtime reads a key that begins with system. or has exec, cmd, shell, eval, popen or subprocess between its dots: such a key speaks to a program that would run its value."
        see "Specification of GGUF: standardized key-value pairs (ggml, docs/gguf.md)"
        passes "Whole words between dots count, so general.description, command-r.* and executor pass, and so does what a converter writes of its machine, such as system.build_date and system.os. If you know the tool that wrote the key, the file can be used."
    META_BLOB "KG-META-BLOB" Malicious "a program, script, archive or pickle inside a value"
        why "A value that begins as a program, a script, an archive or a Python pickle that imports is a payload in transport: something else takes it out and runs it."
        see "Python: pickle (warning: only unpickle data you trust); ELF, PE, Mach-O, ZIP and WebAssembly specifications"
        passes "Inside other data each format is recognized by several fields, not by its first bytes alone, so compiled tables such as tokenizer.ggml.precompiled_charsmap do not match."
    META_PACKED "KG-META-PACKED" Suspicious "a program, script, archive or pickle in base64, or pickled plain data, inside a value"
        why "What is packed as text is unpacked by something else: nothing that loads models decodes base64 or reads pickles."
        see "RFC 4648; Python: pickle"
        passes "Only base64 of 40 characters and more that decodes to a known format counts; keys, hashes, images and words do not."
    META_BYTES "KG-META-BYTES" Suspicious "more than 64 KiB of bytes under a key that no loader reads"
        why "The only large array of bytes that loaders read is the tokenizer's character map; others carry something that cannot be judged."
        see "Specification of GGUF: standardized key-value pairs (ggml, docs/gguf.md)"
        passes "tokenizer.ggml.precompiled_charsmap, and arrays of any size of wider numbers."
    META_ESC "KG-META-ESC" Malicious "a terminal control sequence in a string"
        why "Printed to a terminal it changes colours, title, clipboard or what was shown before; a file can so forge what a tool says about it."
        see "ECMA-48: control functions; CWE-150"
        passes "Tab, newline, carriage return before newline and form feed, which licences have. Vocabularies and chat templates are not looked at here."
    META_CTRL "KG-META-CTRL" Suspicious "a stray control character in a string"
        why "A carriage return or backspace hides what stands before it, a NUL ends the string for C programs, others have no meaning in text."
        see "ECMA-48: control functions; CWE-150"
        passes "Tab, newline, carriage return before newline, form feed."
    META_UNI "KG-META-UNI" Suspicious "invisible or reordering characters in a string"
        why "Bidirectional overrides make text read as another, tag characters and runs of variation selectors hide text from people but not from language models, zero-width characters make two names look the same."
        see "Unicode Technical Report 36; CVE-2021-42574 (bidirectional overrides in source code)"
        passes "Joiners between emoji and in the scripts that need them (Persian, Hindi and others), flags, single variation selectors, direction marks in Arabic and Hebrew text, a byte order mark at the start of a line."
    META_MUCH "KG-META-MUCH" Suspicious "more than 512 KiB of text in all values"
        why "Its words were not all looked at: a scan must not take long, whatever a file holds. No model says that much of itself."
        see "TEXT in kandil's source"
        passes "The longest licences and descriptions in use have some tens of kilobytes. Vocabularies and templates do not count."
    META_TXT "KG-META-TXT" Suspicious "text that acts where it is pasted: commands, script, formulas, instructions to language models"
        why "Metadata ends up in shells, spreadsheets, web pages, log servers and prompts, and each of them takes some text for code."
        see "CWE-78, CWE-79, CWE-1236 (formulas), CVE-2021-44228 (JNDI look-ups), OWASP LLM01 (prompt injection)"
        passes "Links, licences, markdown, Python that uses a model, and prose about prompts. A model card that quotes an installation command is reported; reading it is enough."
}

/// Reports a key whose words ask for execution.
pub(in crate::gguf) fn check_key(key: &[u8], offset: u64, findings: &mut Findings) {
    let mut segments = key.split(|&byte| byte == b'.');
    let first = segments.next().unwrap_or_default();
    let rest = key.get(first.len().saturating_add(1)..);
    let word = key.split(|&byte| byte == b'.').find(|segment| {
        [&b"exec"[..], b"cmd", b"shell", b"eval", b"popen", b"subprocess"]
            .iter()
            .any(|word| segment.eq_ignore_ascii_case(word))
    });
    let about_the_system = first.eq_ignore_ascii_case(b"system") && !rest.is_some_and(describes_a_machine);
    let Some(word) = word.or_else(|| (about_the_system && rest.is_some()).then_some(first)) else { return };
    findings.add(META_KEY, offset, || {
        format!("key \"{}\" has the word {}: no runtime reads it", printable(key), printable(word))
    });
}

/// Whether a key is made of words for a machine and what was built on it, as converters write after `system.`.
fn describes_a_machine(name: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "arch",
        "build",
        "commit",
        "compiler",
        "count",
        "cpu",
        "cuda",
        "date",
        "driver",
        "gpu",
        "host",
        "hostname",
        "kernel",
        "machine",
        "memory",
        "model",
        "name",
        "os",
        "platform",
        "python",
        "ram",
        "release",
        "time",
        "timestamp",
        "tool",
        "type",
        "vendor",
        "version",
    ];
    let words = |name: &[u8]| WORDS.iter().any(|word| word.as_bytes() == name);
    name.split(|byte| b"._-".contains(byte)).all(words)
}

/// Looks at a string; `text` is all of it, or its beginning.
pub(in crate::gguf) fn check_text(entry: &Entry, text: &[u8], findings: &mut Findings) {
    if !is_tokenizer_text(&entry.key) {
        look(text, &mut Report { entry, base: entry.offset, element: None, findings });
    }
}

/// Looks at the strings of an array; `bytes` are the strings with their lengths before them, or the first of them.
pub(in crate::gguf) fn check_strings(entry: &Entry, bytes: &[u8], big_endian: bool, findings: &mut Findings) {
    if entry.key.starts_with(b"tokenizer.ggml.") {
        return; // a vocabulary has every character, and every word
    }
    let (mut rest, mut at, mut index) = (bytes, entry.offset, 0_u64);
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = if big_endian { u64::from_be_bytes(*length) } else { u64::from_le_bytes(*length) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (text, next) = tail.split_at_checked(length).unwrap_or((tail, &[]));
        let base = at.saturating_add(8);
        look(text, &mut Report { entry, base, element: Some(index), findings });
        (rest, at, index) = (next, base.saturating_add(length as u64), index.saturating_add(1));
    }
}

fn look(text: &[u8], report: &mut Report<'_>) {
    blobs::check_text(text, report);
    terminal::check(text, report);
    invisible::check(text, report);
    match report.findings.take_text(text.len()) {
        Some(true) => {
            phrases::check(text, report);
            base64::check(text, report);
        }
        Some(false) => {}
        None => report.add(META_MUCH, 0, || "is where it becomes more text than is looked at".to_owned()),
    }
}

/// Templates, and whole tokenizers as text.
fn is_tokenizer_text(key: &[u8]) -> bool {
    let owned: [&[u8]; 3] = [b"tokenizer.chat_template", b"tokenizer.huggingface.", b"tokenizer.rwkv."];
    owned.iter().any(|prefix| key.starts_with(prefix))
}

/// Looks at an array of numbers; `bytes` are all of it, or its beginning.
pub(in crate::gguf) fn check_numbers(entry: &Entry, bytes: &[u8], findings: &mut Findings) {
    let width = entry.element.and_then(ValueType::size).unwrap_or(1);
    let mut report = Report { entry, base: entry.offset, element: None, findings };
    if blobs::check_bytes(bytes, &mut report) {
        return;
    }
    if let Some(narrow) = one_byte_each(bytes, width) {
        blobs::check_bytes(&narrow, &mut report);
    }
    if width == 1 && entry.size > 64 << 10 && *entry.key != *b"tokenizer.ggml.precompiled_charsmap" {
        report.add(META_BYTES, 0, || format!("is an array of {} bytes, which no loader reads", entry.size));
    }
}

/// The numbers' low bytes where nothing else of them is set, in either byte order.
fn one_byte_each(bytes: &[u8], width: u64) -> Option<Vec<u8>> {
    let width = usize::try_from(width).ok().filter(|&width| width > 1)?;
    let narrow = |first: bool| {
        bytes
            .chunks_exact(width)
            .map(|number| {
                let (low, rest) = if first { number.split_first()? } else { number.split_last()? };
                rest.iter().all(|&byte| byte == 0).then_some(*low)
            })
            .collect::<Option<Vec<u8>>>()
    };
    narrow(true).or_else(|| narrow(false))
}

/// Where findings about one value go.
struct Report<'a> {
    entry: &'a Entry,
    /// Where the value, or the string of an array, begins.
    base: u64,
    /// Which string of an array it is.
    element: Option<u64>,
    findings: &'a mut Findings,
}

impl Report<'_> {
    /// `at` counts from the beginning of the value.
    fn add(&mut self, rule: Rule, at: usize, what: impl FnOnce() -> String) {
        let (offset, message) = self.finding(at, what);
        self.findings.add(rule, offset, message);
    }

    /// Only where a runtime would load the file as a model.
    fn add_for_models(&mut self, rule: Rule, at: usize, what: impl FnOnce() -> String) {
        let (offset, message) = self.finding(at, what);
        self.findings.add_for_models(rule, offset, message);
    }

    fn finding<W: FnOnce() -> String>(&self, at: usize, what: W) -> (u64, impl FnOnce() -> String + use<W>) {
        let (key, element) = (printable(&self.entry.key), self.element);
        let message = move || match element {
            Some(index) => format!("key \"{key}\": element {index} {}", what()),
            None => format!("key \"{key}\" {}", what()),
        };
        (self.base.saturating_add(at as u64), message)
    }
}

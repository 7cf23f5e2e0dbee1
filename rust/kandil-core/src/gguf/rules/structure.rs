//! Rules for what a header is made of: counts, keys, types, values, and the keys of shards.

use super::rules;

rules! {
    STRUCTURE
    HDR_MAGIC "KG-HDR-MAGIC" Malformed "does not begin as a GGUF file; the message says what it seems to be"
        why "A file that is named .gguf and is none cannot be loaded. Most often a server has sent a web page or an \
            error in its place, or a repository was cloned without its large files. A pickle under this name would run \
            code in a program that goes by content."
        see "GGUF specification, ggml docs/gguf.md: the first four bytes are GGUF"
        passes "kandil verify judges only files that are named .gguf by it. Download the file again, and look at what \
            comes."
    HDR_VERSION "KG-HDR-VERSION" Malformed "a version other than 1, 2 and 3"
        why "The version decides how everything after it is laid out. Loaders refuse versions that they do not know; a \
            program that goes on regardless reads lengths from the wrong places."
        see "GGUF specification, ggml docs/gguf.md; llama.cpp ggml/src/gguf.cpp refuses version 0 and those above 3"
        passes "Versions 2 and 3 in either byte order pass. If the format has a newer version, update kandil."
    HDR_V1 "KG-HDR-V1" Malformed "version 1, which llama.cpp refuses since October 2023"
        why "Version 1 has lengths of 32 bits. Current loaders refuse it, and what still reads it is code that nobody \
            looks after: Ollama's reader of such strings could be crashed."
        see "llama.cpp ggml/src/gguf.cpp; CVE-2025-66960 (Ollama, readGGUFV1String)"
        passes "Files from August to October 2023 have it and are honest: convert the model again, or download a newer \
            file."
    HDR_BIG_ENDIAN "KG-HDR-BIG-ENDIAN" Note "big-endian numbers: for machines such as IBM Z"
        why "A loader on an ordinary little-endian machine refuses the file. It is checked here like any other."
        see "GGUF specification, ggml docs/gguf.md: version 3 adds big-endian files"
        passes "It is only a note: such files are sound. On a PC, a Mac or an Arm board you want the little-endian \
            file."
    HDR_TRUNC "KG-HDR-TRUNC" Malformed "the file ends inside its header"
        why "Keys or tensors that the header promises are not there: a download broke off, or a program is to read \
            past the end of what it holds."
        see "CVE-2024-39720 (Ollama: out-of-bounds read on a file that is little more than its magic number)"
        passes "No sound file is cut. Download it again."
    HDR_SHRANK "KG-HDR-SHRANK" Malformed "fewer bytes could be read than the file was said to have"
        why "The file became shorter while it was read: another program writes to it, or its disk or share has lost a \
            part."
        see "read(2): an end of file before the size that stat(2) gave"
        passes "A file that is still being downloaded does this. Check it when nothing writes to it any more."
    HDR_COUNT "KG-HDR-COUNT" Malformed "more keys or tensors than the file can hold, or than any model has"
        why "Loaders allocate memory for these counts before they read on. Counts that multiply beyond 64 bits gave \
            buffers that were too small and were then written past: code execution from opening a file."
        see "CVE-2024-23605 and CVE-2024-25664 (number of keys), CVE-2024-21836 and CVE-2024-25666 (number of tensors)"
        passes "The largest models have some thousand tensors and under a hundred keys; 100 000 of each are let pass. \
            A file that was cut short is reported too: download it again."
    HDR_MANY "KG-HDR-MANY" Suspicious "more than 10 000 keys"
        why "llama.cpp compares each key with all keys before it, so that a load takes long where keys are very many."
        see "llama.cpp ggml/src/gguf.cpp, the check for duplicate keys"
        passes "Models have about fifty keys. Look at the names (kandil inspect --metadata) before you load it."
    KEY_EMPTY "KG-KEY-EMPTY" Malformed "a key without a name"
        why "No program asks for it, and llama.cpp refuses the file."
        see "llama.cpp ggml/src/gguf.cpp: key is empty"
        passes "No converter writes it. Download the file again."
    KEY_LEN "KG-KEY-LEN" Malformed "a key longer than 65 535 bytes"
        why "The format allows no longer keys. Readers that trusted the length overflowed their buffers."
        see "GGUF specification, ggml docs/gguf.md; CVE-2024-23496 and CVE-2024-25665 (gguf_fread_str)"
        passes "Keys have some dozens of bytes; all names together may have 8 MiB. A file that was damaged is reported \
            too."
    KEY_UTF8 "KG-KEY-UTF8" Malformed "a key that is not UTF-8"
        why "Keys are ASCII. Programs differ in what they make of other bytes: one refuses, one replaces them, so that \
            two programs see different keys in one file."
        see "GGUF specification, ggml docs/gguf.md: a key must be a valid ASCII string"
        passes "No converter writes it: the file is damaged or made up. Download it again."
    KEY_NUL "KG-KEY-NUL" Malformed "a NUL byte in a key: C programs see another key"
        why "A C string ends at NUL. A scanner that reads general.x\\0y and a loader that reads general.x judge \
            different files."
        see "GGUF specification, ggml docs/gguf.md: a key must be a valid ASCII string of lower_snake_case segments"
        passes "No converter writes it. Do not load the file."
    KEY_CTRL "KG-KEY-CTRL" Malformed "a control character in a key"
        why "Programs that list keys on a terminal send it there: an escape sequence can hide lines, rename the window \
            or answer in your place. Invisible characters make two different keys look alike."
        see "GGUF specification, ggml docs/gguf.md: lower_snake_case; CWE-150"
        passes "No converter writes it. Do not load the file."
    KEY_BIDI "KG-KEY-BIDI" Malicious "a bidirectional control in a key: it reads as another key"
        why "These characters turn the direction of what follows, so that a person reads another name than programs \
            do. In a key, which is ASCII, there is no honest use for them."
        see "CVE-2021-42574 (Trojan Source); GGUF specification, ggml docs/gguf.md"
        passes "Only names are looked at by this rule: text in Arabic or Hebrew stands in values. Do not load the file."
    KEY_GRAMMAR "KG-KEY-GRAMMAR" Suspicious "a key that is not ASCII words joined by dots"
        why "It may be a look-alike of a known key (a Cyrillic a in general), which people take for the real one and \
            programs do not."
        see "GGUF specification, ggml docs/gguf.md: segments of lower_snake_case separated by dots"
        passes "Hyphens pass, as in command-r; upper case is only a note. A home-made converter may write spaces: look \
            at the key (kandil inspect --metadata)."
    KEY_CASE "KG-KEY-CASE" Note "upper-case letters in a key"
        why "The format asks for lower case. Programs compare letter by letter, and do not find General.Name."
        see "GGUF specification, ggml docs/gguf.md: lower_snake_case"
        passes "It is only a note: some published converters write such keys."
    KEY_DUP "KG-KEY-DUP" Malformed "a key that occurs twice: programs differ in which one they take"
        why "A scanner that takes the first of two chat templates and a program that takes the last judge different \
            models. llama.cpp refuses the file."
        see "llama.cpp ggml/src/gguf.cpp: duplicate key; gguf-py refuses it since llama.cpp pull request 19856"
        passes "No sound file has two equal keys, not even with equal values. Do not load it."
    TYPE_RANGE "KG-TYPE-RANGE" Malformed "a value type that GGUF does not have"
        why "The size of the value is not known, so nothing after it can be read. Readers used the number as an index \
            into a table of sizes without looking."
        see "GGUF specification, ggml docs/gguf.md; Databricks, GGML GGUF file format vulnerabilities (2024): \
            unbounded array indexing"
        passes "Types 0 to 12 pass. If the format has a newer type, update kandil."
    STR_LEN "KG-STR-LEN" Malformed "a string longer than the file or than 1 GiB"
        why "Readers that add 1 to the length, or allocate it before they look, overflow a buffer or use up all \
            memory: a file of 50 bytes stops a server."
        see "CVE-2024-23496 and CVE-2024-25665 (gguf_fread_str), CVE-2025-66959 (Ollama); llama.cpp allows 1 GiB"
        passes "No model has such strings. A file that was cut short is reported too: download it again."
    STR_UTF8 "KG-STR-UTF8" Suspicious "a string that is not UTF-8"
        why "The format says UTF-8. Loaders take any bytes, and Python programs raise or replace them: two programs \
            see different texts."
        see "GGUF specification, ggml docs/gguf.md: gguf_string_t"
        passes "Single strings alone: tokens of byte-level vocabularies are not UTF-8 and are only a note. A name in \
            Latin-1 is harmless: look at the value."
    ARR_COUNT "KG-ARR-COUNT" Malformed "an array with more elements than the file can hold"
        why "Loaders multiply this count by the size of an element and allocate that. Where the product wrapped \
            around, the buffer was too small and was written past."
        see "CVE-2024-21825, CVE-2024-25667 and CVE-2024-25668 (ggml); llama.cpp pull request 27188 (gguf-py: endless \
            loop)"
        passes "The count is compared with the bytes that are there. A file that was cut short is reported too: \
            download it again."
    ARR_NEST "KG-ARR-NEST" Malformed "an array of arrays, which loaders refuse"
        why "The specification has them; llama.cpp refuses them, and readers that follow them call themselves once for \
            each level: deep enough, that overflows the stack."
        see "llama.cpp ggml/src/gguf.cpp: invalid GGUF type; CWE-674"
        passes "No published model has one, and none could be loaded."
    ARR_UTF8 "KG-ARR-UTF8" Note "tokens that are not UTF-8; byte-level vocabularies have them"
        why "A program that decodes tokens strictly stops at the first of them."
        see "GGUF specification, ggml docs/gguf.md: gguf_string_t"
        passes "It is only a note: vocabularies of real models hold parts of characters."
    BOOL_VAL "KG-BOOL-VAL" Suspicious "a bool that is neither 0 nor 1"
        why "llama.cpp takes every value but 0 as true, others compare with 1: they load different models. In C++ a \
            bool with another value is undefined behaviour."
        see "GGUF specification, ggml docs/gguf.md: anything else is invalid; llama.cpp ggml/src/gguf.cpp"
        passes "Loaders accept it, so it does not block. No converter writes it: download the file again."
    ALIGN "KG-ALIGN" Malformed "general.alignment is not a uint32 that is a power of two and at most 1 MiB"
        why "The place of every tensor is computed from it. Loaders divided by 0; a huge one makes sizes wrap around, \
            and tensors are read from elsewhere."
        see "CVE-2025-0317 (Ollama: division by zero in ggufPadding); llama.cpp ggml/src/gguf.cpp: alignment is not a \
            power of 2"
        passes "32, which nearly all files have, and every power of two up to 1 MiB pass."
    ALIGN_SMALL "KG-ALIGN-SMALL" Suspicious "general.alignment below 32: llama.cpp aborts when it loads the tensors"
        why "The format allows it, but llama.cpp's CPU backend asserts that its tensors are aligned to 32 bytes, and \
            ends the whole process where they are not."
        see "llama.cpp ggml/src/ggml-impl.h: TENSOR_ALIGNMENT"
        passes "A file without tensors passes. Convert the model again with the usual alignment."
    SPLIT_TYPE "KG-SPLIT-TYPE" Malformed "a split.* key of a type that loaders refuse"
        why "llama.cpp asks for split.no and split.count as uint16 and for split.tensors.count as int32, and gives up \
            on any other type."
        see "llama.cpp tools/gguf-split/gguf-split.cpp writes these types; src/llama-model-loader.cpp reads them"
        passes "What gguf-split writes passes. Split the model again with it."
    SPLIT_NO "KG-SPLIT-NO" Malformed "a shard number that is not below the number of shards, or without it"
        why "Shards are counted from 0. A number beyond the count is a place that a loader's list of files does not \
            have."
        see "llama.cpp src/llama-model-loader.cpp: illegal split file idx"
        passes "A count of 0, which whole models have, passes."
    SPLIT_COUNT "KG-SPLIT-COUNT" Suspicious "a number of shards or tensors that does not fit this file"
        why "The file says that tensors are elsewhere and holds them all: a loader looks for files that nobody has, or \
            takes the wrong ones."
        see "llama.cpp src/llama-model-loader.cpp compares split.tensors.count with what it has loaded"
        passes "A first shard that holds only the metadata passes. Split the model again."
    SPLIT_TOTAL "KG-SPLIT-TOTAL" Malformed "a number of tensors in all shards that this one's cannot be part of"
        why "Programs make room for the total and fill it with what they find: it is negative, or less than one shard \
            holds, or another than the only shard's."
        see "llama.cpp src/llama-model-loader.cpp: corrupted model: n tensors expected but m found"
        passes "Whole models, whose count of shards is 0 or absent, pass unless the total is negative. Split the model \
            again."
    SPLIT_NAME "KG-SPLIT-NAME" Suspicious "the file's name and its split.* keys disagree"
        why "llama.cpp builds the names of the other shards from the first one's: a renamed shard is not found, or \
            another model's shard is taken for it."
        see "llama.cpp src/llama.cpp: llama_split_path and llama_split_prefix"
        passes "Names without -00001-of-00003, as caches give them, and -00001-of-00001 for a whole model pass. Give \
            the file its published name."
    SPLIT_MISSING "KG-SPLIT-MISSING" Malformed "a shard that is neither in the folder nor among the files given"
        why "No shard can be loaded without the others."
        see "llama.cpp src/llama-model-loader.cpp opens every shard that split.count announces"
        passes "Every shard in the folder counts, whether it was asked for or not. Download the missing ones beside it."
    SPLIT_TENSORS "KG-SPLIT-TENSORS" Malformed "shards that disagree on the number of tensors, or hold another number"
        why "They are of different models or uploads, and the loader refuses them together."
        see "llama.cpp src/llama-model-loader.cpp: corrupted model: n tensors expected but m found"
        passes "It is only judged where every shard was read. Download all shards of one upload."
}

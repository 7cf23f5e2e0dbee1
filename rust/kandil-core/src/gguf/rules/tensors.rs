//! Rules for tensor infos and for where tensor data stands.

use super::rules;

rules! {
    TENSORS
    TEN_NAME "KG-TEN-NAME" Malformed "a tensor name longer than 63 bytes, or not UTF-8"
        why "ggml keeps names in 64 bytes. Loaders refuse longer ones or cut them, so that two names become one."
        see "GGUF specification, ggml docs/gguf.md: at most 64 bytes; llama.cpp ggml/src/gguf.cpp: tensor name is too \
            long"
        passes "The longest names of published models have about 60 bytes."
    TEN_CTRL "KG-TEN-CTRL" Malformed "a control character in a tensor name"
        why "llama.cpp cuts names at NUL and takes another tensor; other control characters reach the terminal of \
            whoever lists the tensors. Invisible characters make two names look alike."
        see "llama.cpp ggml/src/gguf.cpp: ggml_set_name takes a C string; CWE-150"
        passes "No converter writes it. Do not load the file."
    TEN_BIDI "KG-TEN-BIDI" Malicious "a bidirectional control in a tensor name"
        why "A person reads another name than programs do. Tensor names are ASCII: there is no honest use."
        see "CVE-2021-42574 (Trojan Source)"
        passes "No converter writes it. Do not load the file."
    TEN_PATH "KG-TEN-PATH" Malicious "a tensor name that leads out of a folder when it is used as a file name"
        why "Programs that unpack, convert or cache tensors one by one write each under its name. With .. or an \
            absolute path they write where the file's author wants."
        see "CWE-22, CWE-36"
        passes "Two dots inside a word, slashes inside a name (as diffusion models have) and a single letter before a \
            colon pass: only a whole .. component, a leading slash or backslash, and a drive are reported. Do not \
            unpack it."
    TEN_GRAMMAR "KG-TEN-GRAMMAR" Suspicious "a tensor name with characters that tensor names do not have"
        why "It may be a look-alike of a known name, or aim at scripts that put names into a command line."
        see "GGUF specification, ggml docs/gguf.md: standardized tensor names; CWE-78"
        passes "ASCII letters, digits and _ . - / : pass. A home-made converter may write others: look at the name \
            (kandil inspect --tensors)."
    TEN_DUP "KG-TEN-DUP" Malformed "a tensor name that occurs twice"
        why "Programs differ in which of two they take: one is looked at, the other is used. llama.cpp refuses the \
            file."
        see "llama.cpp ggml/src/gguf.cpp: duplicate tensor name"
        passes "No sound file has it."
    TEN_DIMS "KG-TEN-DIMS" Malformed "more than 4 dimensions, a negative one, or a product beyond 2^63"
        why "Readers store dimensions in fixed arrays, and multiply them to learn how much to allocate. More than 4 \
            were written past the end; products that wrap around gave small buffers for large data."
        see "CVE-2024-21802 (info->ne), CVE-2026-33298 (ggml_nbytes); GGUF specification, ggml docs/gguf.md: at most 4"
        passes "Every shape that ggml can hold passes. No program can use others."
    TEN_ZERO "KG-TEN-ZERO" Suspicious "a dimension of 0, or no dimensions: older loaders divide by it"
        why "The check for overflow in llama.cpp divided by each dimension, so that a 0 ended the process."
        see "llama.cpp ggml/src/gguf.cpp, where the guard against this division has been added"
        passes "Current loaders accept an empty tensor, and scalars are written without dimensions: it does not block."
    TEN_TYPE "KG-TEN-TYPE" Malformed "a tensor type that ggml does not have (any more)"
        why "How the data is laid out is not known; loaders refuse it, and older ones used the number as an index into \
            a table without looking."
        see "ggml include/ggml.h: enum ggml_type; llama.cpp pull request 19856 (negative tensor type)"
        passes "All types of November 2026 are known, and those of ik_llama.cpp. For a newer type, update kandil; for \
            a removed one (Q4_0_4_4 and the like) download the plain Q4_0."
    TEN_FORK "KG-TEN-FORK" Suspicious "a tensor type of ik_llama.cpp, which llama.cpp refuses; its size is not checked"
        why "Only that fork reads the data. Whether it is all there, and where the next tensor begins, cannot be \
            checked without the fork's own layouts."
        see "ik_llama.cpp ggml/include/ggml.h: enum ggml_type"
        passes "Published models have these types and are honest: use them with ik_llama.cpp."
    TEN_BLOCK "KG-TEN-BLOCK" Malformed "a first dimension that is not a multiple of the type's block"
        why "Rows of a quantised tensor are whole blocks. With part of one, sizes are rounded down and the last row is \
            read from beyond the tensor."
        see "llama.cpp ggml/src/gguf.cpp: not a multiple of block size"
        passes "Quantisers fall back to a type whose block fits, so that no sound file has it."
    TEN_SIZE "KG-TEN-SIZE" Malformed "a tensor of more than 2^63 bytes"
        why "Sizes that do not fit their variable wrap around: a small buffer is allocated, and much is written to it."
        see "CVE-2025-53630 and CVE-2026-27940 (gguf_init_from_file_impl), CVE-2026-33298 (ggml_nbytes)"
        passes "No disk holds such a tensor."
    TEN_ALIGN "KG-TEN-ALIGN" Malformed "a tensor that does not begin at a multiple of the alignment"
        why "Loaders refuse it, or use vector instructions on data that is not where these need it."
        see "GGUF specification, ggml docs/gguf.md: the offset must be a multiple of ALIGNMENT"
        passes "No sound file has it."
    TEN_ORDER "KG-TEN-ORDER" Malformed "a tensor that does not begin where the one before it ends"
        why "Between tensors there would be room for data that no reader checks, or tensors lie in another order than \
            listed. llama.cpp refuses the file."
        see "llama.cpp ggml/src/gguf.cpp: tensor has offset n, expected m"
        passes "Padding up to the alignment belongs to a tensor. Files edited by hand may have gaps: convert the model \
            again."
    TEN_OVERLAP "KG-TEN-OVERLAP" Malformed "two tensors that share bytes"
        why "One tensor's data is also another's: a program that writes to the first changes the second, and a small \
            file can pose as a large model."
        see "llama.cpp ggml/src/gguf.cpp: tensor has offset n, expected m"
        passes "Models that use one matrix twice list it once. No sound file has it."
    DATA_TRUNC "KG-DATA-TRUNC" Malformed "the file ends before its tensors do"
        why "A download broke off. A program that maps the file crashes when it comes to the missing part, and one \
            that copies gives away what stands in its memory there."
        see "CVE-2026-7482 (Ollama: heap out-of-bounds read); llama.cpp src/llama-model-loader.cpp: data is not within \
            the file bounds"
        passes "Padding after the last tensor may be missing, as some writers leave it out. Download the file again."
    SLACK_PAD "KG-SLACK-PAD" Suspicious "bytes other than 0 between the header and the tensor data"
        why "Padding is 0. Other bytes are a place to carry something along that no loader looks at."
        see "GGUF specification, ggml docs/gguf.md: padded with 0x00 bytes"
        passes "Programs that reuse a buffer leave old bytes there: it does not block. Compare the digest with the \
            publisher's."
    SLACK_TRAIL "KG-SLACK-TRAIL" Suspicious "bytes after the last tensor, which nothing reads"
        why "Loaders ignore them, so that an archive, a program or another model can ride along."
        see "GGUF specification, ggml docs/gguf.md: the file ends with the tensor data"
        passes "Padding up to the alignment passes. Two files written into one by a broken download look like this: \
            download it again."
}

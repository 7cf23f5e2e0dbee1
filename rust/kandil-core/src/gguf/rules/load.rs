//! Rules for a file that is loaded by a real loader in the sandbox, which Python checks.

use super::rules;

rules! {
    LOAD
    LOAD_CRASH "KG-LOAD-CRASH" Malformed "the loader crashed or did what the sandbox forbids"
        why "A real loader was given the file where it can do no harm, and was ended by a signal: it wrote or read outside its memory, gave up by abort(), or made a system call that reading a model does not need. The same happens outside the sandbox, where memory errors are how a file takes over the program that opens it."
        see "CVE-2024-21802, CVE-2024-23496, CVE-2026-27940: heap overflows in the GGUF reader of llama.cpp"
        passes "Memory and time have rules of their own. A loader that is itself broken crashes on sound files too: try another one (--runtime), or a newer version of it."
    LOAD_MEMORY "KG-LOAD-MEMORY" Suspicious "the loader asked for more memory than the sandbox gives"
        why "The file was expected to fit, by its own size and shape, and did not: a length in it makes the loader allocate far more than the file holds, or the estimate was wrong."
        see "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"
        passes "A level is not tried where the file and its context are known not to fit. With a larger --memory a sound file passes."
    LOAD_TIMEOUT "KG-LOAD-TIMEOUT" Suspicious "the loader did not end within its time"
        why "Either something in the file keeps the loader busy, or the machine is too slow for a model of that size."
        see "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"
        passes "With a longer --timeout a sound file passes."
    LOAD_GARBAGE "KG-LOAD-GARBAGE" Malformed "the loading process said what it may not say"
        why "The process that reads the file answers in a fixed form of limited size. What came was not that: whatever runs there is not the program that was started any more."
        see "kandil's own report format, schema kandil.sandbox/1"
        passes "Nothing in a sound file can change the form of the answer."
    LOAD_DIFFERS "KG-LOAD-DIFFERS" Malformed "two parsers read different things in the same bytes"
        why "What was checked must be what is loaded. Where kandil's scan and the loader see another key, type, value, tensor or offset, a file can show its good side to the one and its bad side to the other."
        see "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"
        passes "A tensor type or architecture that a loader is too old for is not a difference: the level is reported as not possible. C strings end at a NUL byte, and elements of arrays are compared up to there."
    LOAD_REFUSED "KG-LOAD-REFUSED" Suspicious "the loader refuses the file"
        why "The header is sound, but this version of the loader does not make a model of it: a tensor or key is missing or has the wrong shape. Its reason is in the message."
        see "https://github.com/ggml-org/llama.cpp/blob/master/src/llama-model.cpp"
        passes "An architecture or tokenizer that the loader does not know is not reported: the level is not possible with it. Models for other programs (diffusion, speech) are such files. A newer loader may take what an old one refuses."
    LOAD_NAN "KG-LOAD-NAN" Malformed "the loaded model computes NaN or infinity"
        why "A few tokens were decoded, and what came out are no numbers: weights are damaged, or were made so that the model fails."
        see "https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h (llama_get_logits_ith)"
        passes "Minus infinity is how some models forbid a token, and is no finding while other tokens have numbers."
    LOAD_CONSTANT "KG-LOAD-CONSTANT" Note "the loaded model gives every token the same probability"
        why "All numbers that came out are equal: the output weights are zero, and the model can say nothing."
        see "https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h (llama_get_logits_ith)"
        passes "It is a note alone: files made for tests have such weights. No model that was trained does."
}

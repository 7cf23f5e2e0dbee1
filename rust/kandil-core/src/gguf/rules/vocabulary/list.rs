//! What the rules say of themselves.

use super::super::rules;

rules! {
    VOCABULARY
    VOC_TYPE "KG-VOC-TYPE" Malformed "a tokenizer.ggml.* value of a type that loaders refuse, or read as another"
        why "llama.cpp takes tokens and merges as strings, scores as 32-bit floats or integers, token types as 32-bit \
            integers, ids as uint32 and flags as bools. Before it looked at the type, an array of narrower elements \
            made it read past the end."
        see "llama.cpp issue 24888, pull request 26690; src/llama-vocab.cpp: invalid gguf type"
        passes "Keys that llama.cpp does not read may have any type. A file that is reported does not load: convert it \
            again."
    VOC_LEN "KG-VOC-LEN" Malformed "a vocabulary without tokens, or scores or token types that are not as many as the tokens"
        why "Each token has one score and one type. Loaders that trusted the number of tokens read past the end of a \
            shorter array."
        see "llama.cpp pull request 20735; src/llama-vocab.cpp: Index out of array bounds for scores; CWE-125"
        passes "Files without a vocabulary (adapters, projectors, importance matrices, later shards), and vocabularies \
            without scores or types."
    VOC_EMBD "KG-VOC-EMBD" Malformed "not as many tokens as token_embd.weight or output.weight has rows"
        why "A token's number is a row of the embedding: with more tokens than rows the last ones are read from past \
            its end. llama.cpp refuses either."
        see "llama.cpp issue 5910: token_embd.weight has wrong shape"
        passes "Files that lack the tokens or the tensor; Llama 3.2 Vision for Ollama (mllama), which has eight rows \
            more than tokens; the outputs of wavtokenizer-dec and of draft models with a vocabulary of their own (d2t)."
    VOC_ID "KG-VOC-ID" Malformed "the id of the token for begin, end, end of turn or unknown is not in the vocabulary"
        why "The id is an index into the tokens. llama.cpp has read past their end with ids from the file, and with \
            its own defaults where a small vocabulary names none."
        see "llama.cpp pull requests 3635, 25475 and 25508; CWE-125"
        passes "4294967295 says that there is no such token, and real models have it. Where no end is named, \
            vocabularies of more than 12 tokens."
    VOC_ID_OTHER "KG-VOC-ID-OTHER" Suspicious "another special token's id is not in the vocabulary"
        why "Programs use the id as an index or do without the token, which may be the one for padding, separating or \
            filling in."
        see "llama.cpp src/llama-vocab.cpp: bad special token"
        passes "4294967295, and -1 where numbers have a sign, say that there is no such token. A fine-tuned model may \
            have such an id by mistake and work."
    VOC_BYTE "KG-VOC-BYTE" Malformed "a token that loaders take for a byte that does not exist: <0x-1>, <0xZZ>, <0x100>"
        why "Loaders take the byte from the two characters after <0x. With <0x-1> llama.cpp wrote before the start of \
            a buffer; what is no number, or a text of less than three bytes, ends loading with an error."
        see "llama.cpp issue 27226, pull request 25969 (llm_tokenizer_plamo2); CWE-787"
        passes "Reported are a sign or no hexadecimal digit at all between <0x and >; for tokens of the type byte also \
            another number of digits, less than three bytes, and for PLaMo 2 a first character that is no digit. No \
            converter writes it: do not load the file."
    VOC_BYTE_LIKE "KG-VOC-BYTE-LIKE" Note "a token of the type byte that is not <0x00> to <0xFF>, or one that resembles these"
        why "Most loaders take such a token for some other byte, 0 for example. Where they ask for <0xFF> they do not \
            find <0xff>."
        see "llama.cpp src/llama-vocab.cpp: token_to_byte; SentencePiece writes bytes as <0x%02X>"
        passes "Texts that do not end with >, such as <0x alone in a vocabulary for code. Damage looks like this: \
            compare the file's checksum with the publisher's."
    VOC_DUP "KG-VOC-DUP" Malformed "a token that occurs twice"
        why "Text becomes one of the two, and which one depends on the program. llama.cpp refuses the vocabulary; \
            older versions end the process."
        see "llama.cpp src/llama-vocab.cpp: duplicate token in vocabulary; issues 5669 and 25739"
        passes "Empty tokens may be many. Of more than 73,728 tokens the first 65,536 and the last 8,192 are compared \
            with each other. Official files have had duplicates by mistake, and do not load: get a corrected one."
    VOC_LONG "KG-VOC-LONG" Suspicious "a token of more than 4096 bytes"
        why "It is a place to hide text, or it exhausts programs that reserve the longest token's length for each."
        see "CVE-2025-49847 (llama.cpp: a token's length in too few bits)"
        passes "The longest tokens in use are some hundred spaces or dashes."
    VOC_HUGE "KG-VOC-HUGE" Malformed "a token of more than 64 KiB"
        why "No tokenizer learns it. llama.cpp kept lengths in too few bits and wrote past a buffer."
        see "CVE-2025-49847"
        passes "Nothing real comes near. Do not load the file."
    VOC_MANY "KG-VOC-MANY" Suspicious "more than four million tokens"
        why "Each token costs a loader about a hundred bytes, so that a small file takes much memory."
        see "CWE-770"
        passes "The largest vocabularies in use have about 260,000 tokens."
    VOC_KIND "KG-VOC-KIND" Suspicious "a token type that is not one of 0 to 6, of a token that stands for no byte"
        why "Programs differ in what they take the token for: llama.cpp, for undefined."
        see "llama.cpp include/llama.h: enum llama_token_type"
        passes "A token such as <0x0A> whose type was damaged: its text says what it is, and KG-VOC-BYTE-LIKE notes it. \
            Converters write no other type. Damage looks like this: compare the file's checksum with the publisher's."
    VOC_SCORE "KG-VOC-SCORE" Suspicious "a token's score that is infinite or not a number"
        why "SentencePiece's algorithm takes pieces by the order of their scores, in which such a score has no place: \
            text is cut unpredictably."
        see "llama.cpp src/llama-vocab.cpp: llm_bigram_spm::comparator"
        passes "Scores are logarithms of frequencies; tokens that were added have 0 or -1000. Scores that are integers \
            are not looked at."
    VOC_CHARSMAP "KG-VOC-CHARSMAP" Malformed "a precompiled_charsmap that is shorter than it says, or does not end with a zero byte"
        why "It has the size of a trie, the trie, and strings that end with zero bytes. llama.cpp has read past the \
            end of a shorter one."
        see "llama.cpp issue 24888, pull request 25258; CWE-125"
        passes "What SentencePiece writes has this form; a model without normalization has no such key."
    VOC_PAIR "KG-VOC-PAIR" Malformed "a merge that is not two parts with a space between them"
        why "Some tokenizers end with an error, others merge nothing with nothing."
        see "llama.cpp src/llama-vocab.cpp: bpe_ranks"
        passes "A part may begin with a space. Of more than 8192 merges some two thousand, which follow no pattern, \
            are looked at."
    VOC_MERGES "KG-VOC-MERGES" Suspicious "merges of parts that are not tokens"
        why "Merges and tokens are not of one tokenizer: text is cut otherwise than the model has learned it."
        see "llama.cpp src/llama-vocab.cpp: bpe_ranks"
        passes "One in a hundred may be such. Compared are merges that come after at most 73,728 tokens: of more than \
            8192 some two thousand, which follow no pattern."
}

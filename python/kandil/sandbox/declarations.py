"""The C functions of ggml, gguf and llama.cpp that kandil calls, and how `_ggml.py` is made of them.

`python python/kandil/sandbox/declarations.py python/kandil/sandbox/_ggml.py` writes it: cffi's own form of the
declarations, which a child takes in a thousandth of a second, where parsing C would cost it thirty. A test compares
them.

Only what is the same in every version is declared. Parameters that grow from version to version are a `block` of bytes.
"""

from __future__ import annotations

import sys

from cffi import FFI

C = """
void *fdopen(int, const char *);
void rewind(void *);

struct gguf_init_params { bool no_alloc; void **ctx; };
void *gguf_init_from_file_ptr(void *, struct gguf_init_params);
void *_Z24gguf_init_from_file_implP8_IO_FILE16gguf_init_params(void *, struct gguf_init_params);
void gguf_free(void *);
size_t gguf_get_meta_size(const void *);
void gguf_get_meta_data(const void *, void *);
size_t gguf_get_alignment(const void *);
size_t gguf_get_data_offset(const void *);
int64_t gguf_get_n_kv(const void *);
const char *gguf_get_key(const void *, int64_t);
int gguf_get_kv_type(const void *, int64_t);
int gguf_get_arr_type(const void *, int64_t);
size_t gguf_get_arr_n(const void *, int64_t);
const void *gguf_get_arr_data(const void *, int64_t);
const char *gguf_get_arr_str(const void *, int64_t, size_t);
uint8_t gguf_get_val_u8(const void *, int64_t);
int8_t gguf_get_val_i8(const void *, int64_t);
uint16_t gguf_get_val_u16(const void *, int64_t);
int16_t gguf_get_val_i16(const void *, int64_t);
uint32_t gguf_get_val_u32(const void *, int64_t);
int32_t gguf_get_val_i32(const void *, int64_t);
float gguf_get_val_f32(const void *, int64_t);
uint64_t gguf_get_val_u64(const void *, int64_t);
int64_t gguf_get_val_i64(const void *, int64_t);
double gguf_get_val_f64(const void *, int64_t);
bool gguf_get_val_bool(const void *, int64_t);
const char *gguf_get_val_str(const void *, int64_t);
int64_t gguf_get_n_tensors(const void *);
const char *gguf_get_tensor_name(const void *, int64_t);
int gguf_get_tensor_type(const void *, int64_t);
const int64_t *gguf_get_tensor_ne(const void *, int64_t);
size_t gguf_get_tensor_offset(const void *, int64_t);
size_t gguf_get_tensor_size(const void *, int64_t);

const char *ggml_type_name(int);
const char *ggml_version(void);
typedef void (*log_callback)(int, const char *, void *);
typedef void (*abort_callback)(const char *);
void ggml_log_set(log_callback, void *);
void ggml_set_abort_callback(abort_callback);
size_t ggml_backend_reg_count(void);
void *ggml_backend_load(const char *);
int ggml_backend_score(void);

struct block { uint64_t words[64]; };
const char *llama_version(void);
void llama_log_set(log_callback, void *);
void llama_backend_init(void);
struct block llama_model_default_params(void);
struct block llama_context_default_params(void);
void *llama_model_load_from_file_ptr(void *, struct block);
void *llama_init_from_model(void *, struct block);
void llama_set_n_threads(void *, int32_t, int32_t);
const void *llama_model_get_vocab(const void *);
int32_t llama_vocab_n_tokens(const void *);
int32_t llama_vocab_bos(const void *);
bool llama_model_has_encoder(const void *);
struct block llama_batch_get_one(int32_t *, int32_t);
int32_t llama_encode(void *, struct block);
int32_t llama_decode(void *, struct block);
float *llama_get_logits_ith(void *, int32_t);
"""


def write(path: str) -> None:
    """Writes `_ggml.py`."""
    ffi = FFI()
    ffi.cdef(C)
    ffi.set_source("kandil.sandbox._ggml", None)
    ffi.emit_python_code(path)


if __name__ == "__main__":
    write(sys.argv[1])

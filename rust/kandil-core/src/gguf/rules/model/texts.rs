//! The rules of this folder.

use super::super::rules;

rules! {
    MODEL
    ARCH_MISSING "KG-ARCH-MISSING" Malformed "a model without general.architecture"
        why "A loader chooses by it how to read all other keys and tensors. Without it, the file is refused, or a \
            program guesses."
        see "GGUF specification, ggml docs/gguf.md: general.architecture is required"
        passes "Importance matrices, the later shards of a model, and other data in GGUF's container have none and \
            pass: only a file with a model's keys or tensors is reported. Convert or download the model again."
    ARCH_TYPE "KG-ARCH-TYPE" Malformed "general.architecture is not a string"
        why "Programs that take it as text without looking at its type read memory that is none."
        see "GGUF specification, ggml docs/gguf.md: general.architecture is a string"
        passes "No converter writes another type."
    ARCH_NAME "KG-ARCH-NAME" Malformed "general.architecture is empty, overlong, or holds what no such name has"
        why "Programs put it before the names of keys, into messages, and some into paths. Separators, control \
            characters and NUL make something else of these."
        see "GGUF specification, ggml docs/gguf.md: all lower-case, only letters and digits; CWE-22"
        passes "Letters of either case, digits, _ - and . pass."
    ARCH_UNKNOWN "KG-ARCH-UNKNOWN" Suspicious "an architecture that no known program loads"
        why "Either it is misspelt and no program loads the file, or it is for a program of which nothing is known here: \
            then only part of the checks apply."
        see "llama.cpp src/llama-arch.cpp: unknown model architecture"
        passes "All names of llama.cpp, and of Ollama, ik_llama.cpp, stable-diffusion.cpp and ComfyUI-GGUF as far as they \
            are known, pass. A model that is newer than this kandil is reported: update kandil."
    ARCH_KEYS "KG-ARCH-KEYS" Malformed "general.architecture is one model's, the keys are another's"
        why "A loader looks for the sizes under the name of the architecture and finds none. Two programs that go by \
            different ones load different models."
        see "llama.cpp src/llama-model-loader.cpp: key not found in model"
        passes "It is only reported where the file has no key at all of its architecture, and all sizes of another. \
            A difference of case alone is KG-ARCH-UNKNOWN."
    HP_TYPE "KG-HP-TYPE" Malformed "a size or setting of a type that llama.cpp refuses"
        why "Loaders that do not check read the bytes as another number: a float as an integer is a size beyond all \
            bounds."
        see "llama.cpp src/llama-model-loader.cpp: key has wrong type"
        passes "The types that llama.cpp takes pass, numbers for each layer among them. Only architectures that it \
            knows are judged."
    HP_MISSING "KG-HP-MISSING" Malformed "a size without which no loader can begin"
        why "Loaders refuse the file, or go on with a value that happens to be there."
        see "llama.cpp src/llama-model.cpp load_hparams: key not found in model"
        passes "Vocabularies without tensors need no sizes, and pass."
    HP_LIMIT "KG-HP-LIMIT" Malformed "a size of 0, or beyond what loaders have room for"
        why "llama.cpp keeps what belongs to layers in arrays of 512, experts of 1024: larger numbers have written \
            beyond them. Others make products of sizes wrap around, or ask for more memory than there is."
        see "llama.cpp pull requests 25513 and 26051 (block_count, out-of-bounds write), 26892 (posnet.block_count); \
            src/llama-hparams.h: LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS"
        passes "The bounds are llama.cpp's, or many times the largest that any published model has. Models without \
            attention have 0 heads and pass."
    HP_DIV "KG-HP-DIV" Malformed "heads, experts or groups that do not divide what they are shares of"
        why "Loaders divide by these and go on with the rest cut off: shapes do not fit, an assertion ends the process, \
            or memory beyond a tensor is read. More experts may not be used than there are."
        see "llama.cpp src/llama-model.cpp load_hparams: assertions on n_expert, n_expert_used, n_expert_groups; \
            ggml_can_mul_mat"
        passes "Recurrent and mixed models with 0 heads in some layers pass, as do models that give the width of a \
            head themselves, and dense models of the Hunyuan family that write one expert."
    HP_ARR "KG-HP-ARR" Malformed "an array for each layer that has another number of elements"
        why "A loader copies as many elements as there are layers: a shorter array is read past its end."
        see "llama.cpp src/llama-model-loader.cpp get_key_or_arr: wrong array length"
        passes "One number for all layers passes, as does an array without the layers that predict further tokens."
    HP_BLOCK "KG-HP-BLOCK" Malformed "a tensor of a block beyond block_count"
        why "The number in the tensor's name is used as an index into the blocks. llama.cpp refuses tensors that it \
            has not asked for."
        see "llama.cpp src/llama-model-loader.cpp done_getting_tensors: wrong number of tensors"
        passes "Blocks that predict further tokens are counted in. Encoders and decoders that count apart are not \
            judged."
    HP_SHAPE "KG-HP-SHAPE" Malformed "a tensor or a setting that contradicts the sizes in the keys"
        why "A program that trusts the keys reads or writes beyond the tensor."
        see "llama.cpp src/llama-model-loader.cpp check_tensor_dims: wrong shape; src/llama-model.cpp: invalid n_rot"
        passes "Only architectures with a settled layout are compared, as llama.cpp compares them. Fused, latent and \
            mixed layouts are not judged."
    HP_TENSOR "KG-HP-TENSOR" Malformed "a tensor that the architecture needs is not there"
        why "The header counts fewer tensors than there were, or one's name was damaged. Loaders refuse the file."
        see "llama.cpp src/llama-model-loader.cpp: missing tensor"
        passes "Shards, vocabularies without tensors, fused matrices and models whose output is their embedding pass. \
            Only architectures with a settled layout are judged."
    HP_WEIGHT "KG-HP-WEIGHT" Malformed "a weight of a type for indices or intermediate results"
        why "No backend multiplies with such a matrix: the process ends at an assertion when the model is used."
        see "llama.cpp src/llama-model-loader.cpp: failed to find a compatible buffer type for tensor"
        passes "Only the common weights are judged; tables of indices, which some models have, pass."
    HP_CTX "KG-HP-CTX" Suspicious "a context length of 0, or beyond 31 bits"
        why "Programs that take the model's own length allocate nothing, or divide by it; a length beyond 31 bits is a \
            negative one in others."
        see "llama.cpp include/llama.h: n_ctx 0 stands for the model's own length"
        passes "Every length of at least 1 that a 32-bit int can hold passes. Set a length by hand, or convert the model again."
    HP_ENUM "KG-HP-ENUM" Suspicious "a number that stands for a way to compute or to store, and for none that is known"
        why "Programs take another way, or end at an assertion where one is asked for."
        see "llama.cpp src/llama-hparams.h: llama_expert_gating_func_type; include/llama.h: llama_pooling_type, llama_ftype"
        passes "The ways of llama.cpp of October 2026 pass, and file types of forks. A model that is newer than this \
            kandil is reported: update kandil."
    HP_FLOAT "KG-HP-FLOAT" Suspicious "a number that is no number, or not above 0 where it must be"
        why "Each layer's results are divided by it, or powers of it are taken: the model's output is noise, or a \
            program waits for a token that never comes."
        see "llama.cpp src/llama-model.cpp load_hparams; IEEE 754"
        passes "Zeros are only reported for epsilons and for the base and factor of rotations, infinities also for \
            scales and bounds."
    HP_ROPE "KG-HP-ROPE" Suspicious "a rotation of a kind or with more parts than llama.cpp has"
        why "It keeps four sections and knows four kinds of scaling; others end the process."
        see "llama.cpp src/llama-model.cpp load_hparams: rope_sections, LLAMA_ROPE_SCALING_TYPES"
        passes "none, linear, yarn and longrope pass, and up to four sections."
    HP_FTYPE "KG-HP-FTYPE" Suspicious "general.file_type says that the file is quantized, but nothing in it is"
        why "Programs show it and choose files by it: the file is not the one that it is shown as."
        see "llama.cpp include/llama.h: llama_ftype"
        passes "A mixture that has quantized tensors of any type passes, and files whose rows are too short to be \
            quantized. Numbers of forks are not judged."
    MM_TYPE "KG-MM-TYPE" Malformed "a projector's size or kind of a type that llama.cpp refuses"
        why "It is taken for another number where nobody looks at the type."
        see "llama.cpp tools/mtmd/clip.cpp load_hparams"
        passes "What llama.cpp's converters write passes."
    MM_MISSING "KG-MM-MISSING" Malformed "a projector without a key or a block that its loader asks for"
        why "Loaders refuse the file, or go on with a value that happens to be there."
        see "llama.cpp tools/mtmd/clip.cpp load_hparams: Key not found; load_tensors: unable to find tensor"
        passes "Encoders that the file does not say it has are not asked for, nor the kind of a projector from before \
            there were several (clip.has_llava_projector), nor any of this where a file has no tensors."
    MM_BLOCK "KG-MM-BLOCK" Suspicious "a projector's tensor of a block beyond block_count"
        why "llama.cpp leaves it unread: it is weight that no check of the model's output sees. Others index by it."
        see "llama.cpp tools/mtmd/clip.cpp load_tensors"
        passes "Projectors whose blocks are counted in stages pass."
    MM_VALUE "KG-MM-VALUE" Malformed "sizes of tiles or colours that no image has"
        why "llama.cpp computes with them unchecked when it is shown an image."
        see "llama.cpp tools/mtmd/clip.cpp load_hparams: image_grid_pinpoints, image_mean"
        passes "Tiles of 1 to 65536 pixels on a side, up to 512 numbers, and means of up to 16 colours pass."
    MM_LIMIT "KG-MM-LIMIT" Malformed "a projector's size of 0, or beyond what loaders have room for"
        why "An image is divided by the size of a patch; the number of patches, of pixels and of steps of sound sizes \
            arrays, of which some were on the stack and some products wrapped around."
        see "llama.cpp issues 27166 (patches on a side), 27223 (chunk_size), 27224 (image_min_pixels)"
        passes "An image size of 0, which stands for any size, passes where the encoder takes any; so do encoder-free \
            projectors without blocks."
    MM_DIV "KG-MM-DIV" Malformed "a projector's number that something is divided by, and cannot be"
        why "The process ends at a division by 0 or at an assertion."
        see "llama.cpp tools/mtmd/clip.cpp clip_graph: n_embd / n_head; issue 24085"
        passes "Encoder-free projectors have 0 heads and pass, as do those that give the width of a head themselves."
    MM_ARRAY "KG-MM-ARRAY" Malformed "a projector's array that is too short, odd, or of another type"
        why "llama.cpp read three colours from image_mean and image_std and pairs from image_grid_pinpoints whatever \
            their lengths: past the end of shorter ones."
        see "llama.cpp pull requests 24142, 24976 and 25014"
        passes "Three or more float32, and pairs of int32, as all converters write them."
    MM_PROJECTOR "KG-MM-PROJECTOR" Suspicious "a kind of projector that llama.cpp does not know"
        why "It refuses the file; for other programs, only part of the checks apply."
        see "llama.cpp tools/mtmd/clip-impl.h: PROJECTOR_TYPE_NAMES"
        passes "All that llama.cpp has had pass. A model that is newer than this kandil is reported: update kandil."
    LORA_TYPE "KG-LORA-TYPE" Malformed "an adapter that is not of type lora, or whose alpha is no float32"
        why "llama.cpp refuses other adapters, and ends the process where alpha is of another type."
        see "llama.cpp src/llama-adapter.cpp: expect adapter.type to be 'lora'"
        passes "What llama.cpp's convert_lora_to_gguf.py writes passes."
    LORA_PAIR "KG-LORA-PAIR" Malformed "one matrix of a LoRA pair without the other, or a tensor that is neither"
        why "Their product is what is added to a weight; loaders that do not look multiply with nothing."
        see "llama.cpp src/llama-adapter.cpp: LoRA tensor pair is missing one component"
        passes "Norms, which adapters may bring without a pair, pass."
    LORA_SHAPE "KG-LORA-SHAPE" Malformed "two matrices of a LoRA pair that cannot be multiplied"
        why "A loader that multiplies them regardless reads beyond the smaller one."
        see "llama.cpp src/llama-adapter.cpp: lora_a tensor is not transposed"
        passes "Token embeddings, of which both are stored the other way round, pass."
    LORA_DEPTH "KG-LORA-DEPTH" Suspicious "two matrices of a LoRA pair for different numbers of experts"
        why "A program that goes by one reads the other past its end, or stops at an assertion."
        see "ggml ggml_can_mul_mat"
        passes "Pairs for experts, of which both have as many, pass, and all pairs of plain matrices."
    LORA_ALPHA "KG-LORA-ALPHA" Suspicious "a LoRA scale that is no number, infinite or negative"
        why "Every weight that the adapter touches becomes useless, or its opposite."
        see "llama.cpp src/llama-adapter.h: get_scale"
        passes "0, which stands for a scale of 1, passes."
    TOK_MISSING "KG-TOK-MISSING" Malformed "a tokenizer without its tokens or merges, or without the key that says of which kind it is"
        why "Loaders refuse the file: nothing says how text becomes tokens. It is what damage to a key's name looks like."
        see "llama.cpp src/llama-vocab.cpp: key not found in model: tokenizer.ggml.model; cannot find tokenizer vocab; cannot find tokenizer merges"
        passes "Models of other kinds than language, adapters, projectors, shards, files without any tokenizer key, \
            and tokenizers that say no_vocab or none."
    TOK_UNKNOWN "KG-TOK-UNKNOWN" Suspicious "a kind of tokenizer that llama.cpp does not know"
        why "llama.cpp refuses the file. It may be made for a newer loader or another program, or the name is damaged."
        see "llama.cpp src/llama-vocab.cpp: unknown tokenizer"
        passes "Each kind that llama.cpp of October 2026 loads."
}

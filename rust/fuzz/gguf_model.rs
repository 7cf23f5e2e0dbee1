//! What holds for a model of any sizes, vocabulary and tensors. Shared by the fuzz target and by the test that replays its
//! corpus.
//!
//! An input is a list of choices, of which 0 is always the sound one: no choices make a sound model.

use super::gguf_file::{File, Tensor, text};
use super::gguf_scan;

const ARCHITECTURES: &[&str] =
    &["llama", "qwen2", "gemma3", "deepseek2", "mamba", "nemotron_h", "bert", "clip", "llama4", "unheard-of"];
const BLOCKS: u32 = 2;
const WIDTH: u32 = 32;
const TOKENS: u32 = 12;

/// Sizes, and what they are in a sound model.
const SIZES: &[(&str, u32)] = &[
    ("block_count", BLOCKS),
    ("context_length", 128),
    ("embedding_length", WIDTH),
    ("feed_forward_length", 32),
    ("attention.head_count", 4),
    ("attention.head_count_kv", 2),
    ("rope.dimension_count", 8),
];

/// Sizes and settings that a sound model need not have.
const MORE: &[&str] = &[
    "vocab_size",
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window_pattern",
    "rope.freq_base",
    "rope.scaling.type",
    "rope.dimension_sections",
    "ssm.inner_size",
    "ssm.state_size",
    "nextn_predict_layers",
    "vision.block_count",
    "vision.patch_size",
    "vision.image_size",
    "vision.attention.head_count",
    "vision.image_mean",
    "vision.projector.scale_factor",
    "decoder_start_token_id",
];

/// Where arithmetic goes wrong.
const EDGES: &[u32] =
    &[0, 1, 2, 3, 7, 31, 33, 511, 512, 513, 1024, 1025, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

const TEXTS: &[&[u8]] = &[
    b"llama",
    b"",
    b"gpt2",
    b"none",
    b"lora",
    b"mmproj",
    b"adapter",
    b"yarn",
    b"../x",
    b"\xff\xfe",
    b"a\0b",
    b"<0x41>",
    b"<0x-1>",
    b"\xe2\x96\x81the",
    b"a b",
    b"\xe2\x80\xae",
    b"\x1b[31m",
    b"<s>",
];

struct Choices<'a> {
    rest: &'a [u8],
}

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        byte
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    fn edge(&mut self) -> u32 {
        let byte = self.byte();
        EDGES.get(usize::from(byte)).copied().unwrap_or(u32::from(byte))
    }

    /// A value of another type, or of none.
    fn odd(&mut self, file: &mut File, key: &str) {
        let (kind, count) = (u32::from(self.byte() % 14), self.edge().min(600));
        match kind {
            8 => file.text(key, self.one(TEXTS)),
            9 => {
                let (kind, edge) = (u32::from(self.byte() % 14), self.edge());
                let bytes = (0..count).flat_map(|_| u64::from(edge).to_le_bytes()).collect::<Vec<u8>>();
                file.array(key, kind, count.into(), &bytes);
            }
            _ => {
                let size = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8, 4][kind as usize];
                file.add(key, kind, &u64::from(self.edge()).to_le_bytes()[..size]);
            }
        }
    }

    /// The value that a sound model has, unless chosen otherwise.
    fn size(&mut self, file: &mut File, key: &str, sound: u32) {
        match self.byte() % 8 {
            0..=4 => file.number(key, sound),
            5 => file.number(key, self.edge()),
            6 => self.odd(file, key),
            _ => {}
        }
    }

    fn strings(&mut self, file: &mut File, key: &str, sound: Vec<Vec<u8>>) {
        let strings: Vec<Vec<u8>> = match self.byte() % 4 {
            0 | 1 => sound,
            2 => sound
                .into_iter()
                .flat_map(|string| match self.byte() % 8 {
                    0..=3 => vec![string],
                    4 => vec![self.one(TEXTS).into()],
                    5 => vec![string.clone(), string],
                    6 => vec![[&string[..], self.one(TEXTS)].concat()],
                    _ => vec![],
                })
                .collect(),
            _ => return self.odd(file, key),
        };
        let elements: Vec<u8> = strings.iter().flat_map(|string| text(string)).collect();
        file.array(key, 8, strings.len() as u64, &elements);
    }

    fn numbers(&mut self, file: &mut File, key: &str, kind: u32, sound: u32) {
        let numbers: Vec<u32> = match self.byte() % 4 {
            0 | 1 => vec![sound; TOKENS as usize],
            2 => (0..self.byte()).map(|_| self.edge()).collect(),
            _ => return self.odd(file, key),
        };
        let elements: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        file.array(key, kind, numbers.len() as u64, &elements);
    }

    fn vocabulary(&mut self, file: &mut File) {
        if self.byte() % 8 < 7 {
            let kind = if self.byte() < 192 { b"llama" } else { self.one(TEXTS) };
            file.text("tokenizer.ggml.model", kind);
        }
        let tokens = (0..TOKENS).map(|number| if number == 0 { b"<unk>".into() } else { vec![b'a' + number as u8; 2] });
        self.strings(file, "tokenizer.ggml.tokens", tokens.collect());
        self.numbers(file, "tokenizer.ggml.scores", 6, 0);
        self.numbers(file, "tokenizer.ggml.token_type", 5, 1);
        if self.byte() % 2 == 1 {
            self.strings(file, "tokenizer.ggml.merges", vec![b"b c".into(), b"bb cc".into(), b"cc dd".into()]);
        }
        for key in ["bos_token_id", "eos_token_id", "unknown_token_id"] {
            self.size(file, &format!("tokenizer.ggml.{key}"), 0);
        }
        if self.byte() % 4 == 1 {
            self.odd(file, "tokenizer.ggml.precompiled_charsmap");
        }
    }

    fn tensors(&mut self) -> Vec<Tensor> {
        let (width, tokens) = (u64::from(WIDTH), u64::from(TOKENS));
        let mut sound = vec![("token_embd.weight".to_owned(), vec![width, tokens])];
        sound.push(("output_norm.weight".to_owned(), vec![width]));
        for block in 0..BLOCKS {
            let parts: [(&str, &[u64]); 9] = [
                ("attn_norm", &[width]),
                ("attn_q", &[width, width]),
                ("attn_k", &[width, width / 2]),
                ("attn_v", &[width, width / 2]),
                ("attn_output", &[width, width]),
                ("ffn_norm", &[width]),
                ("ffn_gate", &[width, width]),
                ("ffn_up", &[width, width]),
                ("ffn_down", &[width, width]),
            ];
            sound.extend(parts.map(|(part, dims)| (format!("blk.{block}.{part}.weight"), dims.to_vec())));
        }
        let mut offset = 0;
        let mut tensors = Vec::new();
        for (name, dims) in sound {
            let size: u64 = 4 * dims.iter().product::<u64>();
            let mut tensor = Tensor { name, dims, kind: 0, offset };
            match self.byte() % 16 {
                0..=8 => {}
                9 => tensor.name = String::from_utf8_lossy(self.one(TEXTS)).into_owned(),
                10 => tensor.name = tensor.name.replace("blk.0", &format!("blk.{}", self.edge())),
                11 => tensor.name = tensor.name.replace(".weight", self.one(&[".bias", ".lora_a", ".lora_b", ""])),
                12 => tensor.dims = (0..self.byte() % 6).map(|_| self.edge().into()).collect(),
                13 => tensor.kind = self.byte().into(),
                14 => tensor.offset = u64::from(self.edge()) * 32,
                _ => continue,
            }
            offset += size;
            tensors.push(tensor);
        }
        tensors
    }
}

/// The file that an input stands for.
pub(crate) fn file(input: &[u8]) -> Vec<u8> {
    let mut choices = Choices { rest: input };
    let mut file = File::default();
    let architecture = choices.one(ARCHITECTURES);
    if choices.byte() < 240 {
        file.text("general.architecture", architecture.as_bytes());
    }
    for (name, sound) in SIZES {
        choices.size(&mut file, &format!("{architecture}.{name}"), *sound);
    }
    let epsilon = format!("{architecture}.attention.layer_norm_rms_epsilon");
    file.add(&epsilon, 6, &choices.one(&[1e-5_f32, 0.0, -1.0, f32::NAN, f32::INFINITY]).to_le_bytes());
    for _ in 0..choices.byte() % 8 {
        let name = choices.one(MORE);
        choices.odd(&mut file, &format!("{architecture}.{name}"));
    }
    for _ in 0..choices.byte() % 4 {
        let keys =
            ["general.type", "general.alignment", "adapter.type", "adapter.lora.alpha", "split.count", "split.no"];
        let key = choices.one(&keys);
        choices.odd(&mut file, key);
    }
    choices.vocabulary(&mut file);
    let tensors = choices.tensors();
    let mut bytes = file.whole(&tensors);
    let data: u64 = tensors
        .iter()
        .map(|tensor| 4 * tensor.dims.iter().fold(1, |size: u64, dim| size.saturating_mul(*dim)))
        .fold(0, u64::saturating_add);
    bytes.resize(bytes.len() + usize::try_from(data.min(200_000)).unwrap_or(0), 0);
    bytes
}

/// Panics unless the scan of the file is the same for any chunks, and what it says fits the bytes.
pub(crate) fn check(input: &[u8]) {
    let control = [255, input.first().copied().unwrap_or(0), 64, 199, 7, 0];
    gguf_scan::check(&[file(input), control.into()].concat());
}

//! One set of tests, run over every kernel of this machine.

use super::lanes::{Lane, Plan, advance};
use super::*;

/// A generator good enough for test data, the same on every machine (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// SHA-256 of `data` with the portable kernel alone.
fn reference(data: &[u8]) -> Digest {
    let mut message = data.to_vec();
    message.resize(padded(data.len()), 0);
    pad(&mut message, data.len(), data.len() as u64);
    let mut state = INITIAL;
    portable::compress(&mut state, &message);
    to_digest(&state)
}

fn hex(digest: Digest) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn published_vectors() {
    // FIPS 180-4 examples as published by NIST (SHA256.pdf), and the empty message.
    let cases: [(&[u8], &str); 3] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(hex(reference(message)), expected);
        assert_eq!(hex(digest(message)), expected);
    }
}

/// The kernels of this machine, and the Arm one: on its own instructions there, over a model of them elsewhere.
fn all_kernels() -> Vec<Kernel> {
    let mut kernels = detect();
    if cfg!(not(target_arch = "aarch64")) {
        kernels.push(Kernel { set: "neon", width: 1, compress: neon::compress1 });
    }
    kernels
}

#[test]
fn every_kernel_agrees_with_the_portable_one() {
    let mut random = Random(1);
    for kernel in all_kernels() {
        for blocks in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33] {
            for lanes in 1..=kernel.width {
                let data: Vec<Vec<u8>> = (0..lanes).map(|_| random.bytes(blocks * BLOCK + 1)).collect();
                // From an odd address: no kernel may assume alignment.
                let slices: Vec<&[u8]> = data.iter().map(|d| &d[1..]).collect();
                let mut states: Vec<State> =
                    (0..lanes).map(|_| std::array::from_fn(|_| random.next() as u32)).collect();
                let mut expected = states.clone();
                for (state, slice) in expected.iter_mut().zip(&slices) {
                    portable::compress(state, slice);
                }
                kernel.compress(&mut states, &slices);
                assert_eq!(states, expected, "{} x{}, {lanes} lanes, {blocks} blocks", kernel.set, kernel.width);
            }
        }
    }
}

#[test]
fn a_stream_cut_anywhere_has_the_same_digest() {
    let mut random = Random(2);
    let data = random.bytes(1000);
    for length in (0..300).chain([511, 512, 513, 1000]) {
        let mut hash = Sha256::default();
        let mut rest = &data[..length];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(1 + random.below(rest.len()));
            hash.update(head);
            assert_eq!(hash.digest(), reference(&data[..length - tail.len()]));
            rest = tail;
        }
        assert_eq!(hash.digest(), reference(&data[..length]));
    }
}

/// Hashes `messages` in at most `width` lanes of `capacity` bytes, each lane taking the next message as it ends.
fn in_lanes(plan: &Plan, messages: &[&[u8]], width: usize, capacity: usize) -> Vec<Digest> {
    let mut digests = vec![[0; 32]; messages.len()];
    let mut waiting = 0..messages.len();
    let mut lanes: Vec<(usize, Lane)> = waiting.by_ref().take(width).map(|i| (i, Lane::new(capacity))).collect();
    while !lanes.is_empty() {
        for (i, lane) in lanes.iter_mut().filter(|(_, lane)| lane.blocks() == 0) {
            let rest = &messages[*i][lane.length() as usize..];
            let space = lane.space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            assert_eq!(lane.filled(count), &rest[..count]);
        }
        advance(plan, lanes.iter_mut().map(|(_, lane)| lane));
        lanes.retain_mut(|(i, lane)| {
            if !lane.done() {
                return true;
            }
            digests[*i] = lane.digest();
            lane.restart();
            waiting.next().map(|next| *i = next).is_some()
        });
    }
    digests
}

#[test]
fn random_schedules_of_unequal_messages() {
    let mut random = Random(3);
    let data = random.bytes(5000);
    let kernels = all_kernels();
    let sets: std::collections::BTreeSet<&str> = kernels.iter().map(|k| k.set).collect();
    let schedules = 10_000 / sets.len() + 1;
    for set in sets {
        let of_set: Vec<Kernel> = kernels.iter().filter(|k| k.set == set).copied().collect();
        // Wide kernels for free, so that they are chosen; and for a price, so that narrow ones mix in.
        let plans = [Plan::new(&of_set, |_| 1.0), Plan::new(&of_set, |k| k.width as f64 * 0.75 + 1.0)];
        for schedule in 0..schedules {
            let messages: Vec<&[u8]> = (0..random.below(24))
                .map(|_| {
                    let length = if random.below(4) == 0 { random.below(2000) } else { random.below(300) };
                    let start = random.below(3000);
                    &data[start..start + length]
                })
                .collect();
            let capacity = BLOCK * (1 + random.below(8));
            let width = 1 + random.below(MAX_WIDTH);
            let digests = in_lanes(&plans[schedule % 2], &messages, width, capacity);
            for (message, digest) in messages.iter().zip(digests) {
                assert_eq!(digest, reference(message), "{set}, {} bytes", message.len());
            }
        }
    }
}

#[test]
fn a_plan_takes_the_cheapest_combination() {
    let portable = detect()[0];
    let kernel = |width| Kernel { width, ..portable };
    let plan = Plan::new(&[kernel(1), kernel(2), kernel(16)], |k| match k.width {
        1 => 10.0,
        2 => 12.0,
        _ => 40.0,
    });
    assert_eq!(plan.cost(1), 10.0);
    assert_eq!(plan.cost(5), 34.0);
    assert_eq!(plan.cost(16), 40.0);
    assert_eq!(plan.describe()[4], "portablex1+portablex2+portablex2");
    assert_eq!(plan.describe()[15], "portablex16");
}

//! Mutations of inputs, for short runs without a fuzzer: a few changes, or pieces of another input.
//!
//! It knows nothing of what inputs mean, and follows no coverage: that is what `tests/fuzz` is for.

use crate::random::Random;

/// Bytes at which decisions are often made.
const EDGES: &[u8] = &[0, 1, 0x10, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];

/// The most changes at once.
const CHANGES: u64 = 6;

/// A mutation of one of `inputs`, which are not empty, or something of its own; at most `longest`
/// bytes.
pub fn mutate(inputs: &[&[u8]], random: &mut Random, longest: usize) -> Vec<u8> {
    let mut bytes = random.one_of(inputs).to_vec();
    match random.below(16) {
        0 => {
            let length = random.below(longest as u64 + 1);
            bytes = (0..length).map(|_| random.any() as u8).collect();
        }
        1..4 => {
            let other = random.one_of(inputs);
            let (here, there) = (cut(&bytes, random), cut(other, random));
            bytes.truncate(here);
            bytes.extend_from_slice(&other[there..]);
        }
        _ => {}
    }
    for _ in 0..random.below(CHANGES + 1) {
        change(&mut bytes, random);
    }
    bytes.truncate(longest);
    bytes
}

fn cut(bytes: &[u8], random: &mut Random) -> usize {
    random.below(bytes.len() as u64 + 1) as usize
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = cut(bytes, random);
    let end = (at + 1 + random.below(8) as usize).min(bytes.len());
    match (random.below(6), bytes.get_mut(at)) {
        (0, Some(byte)) => *byte ^= 1 << random.below(8),
        (1, Some(byte)) => *byte = random.one_of(EDGES),
        (2, Some(byte)) => *byte = random.any() as u8,
        (3, _) => {
            let piece = bytes[at..end].to_vec();
            let to = cut(bytes, random);
            bytes.splice(to..to, piece);
        }
        (4, _) => _ = bytes.drain(at..end),
        _ => bytes.insert(at, random.any() as u8),
    }
}

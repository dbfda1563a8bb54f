//! A model of the kernel's heap: blocks by address, with their bytes.
//!
//! It says what operations on live blocks return, whoever performs them. Where blocks lie it does
//! not know: it checks that they are apart. Of what a guest does outside of its blocks it knows
//! nothing.

use std::collections::BTreeMap;

use crate::kernel::Record;

/// The first address that a block can have.
const FIRST: i64 = 80;

/// Blocks of this size, in bytes, are granted.
const GRANTED: i64 = 1 << 20;

/// Blocks by address, with their bytes.
pub struct Heap(BTreeMap<i64, Vec<u8>>);

/// What an operation touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Blocks that are live, or nothing.
    Own,
    /// It changed what the model does not know; from here on it says nothing.
    Foreign,
}

impl Heap {
    /// As a call finds it: the input is the only block.
    pub fn new(input: &[u8]) -> Self {
        let input = (!input.is_empty()).then(|| (FIRST, input.to_vec()));
        Self(input.into_iter().collect())
    }

    /// Does what a record does and compares what it returned.
    ///
    /// # Panics
    /// If the result is another one.
    pub fn follow(&mut self, record: &Record, operands: [i64; 2], result: i64) -> Touch {
        let [a, b] = operands;
        // Which half performs it makes no difference.
        match record.name().trim_start_matches("host_") {
            "alloc" if result == 0 => {
                assert!(!(1..=GRANTED).contains(&a), "{a} bytes were refused");
            }
            "alloc" => self.insert(a, result),
            "free" => _ = self.0.remove(&a),
            "reset" => self.0.clear(),
            "length" => {
                let length = self.0.get(&a).map_or(0, Vec::len);
                assert_eq!(result, length as i64, "the length of {a}");
            }
            "length_unsafe" => {
                if let Some(block) = self.0.get(&a) {
                    assert_eq!(result, block.len() as i64, "the length of {a}");
                }
            }
            "store_u64" => match self.bytes(a, 8) {
                Some(bytes) => bytes.copy_from_slice(&b.to_le_bytes()),
                None => return Touch::Foreign,
            },
            "store_u8" => match self.bytes(a, 1) {
                Some(bytes) => bytes[0] = b as u8,
                None => return Touch::Foreign,
            },
            "load_u8" => {
                if let Some(bytes) = self.bytes(a, 1) {
                    assert_eq!(result, i64::from(bytes[0]), "the byte at {a}");
                }
            }
            "load_u64" => {
                if let Some(bytes) = self.bytes(a, 8) {
                    assert_eq!(result.to_le_bytes(), bytes, "the word at {a}");
                }
            }
            // They say where input, output and error lie, which changes no block.
            "input_set" | "output_set" | "error_set" => {}
            name if name.starts_with("input_") || name.starts_with("output_") => {}
            "error_get" | "memory_bytes" => {}
            name => panic!("the model does not know `{name}`"),
        }
        Touch::Own
    }

    fn insert(&mut self, size: i64, at: i64) {
        assert!(at >= FIRST && at % 16 == 0, "a block at {at}");
        let before = self.0.range(..=at).next_back();
        let end = before.map_or(0, |(at, bytes)| at + bytes.len() as i64);
        assert!(end <= at, "the block at {at} overlaps one before");
        let after = self.0.range(at..).next();
        let next = after.map_or(i64::MAX, |(at, _)| *at);
        assert!(at + size <= next, "the block at {at} overlaps one behind");
        self.0.insert(at, vec![0; size as usize]);
    }

    /// Bytes of a live block.
    fn bytes(&mut self, at: i64, length: usize) -> Option<&mut [u8]> {
        let (start, bytes) = self.0.range_mut(..=at).next_back()?;
        let offset = (at - start) as usize;
        bytes.get_mut(offset..offset.checked_add(length)?)
    }
}

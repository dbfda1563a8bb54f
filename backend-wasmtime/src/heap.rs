//! Distinguishes the heap of objects from memories of guests when wasmtime asks whether one of them may grow.
//!
//! wasmtime passes the same values for both: the current size, the new size, and the maximum. The maximum of the
//! heap is 4 GiB. So in programs with objects, a memory with that maximum gets one page less. This file does not
//! know its callers. Invariant: a memory that is mistaken for the heap never grows.

use std::borrow::Cow;

use wasm_encoder::{
    MemorySection, RawSection,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{MemoryType, Parser, Payload};

/// The maximum of the heap in bytes.
const MOST: u64 = 1 << 32;
/// The default page size, as a power of two.
const PAGE_LOG2: u32 = 16;

/// Whether a growth to `desired` bytes with this `maximum` is one of the heap.
pub(crate) fn is_heap(current: usize, desired: usize, maximum: Option<usize>) -> bool {
    // Only a memory starts with this many bytes, and such a memory cannot grow.
    let full = current == 0 && desired as u64 == MOST;
    maximum.is_some_and(|maximum| maximum as u64 == MOST) && !full
}

/// The same module, in which no memory has the maximum of the heap. wasmtime itself refuses a malformed module.
pub(crate) fn told_apart(wasm: &[u8]) -> Cow<'_, [u8]> {
    rewritten(wasm).unwrap_or(Cow::Borrowed(wasm))
}

fn rewritten(wasm: &[u8]) -> Result<Cow<'_, [u8]>, reencode::Error> {
    let mut out = wasm_encoder::Module::new();
    let mut changed = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::MemorySection(section) = payload {
            let mut memories = MemorySection::new();
            for memory in section {
                let memory = memory?;
                let smaller = smaller(memory);
                changed |= smaller != memory;
                memories.memory(RoundtripReencoder.memory_type(smaller)?);
            }
            out.section(&memories);
        } else if let Some((id, range)) = payload.as_section() {
            let data = &wasm[range.start as usize..range.end as usize];
            out.section(&RawSection { id, data });
        }
    }
    Ok(match changed {
        true => Cow::Owned(out.finish()),
        false => Cow::Borrowed(wasm),
    })
}

fn smaller(memory: MemoryType) -> MemoryType {
    let pages = MOST >> memory.page_size_log2.unwrap_or(PAGE_LOG2);
    let could = match memory.maximum {
        Some(maximum) => maximum == pages,
        None => !memory.memory64,
    };
    let maximum = match could && memory.initial < pages {
        true => Some(pages - 1),
        false => memory.maximum,
    };
    MemoryType { maximum, ..memory }
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::{is_heap, told_apart};

    const GIB: usize = 1 << 30;

    #[test]
    fn memories_that_could_be_as_large_as_the_heap() {
        for (text, maximum) in [
            ("(memory 1)", Some(65_535)),
            ("(memory 0 65536)", Some(65_535)),
            ("(memory 1 65535)", Some(65_535)),
            ("(memory 1 9)", Some(9)),
            ("(memory 65536)", None),
            ("(memory 65536 65536)", Some(65_536)),
            ("(memory i64 1)", None),
            ("(memory i64 1 65536)", Some(65_535)),
            ("(memory i64 1 65537)", Some(65_537)),
            ("(memory 1 (pagesize 1))", Some((1 << 32) - 1)),
        ] {
            let wasm = wat::parse_str(format!("(module {text} (func))")).expect("it is text");
            let told = told_apart(&wasm);
            let found = Parser::new(0).parse_all(&told).find_map(|payload| {
                match payload.expect("it is a module") {
                    Payload::MemorySection(section) => section.into_iter().next(),
                    _ => None,
                }
            });
            let found = found.expect("there is one").expect("it can be read");
            assert_eq!(found.maximum, maximum, "{text}");
        }
    }

    #[test]
    fn the_heap_can_have_four_gibibytes() {
        assert!(is_heap(GIB, 2 * GIB, Some(4 * GIB)));
        assert!(is_heap(0, 65_536, Some(4 * GIB)));
        assert!(!is_heap(GIB, 2 * GIB, Some(4 * GIB - 65_536)));
        assert!(!is_heap(0, 4 * GIB, Some(4 * GIB)));
        assert!(!is_heap(GIB, 2 * GIB, None));
    }
}

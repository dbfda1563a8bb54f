//! The format of a core dump: a module with custom sections, as in `Coredump.md` of the WebAssembly tool
//! conventions.
//!
//! Memories are not copied but read twice, first to find the parts that are not zero. Invariant: the result is a
//! valid module for any memories.

use std::{
    io::{self, Write},
    ops::Range,
};

use wasm_encoder::{
    ConstExpr, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection,
    CoreDumpStackSection, CoreDumpValue, Encode, MemorySection, MemoryType, Module, SectionId,
};

use super::Postmortem;
use crate::{
    base::{error::Error, ids::MemoryId},
    kernel::{PAGE, guest::Guest},
};

/// The name of a module of the host.
const KERNEL: &str = "extism:host/env";
/// The most pages of a memory with 32-bit addresses.
const NARROW: u64 = 1 << 16;
/// The most bytes of one data segment.
const LONGEST: usize = 1 << 30;
/// The flag of a data segment with an explicit memory (specification, "Data Section").
const ACTIVE: u8 = 2;

/// A part of a memory that is not only zeros: its header, and its position.
struct Segment {
    head: Vec<u8>,
    memory: MemoryId,
    bytes: Range<usize>,
}

impl Postmortem {
    /// Writes a core dump of `guest`, which failed with `error`.
    pub(super) fn core_dump(
        &self,
        guest: &mut dyn Guest,
        error: &Error,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut module = Module::new();
        module.section(&CoreDumpSection::new(guest.host().id().to_string()));
        let (mut modules, mut instances) = (
            CoreDumpModulesSection::new(),
            CoreDumpInstancesSection::new(),
        );
        for (position, name) in (0_u32..).zip(self.guests.names()) {
            modules.module(name.unwrap_or(KERNEL));
            let own = (0_u32..).zip(&self.memories);
            let own = own.filter(|(_, module)| module.0 == position);
            let own = own.map(|(memory, _)| memory).collect::<Vec<_>>();
            instances.instance(position, own, []);
        }
        module.section(&modules).section(&instances);
        let mut stack = CoreDumpStackSection::new("main");
        for position in error.positions() {
            if let Some(frame) = self.guests.frame(*position) {
                let nothing: [CoreDumpValue; 0] = [];
                let instance = position.module.0;
                stack.frame(instance, frame.index, 0, nothing.clone(), nothing);
            }
        }
        module.section(&stack);

        let mut memories = MemorySection::new();
        let mut segments = Vec::new();
        for memory in (0..self.memories.len() as u32).map(MemoryId) {
            let bytes = &*guest.split(memory).0;
            // Some memories have smaller pages.
            let pages = (bytes.len() as u64).div_ceil(PAGE);
            memories.memory(memory_type(pages));
            let offset = match pages > NARROW {
                true => |start| ConstExpr::i64_const(start as i64),
                false => |start| ConstExpr::i32_const(start as u32 as i32),
            };
            segments.extend(parts(bytes).map(|bytes| Segment::new(memory, bytes, offset)));
        }
        module.section(&memories);
        out.write_all(&module.finish())?;
        write_data(guest, &segments, out)
    }
}

fn memory_type(pages: u64) -> MemoryType {
    MemoryType {
        minimum: pages,
        maximum: None,
        memory64: pages > NARROW,
        shared: false,
        page_size_log2: None,
    }
}

/// The parts of a memory that are not zero, in whole pages.
fn parts(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let pages = bytes.chunks(PAGE as usize).enumerate();
    let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    let mut used = used
        .map(|(page, bytes)| (page * PAGE as usize, bytes.len()))
        .peekable();
    std::iter::from_fn(move || {
        let (start, length) = used.next()?;
        let mut end = start + length;
        let follows = |next: usize, end| next == end && next - start < LONGEST;
        while let Some((_, length)) = used.next_if(|(next, _)| follows(*next, end)) {
            end += length;
        }
        Some(start..end)
    })
}

impl Segment {
    fn new(memory: MemoryId, bytes: Range<usize>, offset: fn(usize) -> ConstExpr) -> Self {
        let mut head = vec![ACTIVE];
        memory.0.encode(&mut head);
        offset(bytes.start).encode(&mut head);
        bytes.len().encode(&mut head);
        Self {
            head,
            memory,
            bytes,
        }
    }
}

/// The data section with its size.
fn write_data(guest: &mut dyn Guest, segments: &[Segment], out: &mut dyn Write) -> io::Result<()> {
    let mut count = Vec::new();
    segments.len().encode(&mut count);
    let sizes = segments
        .iter()
        .map(|part| part.head.len() + part.bytes.len());
    let size = u32::try_from(count.len() + sizes.sum::<usize>());
    let size = size.map_err(|_| io::Error::other("the memories are too large for a core dump"))?;
    let mut head = vec![SectionId::Data as u8];
    size.encode(&mut head);
    out.write_all(&head)?;
    out.write_all(&count)?;
    for part in segments {
        out.write_all(&part.head)?;
        out.write_all(&guest.split(part.memory).0[part.bytes.clone()])?;
    }
    Ok(())
}

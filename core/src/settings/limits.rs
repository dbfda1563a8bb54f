//! The limits that users set. `module::bounds` counts what modules have.

use crate::base::setters::setters;

/// Limits of a plug-in, and of the cost of compiling its modules.
///
/// The default allows large real programs, such as DuckDB, ONNX Runtime and LLVM. [`Limits::strict`] is for
/// untrusted code. An error says which limit to raise, and to what.
///
/// ```
/// use polyextism_core::{Limits, Options};
///
/// let options = Options::default().with_limits(Limits::strict().with_memory_pages(1000));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Pages of 64 KiB that all memories of a plug-in may have together, the kernel's included, unless
    /// [`Memory::max_pages`](crate::manifest::Memory::max_pages) says otherwise. `memory.grow` beyond it fails; a
    /// larger start is `MemoryLimit`. 65 536, which is 4 GiB; strict: 16 384.
    pub memory_pages: u64,
    /// Pages of 64 KiB of the heap on which an engine keeps objects of guests: structs, arrays and exceptions. They
    /// count towards `memory_pages`. A guest that has more objects fails with `MemoryLimit`. 32 768, which is 2
    /// GiB; strict: 8192.
    pub heap_pages: u64,
    /// Elements that all tables of a plug-in may have together. Tables that can grow share the rest after the start
    /// equally. Growing beyond it fails; a larger start is `InvalidModule`. 1 000 000, also strict.
    pub table_elements: u64,
    /// Bytes of each module. More is `InvalidModule`. 256 MiB; strict: 64 MiB.
    pub module_bytes: u64,
    /// What compiling each module may cost, in percent of the strict limit. A small module can cost a compiler
    /// minutes and gigabytes. So core counts everything that compilers repeat before it compiles: functions, types,
    /// locals times blocks and the like. More is `InvalidModule`. 400; strict: 100.
    pub compile_cost: u64,
}

setters!(Limits {
    with_memory_pages = memory_pages: u64,
    with_heap_pages = heap_pages: u64,
    with_table_elements = table_elements: u64,
    with_module_bytes = module_bytes: u64,
    with_compile_cost = compile_cost: u64,
});

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_pages: 65_536,
            heap_pages: 32_768,
            table_elements: 1_000_000,
            module_bytes: 256 << 20,
            compile_cost: 400,
        }
    }
}

impl Limits {
    /// Limits for untrusted code.
    pub fn strict() -> Self {
        Self {
            memory_pages: 16_384,
            heap_pages: 8192,
            module_bytes: 64 << 20,
            compile_cost: 100,
            ..Self::default()
        }
    }

    /// Every limit, by the name of its field.
    pub fn fields(&mut self) -> [(&'static str, &mut u64); 5] {
        [
            ("memory_pages", &mut self.memory_pages),
            ("heap_pages", &mut self.heap_pages),
            ("table_elements", &mut self.table_elements),
            ("module_bytes", &mut self.module_bytes),
            ("compile_cost", &mut self.compile_cost),
        ]
    }
}

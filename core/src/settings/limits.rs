//! What users limit: few numbers. What is counted in modules for them is the business of `module::bounds`.

use crate::base::setters::setters;

/// What a plug-in may have, and what its modules may cost to compile.
///
/// The default lets through what people really run, DuckDB, ONNX Runtime and LLVM included.
/// [`Limits::strict`] is for the code of strangers. An error says which limit to raise, and to what.
///
/// ```
/// use polyextism_core::{Limits, Options};
///
/// let options = Options::default().with_limits(Limits::strict().with_memory_pages(1000));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Pages of 64 KiB that all memories of a plug-in may have together, the kernel's included, if
    /// [`Memory::max_pages`](crate::manifest::Memory::max_pages) does not say it. Growing beyond fails;
    /// more at the start is `MemoryLimit`. 65 536, which is 4 GiB; strict: 16 384.
    pub memory_pages: u64,
    /// Pages of 64 KiB that the heap may have on which an engine keeps objects of guests: structs, arrays and exceptions.
    /// They are part of `memory_pages`. A guest that has more objects fails with `MemoryLimit`. 32 768, which is
    /// 2 GiB; strict: 8192.
    pub heap_pages: u64,
    /// Elements that all tables of a plug-in may have together. What this leaves after the start is shared
    /// equally by the tables that can grow; growing beyond fails, and more at the start is
    /// `InvalidModule`. 1 000 000, also strict.
    pub table_elements: u64,
    /// Bytes of each module. More is `InvalidModule`. 256 MiB; strict: 64 MiB.
    pub module_bytes: u64,
    /// How much compiling each module may cost, in percent of what strict limits allow. A small module can
    /// cost a compiler minutes and gigabytes, so everything that compilers repeat is counted before: functions, types,
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
    /// Limits for the code of strangers.
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

//! Which proposals a module uses, found by one quick pass over its binary.
//!
//! An engine is opened for exactly these. The pass is faster than validation, but code from the compile cache needs
//! no validation. So results for long modules are remembered, in this process and in the cache. It neither
//! validates nor knows engines; the validator reports what cannot be read.
//!
//! Invariant: a module that is valid with all proposals is valid with [`Proposal::COMMON`] and the found ones.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use polyextism_transform::parallel;
use wasmparser::{
    AbstractHeapType, BlockType, CompositeInnerType, ConstExpr, DataKind, ElementItems,
    ElementKind, FunctionBody, HeapType, MemoryType, Operator, OperatorsReader, Parser, Payload,
    RecGroup, RefType, StorageType, TableInit, TableType, TypeRef, ValType, VisitOperator,
    VisitSimdOperator,
};

use super::Module;
use crate::{
    base::proposals::{Proposal, Proposals},
    cache::{Store, key::Key},
    process::PerProcess,
};

/// Modules with fewer bytes are read each time, because that is faster than a lookup in the cache.
const SHORT: usize = 64 << 10;
/// The most modules that this process remembers.
const REMEMBERED: usize = 4096;

/// The proposals of modules, by key.
static KNOWN: PerProcess<Mutex<BTreeMap<Key, Proposals>>> = PerProcess::new();

fn known() -> MutexGuard<'static, BTreeMap<Key, Proposals>> {
    let known = KNOWN.own().lock();
    known.unwrap_or_else(PoisonError::into_inner)
}

/// The proposals beyond [`Proposal::COMMON`] that a module uses; it may still be invalid. The result is looked up
/// in `store` first, and stored there.
pub(crate) fn of(module: &Module<'_>, store: &Store) -> Proposals {
    *module.uses.get_or_init(|| find(module, store))
}

fn find(module: &Module<'_>, store: &Store) -> Proposals {
    if module.raw.len() < SHORT {
        return read(&module.raw);
    }
    let key = Key::of(("uses", Key::package(), module.key()));
    if let Some(uses) = known().get(&key) {
        return *uses;
    }
    let uses = stored(&key, store).unwrap_or_else(|| {
        let uses = read(&module.raw);
        if store.is_on() {
            store.keep(&key, Ok(uses.bits().to_le_bytes().to_vec()));
        }
        uses
    });
    let mut known = known();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, uses);
    uses
}

fn stored(key: &Key, store: &Store) -> Option<Proposals> {
    let artifact = store.find(&[*key]).pop()??;
    let bytes = artifact.into_bytes().ok()?.try_into().ok()?;
    Some(Proposals::from_bits(u32::from_le_bytes(bytes)))
}

/// Reads as much of a binary as possible.
pub(crate) fn read(wasm: &[u8]) -> Proposals {
    let mut pass = Pass {
        found: Proposals::NONE,
        types: u32::MAX,
        imported_globals: 0,
    };
    // Proposals before this point count.
    _ = pass.module(wasm);
    // The one builds on the other, or is translated to it.
    for (one, other) in [
        (Proposal::Gc, Proposal::FunctionReferences),
        (Proposal::LegacyExceptions, Proposal::Exceptions),
    ] {
        if pass.found.contains(one) {
            pass.uses(other);
        }
    }
    pass.found
}

struct Pass {
    found: Proposals,
    /// The number of types before the current group.
    types: u32,
    imported_globals: u32,
}

type Read = wasmparser::Result<()>;

impl Pass {
    fn uses(&mut self, proposal: Proposal) {
        self.found = self.found.with(proposal);
    }

    fn module(&mut self, wasm: &[u8]) -> Read {
        let mut functions = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    self.types = 0;
                    for group in section {
                        let group = group?;
                        self.group(&group);
                        self.types += group.types().len() as u32;
                    }
                    self.types = u32::MAX;
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) => {}
                            TypeRef::FuncExact(_) => self.uses(Proposal::CustomDescriptors),
                            TypeRef::Table(ty) => self.table(&ty),
                            TypeRef::Memory(ty) => self.memory(&ty),
                            TypeRef::Global(ty) => {
                                self.imported_globals += 1;
                                self.value(ty.content_type);
                            }
                            TypeRef::Tag(_) => self.uses(Proposal::Exceptions),
                        }
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        let table = table?;
                        self.table(&table.ty);
                        if let TableInit::Expr(init) = table.init {
                            self.uses(Proposal::FunctionReferences);
                            self.constant(&init)?;
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        self.memory(&memory?);
                    }
                }
                Payload::TagSection(_) => self.uses(Proposal::Exceptions),
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        self.value(global.ty.content_type);
                        self.constant(&global.init_expr)?;
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let element = element?;
                        if let ElementKind::Active { offset_expr, .. } = &element.kind {
                            self.constant(offset_expr)?;
                        }
                        if let ElementItems::Expressions(ty, items) = element.items {
                            self.reference(ty);
                            for item in items {
                                self.constant(&item?)?;
                            }
                        }
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        if let DataKind::Active { offset_expr, .. } = &data?.kind {
                            self.constant(offset_expr)?;
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => functions.push(body),
                _ => {}
            }
        }
        let of_function = |body: &FunctionBody<'_>| {
            let mut pass = Self {
                found: Proposals::NONE,
                ..*self
            };
            pass.function(body)?;
            wasmparser::Result::Ok(pass.found)
        };
        let found = parallel::map(&functions, wasm.len(), of_function)?;
        self.found = found.into_iter().fold(self.found, Proposals::union);
        Ok(())
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Read {
        for group in body.get_locals_reader()? {
            self.value(group?.1);
        }
        self.code(body.get_operators_reader()?)
    }

    fn group(&mut self, group: &RecGroup) {
        if group.is_explicit_rec_group() {
            self.uses(Proposal::Gc);
        }
        for ty in group.types() {
            if !ty.is_final || !ty.supertype_idxs.is_empty() {
                self.uses(Proposal::Gc);
            }
            let composite = &ty.composite_type;
            if composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
                self.uses(Proposal::CustomDescriptors);
            }
            match &composite.inner {
                CompositeInnerType::Func(ty) => {
                    for ty in ty.params().iter().chain(ty.results()) {
                        self.value(*ty);
                    }
                }
                CompositeInnerType::Array(ty) => {
                    self.uses(Proposal::Gc);
                    self.field(ty.0.element_type);
                }
                CompositeInnerType::Struct(ty) => {
                    self.uses(Proposal::Gc);
                    for field in &ty.fields {
                        self.field(field.element_type);
                    }
                }
                CompositeInnerType::Cont(_) => self.uses(Proposal::StackSwitching),
            }
        }
    }

    fn field(&mut self, ty: StorageType) {
        if let StorageType::Val(ty) = ty {
            self.value(ty);
        }
    }

    fn value(&mut self, ty: ValType) {
        match ty {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
            ValType::V128 => self.uses(Proposal::Simd),
            ValType::Ref(ty) => self.reference(ty),
        }
    }

    fn reference(&mut self, ty: RefType) {
        if !ty.is_nullable() {
            self.uses(Proposal::FunctionReferences);
        }
        self.heap(ty.heap_type());
    }

    fn heap(&mut self, ty: HeapType) {
        match ty {
            HeapType::Concrete(index) => {
                self.uses(Proposal::FunctionReferences);
                // A type that refers to itself or to others of its group.
                if index
                    .as_module_index()
                    .is_some_and(|index| index >= self.types)
                {
                    self.uses(Proposal::Gc);
                }
            }
            HeapType::Exact(_) => self.uses(Proposal::CustomDescriptors),
            HeapType::Abstract { ty, .. } => match ty {
                AbstractHeapType::Func | AbstractHeapType::Extern => {}
                AbstractHeapType::Exn | AbstractHeapType::NoExn => self.uses(Proposal::Exceptions),
                AbstractHeapType::Cont | AbstractHeapType::NoCont => {
                    self.uses(Proposal::StackSwitching)
                }
                AbstractHeapType::Any
                | AbstractHeapType::None
                | AbstractHeapType::NoExtern
                | AbstractHeapType::NoFunc
                | AbstractHeapType::Eq
                | AbstractHeapType::Struct
                | AbstractHeapType::Array
                | AbstractHeapType::I31 => self.uses(Proposal::Gc),
            },
        }
    }

    fn block(&mut self, ty: BlockType) {
        if let BlockType::Type(ty) = ty {
            self.value(ty);
        }
    }

    fn table(&mut self, ty: &TableType) {
        if ty.table64 {
            self.uses(Proposal::Memory64);
        }
        self.reference(ty.element_type);
    }

    fn memory(&mut self, ty: &MemoryType) {
        for (is_used, proposal) in [
            (ty.memory64, Proposal::Memory64),
            (ty.shared, Proposal::Threads),
            (ty.page_size_log2.is_some(), Proposal::CustomPageSizes),
        ] {
            if is_used {
                self.uses(proposal);
            }
        }
    }

    fn constant(&mut self, expression: &ConstExpr<'_>) -> Read {
        for operator in expression.get_operators_reader() {
            // Before that proposal, constant expressions could read only imported globals.
            if let Operator::GlobalGet { global_index } = operator?
                && global_index >= self.imported_globals
            {
                self.uses(Proposal::Gc);
            }
        }
        self.code(expression.get_operators_reader())
    }

    fn code(&mut self, mut operators: OperatorsReader<'_>) -> Read {
        while !operators.eof() {
            operators.visit_operator(self)?;
        }
        Ok(())
    }
}

/// The proposals of an instruction: the one that added it, and those of its type operand.
macro_rules! visit {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        $(
            #[inline]
            fn $visit(&mut self $($(, $arg: $argty)*)?) {
                visit!(proposal self $proposal);
                visit!(types self $op $($($arg)*)?);
            }
        )*
    };

    (proposal $self:ident mvp) => {};
    (proposal $self:ident sign_extension) => {};
    (proposal $self:ident saturating_float_to_int) => {};
    (proposal $self:ident bulk_memory) => {};
    (proposal $self:ident reference_types) => {};
    (proposal $self:ident simd) => { $self.uses(Proposal::Simd) };
    (proposal $self:ident relaxed_simd) => { $self.uses(Proposal::RelaxedSimd) };
    (proposal $self:ident tail_call) => { $self.uses(Proposal::TailCall) };
    (proposal $self:ident exceptions) => { $self.uses(Proposal::Exceptions) };
    (proposal $self:ident legacy_exceptions) => { $self.uses(Proposal::LegacyExceptions) };
    (proposal $self:ident function_references) => { $self.uses(Proposal::FunctionReferences) };
    (proposal $self:ident gc) => { $self.uses(Proposal::Gc) };
    (proposal $self:ident wide_arithmetic) => { $self.uses(Proposal::WideArithmetic) };
    (proposal $self:ident stack_switching) => { $self.uses(Proposal::StackSwitching) };
    (proposal $self:ident custom_descriptors) => { $self.uses(Proposal::CustomDescriptors) };
    // The validator refuses proposals without a name here.
    (proposal $self:ident threads) => { $self.uses(Proposal::Threads) };
    (proposal $self:ident shared_everything_threads) => { $self.uses(Proposal::Threads) };
    (proposal $self:ident acquire_release_atomics) => { $self.uses(Proposal::Threads) };
    (proposal $self:ident memory_control) => {};

    (types $self:ident Block $ty:ident) => { $self.block($ty) };
    (types $self:ident Loop $ty:ident) => { $self.block($ty) };
    (types $self:ident If $ty:ident) => { $self.block($ty) };
    (types $self:ident TryTable $table:ident) => { $self.block($table.ty) };
    (types $self:ident TypedSelect $ty:ident) => { $self.value($ty) };
    (types $self:ident RefNull $ty:ident) => { $self.heap($ty) };
    (types $self:ident $op:ident $($arg:ident)*) => { $(_ = $arg;)* };
}

impl<'a> VisitOperator<'a> for Pass {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl VisitSimdOperator<'_> for Pass {
    wasmparser::for_each_visit_simd_operator!(visit);
}

#[cfg(test)]
mod tests;

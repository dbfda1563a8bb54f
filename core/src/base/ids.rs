//! The ids of modules, memories and entries. Each kind is a type of its own, so that they cannot be mixed up.

/// A module of a program, by its position in instantiation order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub u32);

/// A linear memory that the host may touch, by its position in `Program::memories`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryId(pub u32);

/// An exported function of an instance, resolved once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub u32);

//! Imports that cannot be resolved, as data, for hosts that write their own messages.

/// An import that cannot be resolved.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMistake {
    /// The name of the importing module, cut if it is very long.
    pub importer: String,
    /// The namespace of the import, likewise cut.
    pub namespace: String,
    /// The name of the import, likewise cut.
    pub name: String,
    /// Why it cannot be resolved.
    pub reason: LinkReason,
}

/// Why an import cannot be resolved.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkReason {
    /// Nothing provides it.
    Missing,
    /// A host function of this name exists in another namespace.
    OtherNamespace,
    /// It is a function of WASI, which is off.
    WasiOff,
    /// The provided item has another kind or type.
    Misfit,
}

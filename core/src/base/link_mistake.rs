//! Imports that cannot be resolved, as data: for hosts that say it in words of their own.

/// An import that cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMistake {
    /// The name of the module that imports it, cut if it is very long.
    pub importer: String,
    /// The namespace that it imports it from, likewise.
    pub namespace: String,
    /// The name of what it imports, likewise.
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
    /// A host function of that name answers another namespace.
    OtherNamespace,
    /// What is provided under that name does not fit.
    Misfit,
}

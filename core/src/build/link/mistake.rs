//! Why an import cannot be resolved.

use std::fmt;

use crate::base::link_mistake::LinkReason;

/// Why WASI's functions are missing: one reason for all of them. Fronts add how their users write the option.
pub const WASI_OFF: &str = "WASI is off for this plug-in; give it the option `wasi`";

/// Why an import cannot be resolved, with a text.
pub(crate) struct Why {
    pub(super) reason: LinkReason,
    text: String,
}

impl Why {
    /// Nothing provides it.
    pub(super) fn missing(text: impl Into<String>) -> Self {
        Self {
            reason: LinkReason::Missing,
            text: text.into(),
        }
    }

    /// It is a function of WASI, which is off.
    pub(super) fn wasi_off() -> Self {
        Self {
            reason: LinkReason::WasiOff,
            text: WASI_OFF.into(),
        }
    }

    /// A host function of this name exists in another namespace.
    pub(super) fn other_namespace(text: String) -> Self {
        Self {
            reason: LinkReason::OtherNamespace,
            text,
        }
    }
}

impl<T: Into<String>> From<T> for Why {
    fn from(text: T) -> Self {
        Self {
            reason: LinkReason::Misfit,
            text: text.into(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

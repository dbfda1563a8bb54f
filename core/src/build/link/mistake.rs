//! Why an import cannot be resolved.

use std::fmt;

use crate::base::link_mistake::LinkReason;

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

    /// A host function of this name exists in another namespace.
    pub(super) fn other_namespace(text: String) -> Self {
        Self {
            reason: LinkReason::OtherNamespace,
            text,
        }
    }
}

impl Why {
    /// Whether the text of the reason is `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
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

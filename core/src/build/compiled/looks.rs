//! What users may ask of a compiled plug-in without an instance of it.

use super::Compiled;

impl Compiled {
    /// Whether the plug-in exports a function of that name that can be called.
    pub fn function_exists(&self, name: &str) -> bool {
        self.entry(name).is_ok()
    }

    /// Whether its guests count fuel.
    pub fn counts_fuel(&self) -> bool {
        self.fuel().is_some()
    }

    /// Whether the kernel memories of its instances never move: guests look at a flag there, which must not.
    pub(crate) fn is_steady(&self) -> bool {
        self.0.flagged
    }
}

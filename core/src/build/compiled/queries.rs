//! Queries on a compiled plug-in that need no instance.

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

    /// Whether the kernel memories of its instances never move, because guests read a flag there.
    pub(crate) fn is_steady(&self) -> bool {
        self.0.flagged
    }
}

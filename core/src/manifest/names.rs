//! The names of the modules of a manifest.
//!
//! A single module is `main`, whatever its name. Of several modules, the last is `main` unless another has that
//! name.

use super::{MODULE_LIMIT, Manifest, wrong};
use crate::base::error::Result;

/// The name of the module whose exports can be called.
pub(crate) const MAIN: &str = "main";

impl Manifest {
    /// The names of the modules, all different, with one `main` among them.
    ///
    /// # Errors
    /// `Manifest`, with every module whose name is wrong.
    pub(crate) fn names(&self) -> Result<Vec<&str>> {
        let Some(last) = self.wasm.len().checked_sub(1) else {
            return Err(wrong("wasm: no module is given, at least one is needed"));
        };
        if last >= MODULE_LIMIT {
            let found = self.wasm.len();
            return Err(wrong(format_args!(
                "wasm: found {found} modules, at most {MODULE_LIMIT} are allowed"
            )));
        }
        let given = |name| self.wasm.iter().any(|wasm| wasm.name.as_deref() == name);
        let last_is_main = last == 0 || !given(Some(MAIN));
        let mut names: Vec<&str> = Vec::new();
        let mut mistakes = Vec::new();
        for (index, wasm) in self.wasm.iter().enumerate() {
            let name = match &wasm.name {
                _ if index == last && last_is_main => MAIN,
                Some(name) => name,
                None => {
                    mistakes.push(format!(
                        "wasm[{index}].name: of several modules only the last may be without a name"
                    ));
                    continue;
                }
            };
            if names.contains(&name) {
                mistakes.push(format!(
                    "wasm[{index}].name: there are two modules `{name}`"
                ));
            }
            names.push(name);
        }
        match mistakes.len() {
            0 => Ok(names),
            1 => Err(wrong(&mistakes[0])),
            count => Err(wrong(format_args!(
                "{count} mistakes:\n{}",
                mistakes.join("\n")
            ))),
        }
    }
}

//! Finds the functions that initialise a fresh instance of a plug-in (docs/abi.md, "Initialisation").
//!
//! It decides which functions are called and in which order. The live plug-in calls them.

use super::{COMMAND, function_type};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::ModuleId,
    },
    build::{link::Plan, program::Layout},
    module::{Unit, UnitId, Units},
};

/// The functions that initialise a fresh instance.
pub(super) struct Init {
    /// Start functions, in instantiation order, then the libraries.
    pub(super) before: Vec<(ModuleId, Box<str>)>,
    /// Those of the main module. A command initialises itself.
    pub(super) own: Vec<(ModuleId, Box<str>)>,
}

/// Finds the functions for the modules of a plan.
///
/// # Errors
/// `Link` if a module is both a command and a reactor, or if such a function has the wrong type.
pub(super) fn init(units: &Units<'_>, plan: &Plan, layout: &Layout, main: UnitId) -> Result<Init> {
    units.iter().try_for_each(is_one_thing)?;
    let mut before = Vec::new();
    for &unit in &plan.order {
        if let Some(start) = units[unit].module.start {
            before.push((layout.module(unit), start.into()));
        }
    }
    for &unit in plan.order.iter().filter(|&&unit| unit != main) {
        let id = layout.module(unit);
        before.extend(steps(&units[unit], id, &["_initialize"])?);
    }
    let names = main_init(&units[main]);
    let own = steps(&units[main], layout.module(main), names)?;
    Ok(Init { before, own })
}

/// Those of `names` that a module exports.
fn steps(unit: &Unit<'_>, id: ModuleId, names: &[&str]) -> Result<Vec<(ModuleId, Box<str>)>> {
    let mut steps = Vec::new();
    for &name in names {
        let Some(ty) = function_type(&unit.module, name) else {
            continue;
        };
        if !ty.results().is_empty() || (name != "hs_init" && !ty.params().is_empty()) {
            let (unit, ty) = (&unit.name, crate::module::TypeText(ty));
            return Err(Error::new(
                ErrorKind::Link,
                format!("module `{unit}` exports `{name}` as {ty}, expected (func)"),
            ));
        }
        steps.push((id, name.into()));
    }
    Ok(steps)
}

/// The functions that initialise the main module. Existing ones are called.
fn main_init(main: &Unit<'_>) -> &'static [&'static str] {
    let has = |name| function_type(&main.module, name).is_some();
    match (has("hs_init"), has("__wasm_call_ctors")) {
        (true, _) => &["_initialize", "hs_init"],
        (false, true) => &["__wasm_call_ctors"],
        (false, false) => &["_initialize"],
    }
}

/// Refuses a module that is both a WASI command, which keeps no state, and a reactor.
fn is_one_thing(unit: &Unit<'_>) -> Result<()> {
    let has = |name| function_type(&unit.module, name).is_some();
    if has(COMMAND) && has("_initialize") {
        let name = &unit.name;
        return Err(Error::new(
            ErrorKind::Link,
            format!(
                "module `{name}` exports both `_start` and `_initialize`: it cannot be a command \
                 and a reactor"
            ),
        ));
    }
    Ok(())
}

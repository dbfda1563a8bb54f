//! The fuel of the calls of a plug-in: what they may use, and what they used.
//!
//! It does not know how guests count (see `meter`) nor when calls begin. Invariant: a guest function returns the
//! rest, so it is known after a trap as well.

use polyextism_transform::meter;

use super::{Condition, Plugin, broken, missing};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::EntryId,
    },
    deadline::fuel::Meter,
};

/// The functions of an instance that handle its fuel.
#[derive(Clone, Copy)]
pub(super) struct FuelExports {
    /// See [`meter::SETTLE`].
    settle: EntryId,
}

/// Sets how many units guests get at once, from the next call on. It changes no count: tests have guests ask for more
/// all the time.
pub fn set_fuel_portion(plugin: &mut Plugin, units: i64) {
    plugin.fuel_portion = units;
}

impl Plugin {
    pub(super) fn check_fuel(&self, fuel: Option<u64>) -> Result<()> {
        if fuel.is_some() && self.compiled.fuel().is_none() {
            let message = "this plug-in counts no fuel: fuel has to be given when it is compiled";
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(())
    }

    /// Sets how many units of work each call may do, unless the call says otherwise. `None` is no limit. The
    /// initial value is [`Options::fuel`](crate::Options::fuel).
    ///
    /// # Errors
    /// `Argument` if the plug-in was compiled without fuel.
    pub fn set_fuel(&mut self, fuel: Option<u64>) -> Result<()> {
        self.check_fuel(fuel)?;
        self.fuel = fuel;
        Ok(())
    }

    /// How many units of work each call may do, unless the call says otherwise.
    pub fn fuel(&self) -> Option<u64> {
        self.fuel
    }

    /// How many units of work the last call, or [`Plugin::initialize`], did. `None` if the plug-in was compiled
    /// without [`Options::fuel`](crate::Options::fuel).
    ///
    /// It is exact if the guest returned or was ended by a host function. If it trapped otherwise than by
    /// `unreachable`, it may be off by at most what the instructions of the function cost that trapped, with the
    /// functions that it calls. That is the same on every engine, but for a stack that overflows, and for calls that are ended by time.
    pub fn fuel_consumed(&mut self) -> Option<u64> {
        self.compiled.fuel()?;
        // If the engine fails to run this, the used fuel is unknown.
        let _ = self.settle();
        let meter = self.host().meter.as_ref();
        Some(meter.map_or(0, Meter::used))
    }

    /// Gives the fuel of the call to the guests of an instance before it runs.
    pub(super) fn fill_up(&mut self) -> Result<()> {
        match self.compiled.fuel() {
            None => Ok(()),
            Some(_) => self.settle(),
        }
    }

    /// Settles the fuel between guests and meter.
    fn settle(&mut self) -> Result<()> {
        if self.condition == Condition::Broken {
            return Err(broken());
        }
        let fuel_exports = match (self.fuel_exports, self.compiled.fuel_owner()) {
            (Some(fuel_exports), _) => fuel_exports,
            (None, Some(fuel_owner)) => {
                let mut find = |name| {
                    let entry = self.instance.find(fuel_owner, name)?;
                    entry.ok_or_else(|| missing(name))
                };
                let fuel_exports = FuelExports {
                    settle: find(meter::SETTLE)?,
                };
                let paid = find(meter::PAID)?;
                self.hooks.get_or_insert_default().paid = Some(paid);
                fuel_exports
            }
            // A module without code uses no fuel.
            (None, None) => return Ok(()),
        };
        self.fuel_exports = Some(fuel_exports);
        self.instance.run(fuel_exports.settle).map(drop)
    }
}

//! The fuel of a plug-in's calls: what they may use, and what they used.
//!
//! It does not know how guests count (see `budget`) nor when calls begin. Invariant: what guests have
//! left is asked for by a function of theirs, so also after a trap.

use super::{Condition, Plugin, broken, missing};
use crate::{
    budget,
    error::{Error, ErrorKind, Result},
};

impl Plugin {
    pub(super) fn check_fuel(&self, fuel: Option<u64>) -> Result<()> {
        if fuel.is_some() && self.compiled.fuel().is_none() {
            let message = "this plug-in counts no fuel: fuel has to be given when it is compiled";
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(())
    }

    /// How many units of work each call may do from now on, if it is not said with the call; `None` is
    /// no limit. At first it is [`Options::fuel`](crate::Options::fuel).
    ///
    /// # Errors
    /// `Argument` if the plug-in was compiled without it and is given some.
    pub fn set_fuel(&mut self, fuel: Option<u64>) -> Result<()> {
        self.check_fuel(fuel)?;
        self.fuel = fuel;
        Ok(())
    }

    /// How many units of work each call may do, if it is not said with the call.
    pub fn fuel(&self) -> Option<u64> {
        self.fuel
    }

    /// How many units of work the last call did, or [`Plugin::initialize`]; `None` if the plug-in was
    /// compiled without [`Options::fuel`](crate::Options::fuel).
    ///
    /// If the guest trapped, up to 20 000 units that it did in its last loop may not be counted. Also
    /// that is the same on every engine.
    pub fn fuel_consumed(&mut self) -> Option<u64> {
        self.compiled.fuel()?;
        // An engine that fails to run this has no fuel to give back.
        let left = self.take_left().unwrap_or_default();
        let meter = self.host().meter.as_mut();
        meter.map_or(Some(0), |meter| {
            meter.give_back(left);
            Some(meter.used())
        })
    }

    /// Takes what the guests have left of their fuel.
    pub(super) fn take_left(&mut self) -> Result<u64> {
        if self.condition == Condition::Broken {
            return Err(broken());
        }
        let entry = match (self.take, self.compiled.lender()) {
            (Some(entry), _) => entry,
            (None, Some(lender)) => {
                let entry = self.instance.find(lender, budget::TAKE)?;
                entry.ok_or_else(|| missing(budget::TAKE))?
            }
            // Nothing can be used where there is no code.
            (None, None) => return Ok(0),
        };
        self.take = Some(entry);
        let left = self.instance.run(entry)?;
        // Below nothing if the guest was stopped when it asked for more.
        Ok(u64::try_from(left).unwrap_or_default())
    }
}

//! Decides whether the guests of a program count fuel, and how they check for interruption.
//!
//! Guests that count fuel check where they ask for more of it; only what core adds to their modules checks in one of
//! these ways.
//!
//! It rewrites nothing. Invariant: only [`Checks::of`] decides how guests check.

use polyextism_transform::meter::Counter;

use super::{Fusion, Pipeline, fuel_owner};
use crate::{base::capabilities::Capabilities, build::options::Options};

/// Whether guests count fuel, and how they check for interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counting {
    /// Whether they count fuel, in all modules together.
    fuel: Fuel,
    /// How they check for interruption.
    checks: Checks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fuel {
    Counted,
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Checks {
    /// They cannot run for long.
    Never,
    /// The engine makes them, at loops and where functions are entered.
    Engine,
    /// The module with the kernel reads a flag in the kernel memory; others count a budget.
    Flag,
    /// Each module counts a budget of its own.
    Budget,
}

impl Checks {
    /// How guests check on an opened engine. This is the only place that decides. Only engines that were opened for
    /// it make guests check (`Choice::interruption`); on all others, guests check by themselves.
    pub(crate) fn of(capabilities: Capabilities) -> Self {
        match (capabilities.interrupt, capabilities.flag) {
            (true, _) => Self::Engine,
            (false, true) => Self::Flag,
            (false, false) => Self::Budget,
        }
    }
}

impl Counting {
    /// For guests that check in this way.
    pub(crate) fn needed(checks: Checks, options: &Options) -> Self {
        Self {
            fuel: match options.fuel {
                Some(_) => Fuel::Counted,
                None => Fuel::Free,
            },
            checks,
        }
    }

    /// Whether guests read a flag.
    pub(crate) fn looks_at_a_flag(self) -> bool {
        self.checks == Checks::Flag
    }

    /// How a module with code checks.
    pub(super) fn checks(self, fusion: Option<&Fusion>) -> Checks {
        match (self.checks, fusion) {
            (Checks::Flag, None) => Checks::Budget,
            (checks, _) => checks,
        }
    }

    /// The fuel counter of a module, if it counts fuel. `before` are the pipelines of the modules before it.
    pub(super) fn counter(self, before: &[Pipeline<'_>]) -> Option<Counter> {
        match (self.fuel, fuel_owner(before)) {
            (Fuel::Free, _) => None,
            (Fuel::Counted, None) => Some(Counter::Own),
            (Fuel::Counted, Some(_)) => Some(Counter::Imported),
        }
    }
}

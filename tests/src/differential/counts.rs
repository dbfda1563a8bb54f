//! What was compared, for each engine and together.

use std::{collections::BTreeMap, fmt};

use super::Known;

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Modules that at least two engines ran.
    pub modules: u64,
    /// Modules in which the stack was exhausted. What comes behind is not compared.
    pub exhausted: u64,
    /// By the names of the engines.
    pub engines: BTreeMap<String, OfEngine>,
}

/// What was compared of one engine.
#[derive(Clone, Debug, Default)]
pub struct OfEngine {
    /// Modules.
    pub modules: u64,
    /// Calls.
    pub calls: u64,
    /// Calls that returned.
    pub returned: u64,
    /// Modules that were not compared, or differ, in a way that has a name.
    pub known: BTreeMap<Known, u64>,
}

impl Counts {
    /// What is counted of an engine.
    pub(super) fn of(&mut self, engine: &str) -> &mut OfEngine {
        self.engines.entry(engine.to_owned()).or_default()
    }

    /// Calls on all engines, and how many of them returned.
    pub fn calls(&self) -> (u64, u64) {
        let both = self.engines.values().map(|of| (of.calls, of.returned));
        both.fold((0, 0), |(calls, returned), of| {
            (calls + of.0, returned + of.1)
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            modules,
            exhausted,
            engines,
        } = self;
        write!(f, "{modules} modules, in {exhausted} the stack exhausted")?;
        for (engine, of) in engines {
            let OfEngine {
                modules,
                calls,
                returned,
                known,
            } = of;
            write!(
                f,
                "\n  {engine}: {modules} modules, {calls} calls ({returned} returned), known {known:?}"
            )?;
        }
        Ok(())
    }
}

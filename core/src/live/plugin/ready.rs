//! Prepares an instance for a call: initialises its guests, and replaces an instance that must not be kept.
//!
//! It does not know calls. Invariants: an instance whose initialisation failed is never used; host state outlives
//! instances.

use super::{Condition, FunctionHandle, Plugin, broken, missing};
use crate::{
    base::{
        error::Result,
        ids::{EntryId, ModuleId},
    },
    build::compiled::Instantiated,
    deadline::nesting,
    host::Host,
    kernel::guest::Guest,
    process::forks::section,
};

impl Plugin {
    /// The entry of a function in a prepared instance.
    #[inline]
    pub(super) fn entry(&mut self, function: FunctionHandle) -> Result<EntryId> {
        if self.condition != Condition::Ready {
            self.make_ready(function)?;
        } else if self.prepares {
            self.fill_up()?;
        }
        let entry = match self.entries[function.0] {
            Some(entry) => entry,
            None => self.resolve(function)?,
        };
        if self.compiled.is_command(function.0) {
            self.condition = Condition::Stale;
        }
        Ok(entry)
    }

    #[cold]
    fn make_ready(&mut self, function: FunctionHandle) -> Result<()> {
        self.run_init()?;
        // A command does the rest itself. Its instance is for this call only.
        match self.compiled.is_command(function.0) {
            true => Ok(()),
            false => self.run_own_init(),
        }
    }

    /// Start functions and libraries, in a fresh instance.
    pub(super) fn run_init(&mut self) -> Result<()> {
        match self.condition {
            Condition::Fresh | Condition::Ready => {}
            Condition::Stale => self.replace()?,
            Condition::Broken => return Err(broken()),
        }
        self.fill_up()?;
        // Until everything has succeeded, this instance must not be kept.
        self.condition = Condition::Stale;
        let compiled = self.compiled.clone();
        let ran = self.run(compiled.init_before());
        ran.map_err(|error| compiled.explain(error))
    }

    /// The main module.
    pub(super) fn run_own_init(&mut self) -> Result<()> {
        let compiled = self.compiled.clone();
        let ran = self.run(compiled.init_own());
        ran.map_err(|error| compiled.explain(error))?;
        self.condition = Condition::Ready;
        Ok(())
    }

    fn run(&mut self, steps: &[(ModuleId, Box<str>)]) -> Result<()> {
        for (module, name) in steps {
            let instance = &mut *self.instance;
            let hooks = self.hooks.as_ref();
            let entry = instance.find(*module, name)?;
            let entry = entry.ok_or_else(|| missing(name))?;
            nesting::within(&self.alarm, move || {
                instance.exchange(entry, &[], hooks).map(drop)
            })?;
        }
        Ok(())
    }

    /// Makes a new instance with the same host state. Variables and configuration stay even if this fails.
    fn replace(&mut self) -> Result<()> {
        let fresh = self.compiled.instantiate(Host::default())?;
        let Instantiated { mut instance, word } = fresh;
        let fresh: &mut dyn Guest = &mut **instance;
        fresh.host().take_over(self.host());
        // Before the old instance goes.
        self.alarm.flag.move_to(word);
        section(|| self.instance = instance);
        self.entries.fill(None);
        self.fuel_exports = None;
        self.hooks = self.compiled.call_hooks();
        self.condition = Condition::Fresh;
        Ok(())
    }

    #[cold]
    fn resolve(&mut self, function: FunctionHandle) -> Result<EntryId> {
        let name = self.compiled.entry_name(function.0);
        let entry = self.instance.find(self.compiled.main(), name)?;
        let entry = entry.ok_or_else(|| missing(name))?;
        self.entries[function.0] = Some(entry);
        Ok(entry)
    }
}

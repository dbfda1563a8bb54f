//! The stages from a manifest to a prepared program, in order.
//!
//! Each takes what the one before has made. Validation comes after linking, and only for modules whose code is not
//! there yet: code in the compile cache was made of a valid module, and validating it again would cost more than
//! loading it. Where linking fails, all modules are validated first, so that an error names the module that is
//! wrong and not what it seems to lack.

use std::sync::Arc;

use super::{
    COMMAND, function_type,
    init::{Init, init},
};
use crate::{
    base::{capabilities::Settings, error::Result},
    build::{
        link::{Offer, Plan, link},
        options::Options,
        program::{Checks, Layout},
        source::{self, Downloads},
    },
    engine::{erased::DynEngine, select::Choice},
    manifest::{MAIN, Manifest},
    module::{ByUnit, Module, Terms, Unit, UnitId, Units, bounds::Bounds, tables},
    settings::diagnostics::Resolved,
};

/// An engine that is opened for a program.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) engine: Arc<dyn DynEngine>,
    pub(super) dumps: Resolved,
    bounds: Bounds,
}

impl Opened {
    /// Opens the engine with what the program needs.
    ///
    /// # Errors
    /// `Argument` and `Unsupported` if it cannot do what the options say.
    pub(super) fn new(choice: &Choice, options: &Options) -> Result<Self> {
        let diagnostics = &options.diagnostics;
        let dumps = diagnostics.resolve(&choice.name(), choice.compiler().capabilities)?;
        let settings = Settings {
            profiler: dumps.profiler,
            ..choice.settings(choice.interruption())
        };
        Ok(Self {
            engine: choice.open(&settings)?,
            settings,
            dumps,
            bounds: (&options.limits).into(),
        })
    }

    /// What a module must be to be taken.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            proposals: self.engine.capabilities().proposals,
            engine: self.engine.name(),
            bounds: &self.bounds,
        }
    }

    /// How guests come to check whether they have to stop.
    pub(super) fn checks(&self) -> Checks {
        Checks::of(self.engine.capabilities())
    }
}

/// The modules of a manifest.
///
/// # Errors
/// `Manifest` if one cannot be had; `InvalidModule` if it is known already.
pub(super) fn read<'a>(
    terms: &Terms<'_>,
    manifest: &'a Manifest,
    options: &Options,
) -> Result<Units<'a>> {
    let names = manifest.names()?;
    let mut units = Units::default();
    for (index, (wasm, name)) in manifest.wasm.iter().zip(names).enumerate() {
        let bytes = source::read(wasm, index, &Downloads::new(manifest, &options.http))?;
        let module = Module::read(bytes, terms, name)?;
        let module = match name != MAIN && function_type(&module, COMMAND).is_some() {
            // A library with an entry of its own is a program for each call.
            true => module.with_fresh_calls(),
            false => module,
        };
        let name = name.into();
        units.push(Unit { name, module });
    }
    Ok(units)
}

/// Modules that fit together.
pub(super) struct Linked {
    pub(super) main: UnitId,
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    pub(super) init: Init,
    /// By how many elements the tables of each can grow, if that is less than they declare.
    pub(super) growth: ByUnit<Option<u64>>,
    /// Which host functions are imported, by their positions.
    pub(super) bound: Vec<usize>,
}

impl Linked {
    /// Links modules.
    ///
    /// # Errors
    /// `Link`; `InvalidModule` if a module is not valid, or if tables have too much.
    pub(super) fn new(units: &Units<'_>, terms: &Terms<'_>, options: &Options) -> Result<Self> {
        Self::of(units, options).or_else(|error| {
            let mut units = units.iter();
            units.try_for_each(|Unit { name, module }| module.validate(terms, name))?;
            Err(error)
        })
    }

    fn of(units: &Units<'_>, options: &Options) -> Result<Self> {
        let main = units.find(MAIN).expect("the manifest names one module so");
        let offer = Offer {
            functions: &options.functions,
            wasi: options.wasi.is_some(),
        };
        let plan = link(units, &offer)?;
        let bound = plan.bound(&options.functions);
        let plan = match &options.stopwatch {
            Some(stopwatch) => stopwatch.watch(plan),
            None => plan,
        };
        let layout = Layout::new(units, &plan, main, options.kernel);
        Ok(Self {
            main,
            init: init(units, &plan, &layout, main)?,
            growth: tables::growth(units, options.limits.table_elements)?,
            plan,
            layout,
            bound,
        })
    }
}

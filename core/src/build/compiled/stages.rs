//! The stages from a manifest to a prepared program, in order.
//!
//! Each takes the result of the one before. Validation comes after linking, and only for modules without existing
//! code: code in the compile cache was made from a valid module, and validating that again would cost more than
//! loading. If linking fails, all modules are validated before the link error is made, so that an error names an
//! invalid module and not an import that it seems to lack.

use std::sync::Arc;

use super::{
    COMMAND, function_type,
    init::{Init, init},
};
use crate::{
    base::{
        capabilities::{Interruption, Profiler, Settings},
        error::Result,
        proposals::Proposals,
    },
    build::{
        contents::{self, Provider},
        link::{Offer, Plan, link},
        options::Options,
        program::{Checks, Layout},
        source::{self, Downloads},
    },
    deadline::compiling::CompileWait,
    engine::{erased::DynEngine, select::Choice},
    manifest::{MAIN, Manifest},
    module::{ByUnit, Module, Requirements, Unit, UnitId, Units, tables, uses},
};

/// An engine that is opened for a program.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) engine: Arc<dyn DynEngine>,
}

impl Opened {
    /// Opens the engine for exactly the allowed proposals that the modules use.
    ///
    /// # Errors
    /// `Argument` if the folder of the cache is named wrongly; the errors of the engine.
    pub(super) fn new(
        choice: &Choice,
        profiler: Option<Profiler>,
        requirements: &Requirements<'_>,
        units: &Units<'_>,
        options: &Options,
    ) -> Result<Self> {
        let store = options.cache.open()?;
        let used = units.iter().map(|unit| uses::of(&unit.module, &store));
        let used = used.fold(Proposals::NONE, Proposals::union);
        let settings = choice
            .settings(match options.fuel {
                // Guests check where they ask for more of it.
                Some(_) => Interruption::Off,
                None => choice.interruption(),
            })
            .with_profiler(profiler)
            .with_proposals(used.intersection(requirements.allowed()));
        Ok(Self {
            engine: choice.open(&settings)?,
            settings,
        })
    }

    /// The requirements with the proposals of the opened engine.
    pub(super) fn requirements<'a>(&'a self, declared: Requirements<'a>) -> Requirements<'a> {
        Requirements {
            proposals: self.engine.capabilities().proposals,
            engine: self.engine.name(),
            ..declared
        }
    }

    /// How guests check whether they have to stop.
    pub(super) fn checks(&self) -> Checks {
        Checks::of(self.engine.capabilities())
    }
}

/// The modules of a manifest.
///
/// # Errors
/// `Manifest` if one cannot be read; `InvalidModule` for mistakes that reading finds; the reason to stop waiting.
pub(crate) fn read<'a>(
    requirements: &Requirements<'_>,
    manifest: &'a Manifest,
    options: &Options,
    wait: &mut CompileWait<'_>,
) -> Result<Units<'a>> {
    let downloads = Downloads::new(manifest, &options.http);
    let limit = options.limits.module_bytes;
    let names = manifest.names()?;
    let mut units = Units::default();
    for (index, (wasm, name)) in manifest.wasm.iter().zip(names).enumerate() {
        let bytes = source::read(wasm, index, limit, &downloads, wait)?;
        let module = Module::read(bytes, requirements, name)?;
        let module = match name != MAIN && function_type(&module, COMMAND).is_some() {
            // A library with its own entry starts afresh for each call.
            true => module.with_fresh_calls(),
            false => module,
        };
        let name = name.into();
        units.push(Unit { name, module });
    }
    Ok(units)
}

/// Linked modules.
pub(super) struct Linked {
    pub(super) main: UnitId,
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    pub(super) init: Init,
    /// By how many elements each table of each module can grow, if that is less than declared.
    pub(super) growth: ByUnit<Option<u64>>,
    /// The providers of the imports of each module.
    pub(super) providers: ByUnit<Vec<Provider>>,
    /// The positions of the imported host functions.
    pub(super) bound: Vec<usize>,
}

impl Linked {
    /// Links modules.
    ///
    /// # Errors
    /// `Link`; `InvalidModule` if a module is not valid, or if tables have too many elements.
    pub(super) fn new(
        units: &Units<'_>,
        requirements: &Requirements<'_>,
        options: &Options,
    ) -> Result<Self> {
        Self::of(units, options).or_else(|error| {
            let mut units = units.iter();
            units.try_for_each(|Unit { name, module }| module.validate(requirements, name))?;
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
        let providers = contents::providers(units, &plan, &options.functions);
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
            providers,
        })
    }
}

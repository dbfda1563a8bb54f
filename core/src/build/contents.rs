//! The contents of a plug-in: imports, exports, memories, features, sections.
//!
//! [`Compiled::contents`](crate::Compiled::contents) has the linked modules. [`inspect`] reads a manifest that need
//! not link or fit an engine. `link` resolves imports. It knows no engine.
//!
//! Invariant: inspection changes nothing in the plug-in, and nothing here is on the call path.

use std::fmt;

use wasmparser::{MemoryType, Parser, Payload, Validator};

use crate::{
    base::{
        error::Result,
        proposals::{Proposal, Proposals},
    },
    build::{
        compiled::stages::read,
        link::{Answers, Offer, Plan, PlanId, WASI, Why, answers},
        options::Options,
    },
    engine::program::Import as Resolved,
    manifest::{MAIN, Manifest},
    module::{
        ByUnit, ExternType, ImportDecl, Requirements, Unit, UnitId, Units, bounds::Bounds,
        features as accepted,
    },
    services::function::Function,
};

/// The contents of a plug-in.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Contents {
    /// The modules, in the order of the manifest.
    pub modules: Vec<ModuleContents>,
    /// The position of the main module.
    pub main: usize,
}

/// The contents of one module.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ModuleContents {
    /// The name by which other modules import it; a single one is `main`.
    pub name: Box<str>,
    /// Its imports, in order.
    pub imports: Vec<Import>,
    /// Its exports, in order.
    pub exports: Vec<Export>,
    /// Its memories, without imported ones.
    pub memories: Vec<MemoryDecl>,
    /// Details that only [`inspect`] reads.
    pub details: Option<Details>,
}

/// Details that need a pass over the whole module.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The size of the binary in bytes.
    pub bytes: u64,
    /// Each section with its size in bytes, in order; custom ones by their names.
    pub sections: Vec<(String, u64)>,
    /// The features of WebAssembly beyond the first version that it uses.
    pub features: Vec<&'static str>,
}

/// An import of a module.
#[derive(Clone, Debug)]
pub struct Import {
    decl: ImportDecl,
    /// The provider of the import.
    pub provider: Provider,
}

/// The provider of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A module of the plug-in, by its position.
    Module(usize),
    /// The host itself: the kernel or a builtin.
    Host,
    /// WASI preview 1.
    Wasi,
    /// A host function of the user, by its position in [`Options::functions`].
    Function(usize),
    /// Nothing, and why.
    Nothing(String),
}

/// An export of a module.
#[derive(Clone, Debug)]
pub struct Export {
    name: Box<str>,
    ty: ExternType,
}

/// A memory, in pages of 64 KiB.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryDecl {
    /// The number of pages at the start.
    pub minimum: u64,
    /// The maximum that its module declares, if any.
    pub maximum: Option<u64>,
}

impl Import {
    /// The namespace of the import.
    pub fn module(&self) -> &str {
        &self.decl.module
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.decl.name
    }

    /// `function`, `global`, `memory`, `table` or `tag`.
    pub fn kind(&self) -> &'static str {
        kind(&self.decl.ty)
    }

    /// Its type, in the notation of the text format.
    pub fn ty(&self) -> impl fmt::Display + '_ {
        &self.decl.ty
    }
}

impl Export {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `function`, `global`, `memory`, `table` or `tag`.
    pub fn kind(&self) -> &'static str {
        kind(&self.ty)
    }

    /// Its type, in the notation of the text format.
    pub fn ty(&self) -> impl fmt::Display + '_ {
        &self.ty
    }

    /// Whether a plug-in call can use it: it is a function without parameters and with at most one number as
    /// result.
    pub fn is_callable(&self) -> bool {
        match &self.ty {
            ExternType::Function(ty) => crate::module::signature(ty)
                .is_some_and(|ty| ty.params.is_empty() && ty.results.len() < 2),
            _ => false,
        }
    }
}

fn kind(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Function(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Memory(_) => "memory",
        ExternType::Table(_) => "table",
        ExternType::Tag(_) => "tag",
    }
}

impl From<&MemoryType> for MemoryDecl {
    fn from(ty: &MemoryType) -> Self {
        Self {
            minimum: ty.initial,
            maximum: ty.maximum,
        }
    }
}

impl Contents {
    /// Collects the contents of modules.
    pub(crate) fn new(units: Units<'_>, providers: ByUnit<Vec<Provider>>, main: UnitId) -> Self {
        let modules = units.into_iter().zip(providers.into_iter());
        let modules = modules.map(|(Unit { name, module }, providers)| ModuleContents {
            name,
            memories: module.own_memories.iter().map(Into::into).collect(),
            imports: (module.imports.into_iter().zip(providers))
                .map(|(decl, provider)| Import { decl, provider })
                .collect(),
            exports: (module.exports.iter())
                .map(|(name, ty)| Export {
                    name: name.into(),
                    ty: ty.clone(),
                })
                .collect(),
            details: None,
        });
        Self {
            modules: modules.collect(),
            main: main.position(),
        }
    }

    /// The features of all modules; empty unless [`inspect`] read them.
    pub fn features(&self) -> Vec<&'static str> {
        let used = |name: &&str| {
            let details = self
                .modules
                .iter()
                .filter_map(|module| module.details.as_ref());
            details
                .flat_map(|details| &details.features)
                .any(|used| used == name)
        };
        let all = Proposal::ALL.iter().map(|proposal| proposal.name());
        all.filter(used).collect()
    }

    /// The features that an engine with these proposals lacks.
    pub fn lacking(&self, proposals: &[Proposal]) -> Vec<&'static str> {
        let offered = Proposals::of(proposals).union(Proposals::of(Proposal::COMMON));
        let offered = offered.with_translated();
        let lacks = |name: &&str| {
            let named = Proposal::ALL
                .iter()
                .find(|proposal| proposal.name() == *name);
            named.is_some_and(|proposal| !offered.contains(*proposal))
        };
        self.features().into_iter().filter(lacks).collect()
    }
}

/// The providers of the imports of each module, in the order of the modules.
pub(crate) fn providers(
    units: &Units<'_>,
    plan: &Plan,
    functions: &[Function],
) -> ByUnit<Vec<Provider>> {
    let mut providers = units.map(|_| Vec::new());
    for (&unit, imports) in plan.order.iter().zip(&plan.imports) {
        let decls = units[unit].module.imports.iter();
        let answered = decls.zip(imports);
        let answered =
            answered.map(|(decl, import)| provider(decl, import, &plan.order, functions));
        providers.set(unit, answered.collect());
    }
    providers
}

fn provider(
    decl: &ImportDecl,
    import: &Resolved<PlanId>,
    order: &[UnitId],
    functions: &[Function],
) -> Provider {
    match import {
        Resolved::Export { module, .. } => match module.position() {
            None => Provider::Host,
            Some(position) => Provider::Module(order[position].position()),
        },
        Resolved::Host { func, .. } => {
            let mut own = functions.iter();
            match own.position(|function| std::sync::Arc::ptr_eq(function.func(), func)) {
                Some(position) => Provider::Function(position),
                None if *decl.module == *WASI => Provider::Wasi,
                None => Provider::Host,
            }
        }
    }
}

/// Reads the contents of a plug-in. It need not link or fit any engine, but its modules must be valid with some set
/// of features.
///
/// # Errors
/// `Manifest` or `InvalidModule`; `Link` if modules import each other.
pub fn inspect(manifest: &Manifest, options: &Options) -> Result<Contents> {
    let bounds = Bounds::from(&options.limits);
    let requirements = Requirements {
        proposals: &[],
        forbidden: Proposals::NONE,
        engine: "none",
        bounds: &bounds,
    };
    let units = read(
        &requirements,
        manifest,
        options,
        &mut options.compiling.wait(),
    )?;
    let offer = Offer {
        functions: &options.functions,
        wasi: options.wasi.is_some(),
    };
    let Answers { order, imports } = answers(&units, &offer)?;
    let mut providers = units.map(|_| Vec::new());
    for (unit, answers) in units.ids().zip(imports.into_iter()) {
        let decls = units[unit].module.imports.iter().zip(answers);
        let provider = |(decl, answer): (_, Result<Resolved<PlanId>, Why>)| match answer {
            Ok(import) => provider(decl, &import, &order, &options.functions),
            Err(why) => Provider::Nothing(why.to_string()),
        };
        providers.set(unit, decls.map(provider).collect());
    }
    let mut details = Vec::new();
    for Unit { name, module } in units.iter() {
        let features = features(&module.raw);
        if features.is_none() {
            // The validator makes the message.
            module.validate(&requirements, name)?;
        }
        details.push(Details {
            bytes: module.raw.len() as u64,
            sections: sections(&module.raw),
            features: features.unwrap_or_default(),
        });
    }
    let main = units.find(MAIN).expect("`read` names one module so");
    let mut contents = Contents::new(units, providers, main);
    for (module, details) in contents.modules.iter_mut().zip(details) {
        module.details = Some(details);
    }
    Ok(contents)
}

/// The features that a module needs to be valid; `None` if it is invalid with all features.
fn features(wasm: &[u8]) -> Option<Vec<&'static str>> {
    let valid = |proposals: Proposals| {
        let types = Validator::new_with_features(accepted(proposals)).validate_all(wasm);
        types.is_ok()
    };
    let mut needed = Proposals::of(Proposal::ALL);
    if !valid(needed) {
        return None;
    }
    // Features that others build on are removed last.
    let mut left = vec![Proposal::ALL];
    while let Some(some) = left.pop() {
        let fewer = needed.without(Proposals::of(some));
        match some {
            [] => {}
            _ if valid(fewer) => needed = fewer,
            [_] => {}
            _ => {
                let (first, second) = some.split_at(some.len() / 2);
                left.extend([first, second]);
            }
        }
    }
    Some(needed.iter().map(Proposal::name).collect())
}

/// The sections of a binary with their sizes.
fn sections(wasm: &[u8]) -> Vec<(String, u64)> {
    const NAMES: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    let mut sections = Vec::new();
    for payload in Parser::new(0)
        .parse_all(wasm)
        .map_while(|payload| payload.ok())
    {
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        let name = match &payload {
            Payload::CustomSection(custom) => {
                format!("custom `{}`", crate::build::link::short(custom.name()))
            }
            _ => NAMES
                .get(usize::from(id))
                .copied()
                .unwrap_or("unknown")
                .to_owned(),
        };
        sections.push((name, range.end - range.start));
    }
    sections
}

#[cfg(test)]
mod tests;

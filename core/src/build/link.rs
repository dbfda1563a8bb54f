//! Orders modules and resolves every import: all link errors are made here.
//!
//! It works on what [`crate::module`] has read and knows no engine, so its messages are the same everywhere.
//! Providers of an import, the first match wins (docs/abi.md, "Imports"): 1. a manifest module of that name that
//! has such an export, 2. a host function bound to that namespace, 3. the kernel and the builtins:
//! `extism:host/env`, and `env` with the prefix `extism_`, 4. WASI, if it is on, 5. a host function without a
//! namespace, unless the namespace is `extism:host/env` or WASI's.

mod mistake;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub use self::mistake::WASI_OFF;
pub(crate) use self::mistake::Why;
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::MemoryId,
        link_mistake::{LinkMistake, LinkReason},
        types::Signature,
    },
    engine::program::{Import, MemoryExport},
    kernel::{self, host_function::HostFunc},
    module::{ByUnit, CallState, ExternType, ImportDecl, Module, UnitId, Units, host_signature},
    services::{env, function::Function},
};

/// The namespace of the kernel and the builtins.
const ENV: &str = "extism:host/env";
/// Their namespace in older language kits. Names have the prefix [`LEGACY_PREFIX`] there.
const LEGACY_ENV: &str = "env";
const LEGACY_PREFIX: &str = "extism_";
/// The namespace of WASI preview 1.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";

/// How many unresolved imports an error names.
const MISTAKES_SHOWN: usize = 50;
/// How many characters of a name an error shows.
const NAME_SHOWN: usize = 200;
/// How many functions of WASI an error names.
const WASI_SHOWN: usize = 3;

/// A module of a plan, by its position in instantiation order. It may have another position in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanId(u32);

/// The kernel is the first module of every plan.
pub(crate) const KERNEL: PlanId = PlanId(0);

impl PlanId {
    /// The position in [`Plan::order`]; `None` for the kernel.
    pub(crate) fn position(self) -> Option<usize> {
        Some(self.0.checked_sub(1)? as usize)
    }
}

/// The host functions and WASI, as providers beside the modules.
pub(crate) struct Offer<'a> {
    pub(crate) functions: &'a [Function],
    pub(crate) wasi: bool,
}

/// The linked modules, with the kernel as a module of its own.
pub(crate) struct Plan {
    /// The modules beside the kernel, in instantiation order.
    pub(crate) order: Vec<UnitId>,
    /// The imports of each unit, in the same order.
    pub(crate) imports: Vec<Vec<Import<PlanId>>>,
    /// The memories that the host may access, the kernel's first.
    pub(crate) memories: Vec<MemoryExport<PlanId>>,
}

impl Plan {
    /// The positions of the imported functions.
    pub(crate) fn bound(&self, functions: &[Function]) -> Vec<usize> {
        let imports = self.imports.iter().flatten();
        let imported = imports.filter_map(|import| match import {
            Import::Host { func, .. } => Some(Arc::as_ptr(func)),
            Import::Export { .. } => None,
        });
        let imported = imported.collect::<HashSet<_>>();
        let functions = functions.iter().enumerate();
        let bound =
            functions.filter(|(_, function)| imported.contains(&Arc::as_ptr(function.func())));
        bound.map(|(position, _)| position).collect()
    }
}

/// Links modules whose names differ.
///
/// # Errors
/// `Link`, naming the imports (up to [`MISTAKES_SHOWN`]) that nothing provides or whose types do not
/// match, or the cycle.
pub(crate) fn link(units: &Units<'_>, offer: &Offer<'_>) -> Result<Plan> {
    let order = order(units)?;
    let mut ids = units.map(|_| KERNEL);
    let mut memories = vec![MemoryExport {
        module: KERNEL,
        name: "memory".into(),
    }];
    let mut own_memory = units.map(|_| None);
    for (position, &unit) in order.iter().enumerate() {
        ids.set(unit, PlanId(position as u32 + 1));
        if let Some(ExternType::Memory(_)) = units[unit].module.export("memory") {
            own_memory.set(unit, Some(MemoryId(memories.len() as u32)));
            memories.push(MemoryExport {
                module: ids[unit],
                name: "memory".into(),
            });
        }
    }
    let resolver = Resolver::new(units, offer, ids);
    let mut mistakes = Mistakes::default();
    let imports = order
        .iter()
        .map(|&unit| {
            let resolve = |import| resolver.resolve(&units[unit].module, import, own_memory[unit]);
            let mut resolved = Vec::new();
            for import in &units[unit].module.imports {
                match resolve(import) {
                    Ok(import) => resolved.push(import),
                    Err(why) => mistakes.add(&units[unit].name, import, &why),
                }
            }
            resolved
        })
        .collect();
    mistakes.finish()?;
    Ok(Plan {
        order,
        imports,
        memories,
    })
}

/// The result for each import of modules.
pub(crate) struct Answers {
    /// In instantiation order.
    pub(crate) order: Vec<UnitId>,
    /// The provider of each import, or why there is none.
    pub(crate) imports: ByUnit<Vec<Result<Import<PlanId>, Why>>>,
}

/// As [`link`], but with a result for each import: its provider, or why there is none.
///
/// # Errors
/// `Link` if modules import each other.
pub(crate) fn answers(units: &Units<'_>, offer: &Offer<'_>) -> Result<Answers> {
    let order = order(units)?;
    let mut ids = units.map(|_| KERNEL);
    for (position, &unit) in order.iter().enumerate() {
        ids.set(unit, PlanId(position as u32 + 1));
    }
    let resolver = Resolver::new(units, offer, ids);
    let imports = units.map(|unit| {
        let imports = unit.module.imports.iter();
        imports
            .map(|import| resolver.resolve(&unit.module, import, None))
            .collect()
    });
    Ok(Answers { order, imports })
}

/// Unresolved imports. A module may have any number of them, with names of any length, so the text is bounded.
#[derive(Default)]
struct Mistakes {
    shown: Vec<String>,
    found: Vec<LinkMistake>,
    further: usize,
    /// For each module, the functions of WASI that are missing because WASI is off.
    wasi: Vec<(String, Vec<String>, usize)>,
}

impl Mistakes {
    fn add(&mut self, unit: &str, import: &ImportDecl, why: &Why) {
        if why.reason == LinkReason::WasiOff {
            return self.add_wasi(unit, import, why);
        }
        if self.shown.len() == MISTAKES_SHOWN {
            self.further += 1;
            return;
        }
        let [unit, module, name] = [unit, &import.module, &import.name].map(short);
        let ty = &import.ty;
        let mistake = format!("module `{unit}` imports `{module}`::`{name}` {ty}: {why}");
        if !self.shown.contains(&mistake) {
            self.shown.push(mistake);
            self.found.push(LinkMistake {
                importer: unit,
                namespace: module,
                name,
                reason: why.reason,
            });
        }
    }

    /// One line for all functions of WASI that a module imports.
    fn add_wasi(&mut self, unit: &str, import: &ImportDecl, why: &Why) {
        let unit = short(unit);
        if self.found.len() < MISTAKES_SHOWN {
            self.found.push(LinkMistake {
                importer: unit.clone(),
                namespace: WASI.into(),
                name: short(&import.name),
                reason: why.reason,
            });
        }
        if self.wasi.last().is_none_or(|(last, ..)| *last != unit) {
            self.wasi.push((unit, Vec::new(), 0));
        }
        if let Some((_, names, count)) = self.wasi.last_mut() {
            *count += 1;
            if names.len() < WASI_SHOWN {
                names.push(format!("`{}`", short(&import.name)));
            }
        }
    }

    fn finish(mut self) -> Result<()> {
        for (unit, names, count) in self.wasi {
            let mut functions = names.join(", ");
            if count > names.len() {
                functions.push_str(&format!(" and {} more", count - names.len()));
            }
            let mistake = format!("module `{unit}` imports {functions} from `{WASI}`: {WASI_OFF}");
            self.shown.insert(0, mistake);
        }
        if self.shown.is_empty() {
            return Ok(());
        }
        let mut message = self.shown.join("; ");
        if self.further > 0 {
            message.push_str(&format!("; and {} more", self.further));
        }
        Err(Error::new(ErrorKind::Link, message).with_link_mistakes(self.found))
    }
}

pub(crate) fn short(name: &str) -> String {
    match name.char_indices().nth(NAME_SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Instantiation order: a module comes after those that it imports from.
fn order(units: &Units<'_>) -> Result<Vec<UnitId>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }

    // Depth first with an explicit stack, because the author of the plug-in chooses the number of modules.
    let depends_on = |unit: UnitId| {
        let imports = &units[unit].module.imports;
        let provider = |import: &ImportDecl| {
            let provider = units.find(&import.module)?;
            let provides = units[provider].module.export(&import.name).is_some();
            provides.then_some(provider)
        };
        imports.iter().filter_map(provider).collect::<Vec<_>>()
    };
    let mut marks = units.map(|_| Mark::New);
    let mut order = Vec::new();
    for root in units.ids() {
        let mut path = Vec::new();
        if marks[root] == Mark::New {
            marks.set(root, Mark::Open);
            path.push((root, depends_on(root).into_iter()));
        }
        while let Some((unit, rest)) = path.last_mut() {
            match rest.next() {
                None => {
                    marks.set(*unit, Mark::Done);
                    order.push(*unit);
                    path.pop();
                }
                Some(next) if marks[next] == Mark::New => {
                    marks.set(next, Mark::Open);
                    path.push((next, depends_on(next).into_iter()));
                }
                Some(next) if marks[next] == Mark::Open => {
                    let first = path.iter().position(|(unit, _)| *unit == next);
                    let cycle = path[first.expect("an open module is on the path")..]
                        .iter()
                        .map(|(unit, _)| *unit)
                        .chain([next])
                        .map(|unit| format!("`{}`", units[unit].name))
                        .collect::<Vec<_>>();
                    return Err(Error::new(
                        ErrorKind::Link,
                        format!("modules import each other: {}", cycle.join(" imports ")),
                    ));
                }
                Some(_) => {}
            }
        }
    }
    Ok(order)
}

struct Resolver<'a> {
    units: &'a Units<'a>,
    offer: &'a Offer<'a>,
    /// By namespace and name.
    functions: HashMap<(Option<&'a str>, &'a str), &'a Function>,
    ids: ByUnit<PlanId>,
}

impl<'a> Resolver<'a> {
    fn new(units: &'a Units<'a>, offer: &'a Offer<'a>, ids: ByUnit<PlanId>) -> Self {
        let functions = offer.functions.iter();
        Self {
            units,
            offer,
            // Of several with one name, the last wins.
            functions: functions
                .map(|function| ((function.namespace(), function.name()), function))
                .collect(),
            ids,
        }
    }

    /// Resolves one import, or says why that is impossible.
    fn resolve(
        &self,
        importer: &Module<'_>,
        import: &ImportDecl,
        memory: Option<MemoryId>,
    ) -> Result<Import<PlanId>, Why> {
        let (module, name) = (&*import.module, &*import.name);
        let unit = self.units.find(module);
        if let Some(unit) = unit
            && let Some(ty) = self.units[unit].module.export(name)
        {
            let provider = &self.units[unit].module;
            if !provider.fits(ty, importer, &import.ty) {
                return Err(format!("that module exports it as {ty}").into());
            }
            if !matches!(ty, ExternType::Function(_))
                && self.units[unit].module.steps.state == CallState::Fresh
            {
                return Err(
                    "that module is a command (it exports `_start`), which has fresh \
                            state for each call, so only functions can be imported from it"
                        .into(),
                );
            }
            return Ok(Import::Export {
                module: self.ids[unit],
                name: name.into(),
            });
        }
        let host = |func: &Arc<HostFunc>| {
            matches_signature(&import.ty, func.signature())?;
            let func = func.clone();
            Ok(Import::Host { func, memory })
        };
        if let Some(function) = self.functions.get(&(Some(module), name)) {
            return host(function.func());
        }
        let builtin = match module {
            ENV => Some(name),
            LEGACY_ENV => name.strip_prefix(LEGACY_PREFIX),
            _ => None,
        };
        if let Some(builtin) = builtin {
            if !matches!(import.ty, ExternType::Function(_)) {
                return Err("only functions can be imported from there".into());
            }
            if let Some((name, params, results)) =
                kernel::FUNCTIONS.iter().find(|row| row.0 == builtin)
            {
                matches_signature(&import.ty, &Signature::new(params, results))?;
                return Ok(Import::Export {
                    module: KERNEL,
                    name: (*name).into(),
                });
            }
            if let Some(func) = env::function(builtin) {
                return host(func);
            }
        }
        if module == WASI {
            return self.wasi(name).and_then(|func| host(&func));
        }
        if module != ENV
            && let Some(function) = self.functions.get(&(None, name))
        {
            return host(function.func());
        }
        Err(match (module, unit) {
            (ENV, _) => Why::missing("the host has no function of that name"),
            (_, Some(_)) => Why::missing("that module has no such export"),
            _ => match self.elsewhere(name) {
                Some(function) => Why::other_namespace(elsewhere(function, module)),
                None => Why::missing(
                    "nothing provides it: it is not a module of the manifest, and no host function of that name \
                     was given",
                ),
            },
        })
    }

    /// A host function of this name in another namespace.
    fn elsewhere(&self, name: &str) -> Option<&Function> {
        let mut functions = self.offer.functions.iter().rev();
        functions.find(|function| function.name() == name && function.namespace().is_some())
    }

    fn wasi(&self, name: &str) -> Result<Arc<HostFunc>, Why> {
        if !self.offer.wasi {
            return Err(Why::wasi_off());
        }
        #[cfg(feature = "wasi")]
        if let Some(func) = crate::services::wasi::function(name) {
            return Ok(func.clone());
        }
        let why = format!("WASI preview 1 has no function `{name}`");
        Err(Why::missing(why))
    }
}

/// Why a host function does not match an import of its name from `module`, and how to fix it.
#[cold]
fn elsewhere(function: &Function, module: &str) -> String {
    let module = short(module);
    let namespace = function.namespace().unwrap_or_default();
    format!(
        "the host function of that name answers the namespace `{namespace}` only; give it the namespace `{module}`"
    )
}

fn matches_signature(wanted: &ExternType, offered: &Signature) -> Result<(), String> {
    match wanted {
        ExternType::Function(ty) if host_signature(ty).as_ref() == Some(offered) => Ok(()),
        _ => Err(format!("what the host provides has the type {offered}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Offer, link};
    use crate::module::{Module, Requirements, Unit, Units, bounds::Bounds, exports::steps};

    /// The cost of resolving one import does not grow with the number of exports.
    #[test]
    fn linking_takes_as_many_steps_as_there_are_names() {
        let steps = |exports: u32, imports: u32| {
            let names = (0..exports).map(|n| format!("(export \"e{n}\" (func 0))"));
            let library = format!("(module (func) {})", names.collect::<String>());
            let name = exports - 1;
            let names = (0..imports).map(|_| format!("(import \"library\" \"e{name}\" (func))"));
            let main = format!("(module {})", names.collect::<String>());
            let requirements = Requirements {
                forbidden: crate::base::proposals::Proposals::NONE,
                proposals: &[],
                engine: "test",
                bounds: &Bounds::default(),
            };
            let (steps, plan) = steps::of(|| {
                let unit = |name: &str, text: &str| Unit {
                    name: name.into(),
                    module: Module::read(
                        wat::parse_str(text).expect("valid").into(),
                        &requirements,
                        name,
                    )
                    .expect("it is a module"),
                };
                let mut units = Units::default();
                units.push(unit("library", &library));
                units.push(unit("main", &main));
                let offer = Offer {
                    functions: &[],
                    wasi: false,
                };
                link(&units, &offer).map(|plan| plan.imports[1].len())
            });
            assert_eq!(plan.expect("it links"), imports as usize);
            steps
        };
        // With twice as many of both, there are twice as many steps and one more for each, not four times as many.
        let (one, two) = (steps(4000, 1000), steps(8000, 2000));
        assert!(one > 0, "steps are counted");
        assert!(two < one * 5 / 2, "{one} steps, then {two}");
    }
}

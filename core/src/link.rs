//! Orders modules and resolves every import: all link errors are made here.
//!
//! It works on what [`crate::module`] has read and knows no engine, so its messages are the same
//! everywhere. What may answer an import, first match wins (ABI.md 1.1 and part 0):
//! 1. a manifest module of that name that has such an export,
//! 2. a host function bound to that namespace,
//! 3. the kernel and the builtins: `extism:host/env`, and `env` with the prefix `extism_`,
//! 4. WASI, if it is on,
//! 5. a host function without a namespace, unless the namespace is `extism:host/env` or WASI's.

use std::sync::Arc;

use crate::{
    engine::types::{HostFunc, Import, MemoryExport, MemoryId, ModuleId, Signature},
    env,
    error::{Error, ErrorKind, Result},
    function::Function,
    kernel,
    module::{ExternType, ImportDecl, Module, State, host_signature},
};

/// The namespace of the kernel and the builtins.
const ENV: &str = "extism:host/env";
/// Their namespace in older language kits, where names have [`LEGACY_PREFIX`].
const LEGACY_ENV: &str = "env";
const LEGACY_PREFIX: &str = "extism_";
/// The namespace of WASI preview 1.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";

/// How many imports that cannot be resolved an error names.
const MISTAKES_SHOWN: usize = 50;
/// How many characters of a name it shows.
const NAME_SHOWN: usize = 200;

/// The kernel is the first module of every plan.
pub(crate) const KERNEL: ModuleId = ModuleId(0);

/// A module and the name that other modules import it by.
pub(crate) struct Unit<'a> {
    pub(crate) name: Box<str>,
    pub(crate) module: Module<'a>,
}

/// What the host offers beside the modules.
pub(crate) struct Offer<'a> {
    pub(crate) functions: &'a [Function],
    pub(crate) wasi: bool,
}

/// How the modules fit together, with the kernel as a module of its own.
pub(crate) struct Plan {
    /// Positions in the list of units, in instantiation order. Module 0 is the kernel, so the unit at
    /// `order[i]` is module `i + 1`.
    pub(crate) order: Vec<usize>,
    /// The imports of each unit, in the same order.
    pub(crate) imports: Vec<Vec<Import>>,
    /// The memories that the host may touch, the kernel's first.
    pub(crate) memories: Vec<MemoryExport>,
}

impl Plan {
    /// Which of the functions are imported, by their positions.
    pub(crate) fn bound(&self, functions: &[Function]) -> Vec<usize> {
        let imported = |function: &Function| {
            let mut imports = self.imports.iter().flatten();
            imports.any(|import| match import {
                Import::Host { func, .. } => Arc::ptr_eq(func, function.func()),
                Import::Export { .. } => false,
            })
        };
        let functions = functions.iter().enumerate();
        let bound = functions.filter(|(_, function)| imported(function));
        bound.map(|(position, _)| position).collect()
    }
}

/// Links modules whose names differ.
///
/// # Errors
/// `Link`, naming the imports (up to [`MISTAKES_SHOWN`]) that nothing provides or whose types do not
/// match, or the cycle.
pub(crate) fn link(units: &[Unit<'_>], offer: &Offer<'_>) -> Result<Plan> {
    let order = order(units)?;
    let mut ids = vec![KERNEL; units.len()];
    let mut memories = vec![MemoryExport {
        module: KERNEL,
        name: "memory".into(),
    }];
    let mut own_memory = vec![None; units.len()];
    for (position, &unit) in order.iter().enumerate() {
        ids[unit] = ModuleId(position as u32 + 1);
        if let Some(ExternType::Memory(_)) = units[unit].module.export("memory") {
            own_memory[unit] = Some(MemoryId(memories.len() as u32));
            memories.push(MemoryExport {
                module: ids[unit],
                name: "memory".into(),
            });
        }
    }
    let resolver = Resolver { units, offer, ids };
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

/// Imports that cannot be resolved. A module may have any number of them, with names of any
/// length, so both are bounded.
#[derive(Default)]
struct Mistakes {
    shown: Vec<String>,
    further: usize,
}

impl Mistakes {
    fn add(&mut self, unit: &str, import: &ImportDecl, why: &str) {
        if self.shown.len() == MISTAKES_SHOWN {
            self.further += 1;
            return;
        }
        let [unit, module, name] = [unit, &import.module, &import.name].map(short);
        let ty = &import.ty;
        let mistake = format!("module `{unit}` imports `{module}`::`{name}` {ty}: {why}");
        if !self.shown.contains(&mistake) {
            self.shown.push(mistake);
        }
    }

    fn finish(self) -> Result<()> {
        if self.shown.is_empty() {
            return Ok(());
        }
        let mut message = self.shown.join("; ");
        if self.further > 0 {
            message.push_str(&format!("; and {} more", self.further));
        }
        Err(Error::new(ErrorKind::Link, message))
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(NAME_SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Instantiation order: what a module imports from comes before it.
fn order(units: &[Unit<'_>]) -> Result<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }

    // Depth first with a stack of its own: the number of modules is the guest author's choice.
    let depends_on = |unit: usize| {
        let imports = &units[unit].module.imports;
        let provider = |import: &ImportDecl| {
            units.iter().position(|other| {
                other.name == import.module && other.module.export(&import.name).is_some()
            })
        };
        imports.iter().filter_map(provider).collect::<Vec<_>>()
    };
    let mut marks = vec![Mark::New; units.len()];
    let mut order = Vec::new();
    for root in 0..units.len() {
        let mut path = Vec::new();
        if marks[root] == Mark::New {
            marks[root] = Mark::Open;
            path.push((root, depends_on(root).into_iter()));
        }
        while let Some((unit, rest)) = path.last_mut() {
            match rest.next() {
                None => {
                    marks[*unit] = Mark::Done;
                    order.push(*unit);
                    path.pop();
                }
                Some(next) if marks[next] == Mark::New => {
                    marks[next] = Mark::Open;
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
    units: &'a [Unit<'a>],
    offer: &'a Offer<'a>,
    ids: Vec<ModuleId>,
}

impl Resolver<'_> {
    /// Resolves one import, or says why that is impossible.
    fn resolve(
        &self,
        importer: &Module<'_>,
        import: &ImportDecl,
        memory: Option<MemoryId>,
    ) -> Result<Import, String> {
        let (module, name) = (&*import.module, &*import.name);
        let unit = self.units.iter().position(|unit| *unit.name == *module);
        if let Some(unit) = unit
            && let Some(ty) = self.units[unit].module.export(name)
        {
            let provider = &self.units[unit].module;
            if !provider.fits(ty, importer, &import.ty) {
                return Err(format!("that module exports it as {ty}"));
            }
            if !matches!(ty, ExternType::Function(_))
                && self.units[unit].module.steps.state == State::Fresh
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
        if let Some(function) = self.function(Some(module), name) {
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
            && let Some(function) = self.function(None, name)
        {
            return host(function.func());
        }
        Err(match (module, unit) {
            (ENV, _) => "the host has no function of that name".into(),
            (_, Some(_)) => "that module has no such export".into(),
            _ => "nothing provides it: it is not a module of the manifest, and no host function \
                  of that name was given"
                .into(),
        })
    }

    /// The last function wins, as in a list of definitions.
    fn function(&self, namespace: Option<&str>, name: &str) -> Option<&Function> {
        let mut functions = self.offer.functions.iter().rev();
        functions.find(|function| function.namespace() == namespace && function.name() == name)
    }

    fn wasi(&self, name: &str) -> Result<Arc<HostFunc>, String> {
        if !self.offer.wasi {
            return Err("WASI is off for this plug-in; it needs `wasi=True`".into());
        }
        #[cfg(feature = "wasi")]
        if let Some(func) = crate::wasi::function(name) {
            return Ok(func.clone());
        }
        Err(format!("WASI preview 1 has no function `{name}`"))
    }
}

fn matches_signature(wanted: &ExternType, offered: &Signature) -> Result<(), String> {
    match wanted {
        ExternType::Function(ty) if host_signature(ty).as_ref() == Some(offered) => Ok(()),
        _ => Err(format!("what the host provides has the type {offered}")),
    }
}

//! What is alive while a script runs: one program, to which modules are added, and their names.
//!
//! Imports are found by name here; whether they fit is tested by core's linker where the suite wants
//! a module to be unlinkable, and by the engine everywhere else.

use std::{collections::BTreeMap, sync::Arc};

use polyextism::{
    Choice, Error, ErrorKind, Host, Manifest, Options,
    backend::{DynEngine, Import, InstanceLimits, Linked, MemoryExport, ModuleId, Program},
    internal::{
        DynInstance,
        alone::{Ready, ready},
        inspect::Inspect,
    },
    manifest::Wasm,
};

const SPECTEST: &str = include_str!("spectest.wat");
/// What it has besides on engines with tables of 64 bits.
const TABLE64: &str = "(table (export \"table64\") i64 10 20 funcref)";

/// A module of the script.
#[derive(Clone, Debug)]
pub(super) enum Module {
    /// It is alive.
    Live(Arc<Live>),
    /// The engine lacks these proposals.
    Refused(String),
    /// It is not there, although it should be.
    Absent(String),
}

/// A module that is alive.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: ModuleId,
    wasm: Vec<u8>,
    imports: Vec<Box<str>>,
}

/// Why something could not be done.
#[derive(Debug)]
pub(super) enum Ended {
    /// The engine lacks these proposals.
    Refused(String),
    /// The engine, or core, said so.
    Error(Error),
    /// The script asks for what is not there.
    Absent(String),
}

impl From<Error> for Ended {
    /// A refusal of core's names the proposals.
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let proposals = message.split_once(" has no ").map(|(_, rest)| rest);
        let proposals = proposals.and_then(|rest| rest.strip_suffix(", which module `main` needs"));
        match proposals {
            Some(proposals) if error.kind() == ErrorKind::Unsupported => {
                Self::Refused(proposals.replace(" and no ", ", "))
            }
            _ => Self::Error(error),
        }
    }
}

/// The program of a script.
pub(super) struct Stage {
    choice: Choice,
    engine: Arc<dyn DynEngine>,
    instance: Box<dyn DynInstance>,
    registered: BTreeMap<String, Module>,
}

impl Stage {
    /// A program that has the module `spectest`.
    ///
    /// # Errors
    /// Why there is none: the engine cannot be opened, or cannot be looked into.
    pub(super) fn new(choice: Choice) -> Result<Self, Error> {
        // As a plug-in's engine is opened.
        let engine = choice.open(&choice.settings(choice.interruption()))?;
        let with_table64 = SPECTEST.replace("(memory", &format!("{TABLE64} (memory"));
        let spectest = ready(&*engine, with_table64.as_bytes());
        let spectest = match spectest {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                ready(&*engine, SPECTEST.as_bytes())
            }
            other => other,
        }?;
        let program = engine.prepare(Program {
            modules: vec![Linked {
                module: engine.compile(&spectest.wasm)?,
                imports: spectest.further.into_iter().collect(),
            }],
            memories: vec![MemoryExport {
                module: ModuleId(0),
                name: "memory".into(),
            }],
        })?;
        let instance = engine.instantiate(&program, Host::default(), &InstanceLimits::default())?;
        let live = Live {
            id: ModuleId(0),
            wasm: spectest.wasm,
            imports: Vec::new(),
        };
        let spectest = Module::Live(live.into());
        let mut stage = Self {
            choice,
            engine,
            instance,
            registered: BTreeMap::from([("spectest".to_owned(), spectest)]),
        };
        match stage.instance.inspect() {
            Some(_) => Ok(stage),
            None => Err(Error::unsupported(
                &choice.name(),
                "look into live programs",
            )),
        }
    }

    /// A look into the program.
    pub(super) fn inspect(&mut self) -> &mut dyn Inspect {
        let inspect = self.instance.inspect();
        inspect.expect("`new` has looked whether there is one")
    }

    /// Makes the exports of a module importable.
    pub(super) fn register(&mut self, name: &str, module: Module) {
        self.registered.insert(name.to_owned(), module);
    }

    /// Reads a module as core does before an engine sees it.
    pub(super) fn read(&self, wasm: &[u8]) -> Result<Ready, Ended> {
        Ok(ready(&*self.engine, wasm)?)
    }

    /// Instantiates a module, and enters its start function if it has one.
    pub(super) fn add(&mut self, wasm: &[u8]) -> Result<Arc<Live>, Ended> {
        let ready = self.read(wasm)?;
        let mut imports = Vec::with_capacity(ready.imports.len() + 1);
        for (module, name) in &ready.imports {
            match self.registered.get(&**module) {
                Some(Module::Live(live)) => imports.push(Import::Export {
                    module: live.id,
                    name: (&**name).into(),
                }),
                Some(Module::Refused(why)) => return Err(Ended::Refused(why.clone())),
                Some(Module::Absent(why)) => return Err(Ended::Absent(why.clone())),
                None => return Err(Ended::Absent(format!("there is no module `{module}`"))),
            }
        }
        imports.extend(ready.further);
        let module = self.engine.compile(&ready.wasm)?;
        let linked = Linked { module, imports };
        let id = self.engine.extend(&mut *self.instance, linked)?;
        if let Some(start) = ready.start {
            self.inspect().call(id, start, &[])?;
        }
        let imports = ready.imports.into_iter().map(|(module, _)| module);
        Ok(Arc::new(Live {
            id,
            wasm: wasm.to_vec(),
            imports: imports.collect(),
        }))
    }

    /// Compiles a module and all that it imports from as a plug-in, which links them.
    pub(super) fn link(&self, wasm: &[u8]) -> Result<(), Ended> {
        let ready = self.read(wasm)?;
        let mut names: Vec<&str> = Vec::new();
        let mut wanted: Vec<&str> = ready.imports.iter().map(|(module, _)| &**module).collect();
        let mut manifest = Manifest::default();
        while let Some(name) = wanted.pop() {
            if names.contains(&name) {
                continue;
            }
            match self.registered.get(name) {
                Some(Module::Live(live)) => {
                    names.push(name);
                    wanted.extend(live.imports.iter().map(|module| &**module));
                    let wasm = Wasm::from(live.wasm.clone());
                    manifest.wasm.push(wasm.with_name(name));
                }
                Some(Module::Refused(why)) => return Err(Ended::Refused(why.clone())),
                Some(Module::Absent(_)) | None => {}
            }
        }
        manifest
            .wasm
            .push(Wasm::from(wasm.to_vec()).with_name("main"));
        self.choice.compile(&manifest, &Options::default())?;
        Ok(())
    }
}

//! The engine itself, and what each fault does to it.

use std::sync::Arc;

use polyextism::{
    BACKENDS, Caller, Capabilities, Error, ErrorKind, Host, Result, Trap,
    backend::{
        DynEngine, Engine, EntryId, Failed, Guest, HostFunc, Import, Instance, InstanceLimits,
        Interruption, Linked, MemoryId, ModuleId, Program, Settings, Word,
    },
    internal::{
        AnyModule, AnyPrepared, DynInstance,
        inspect::{Inspect, Value},
    },
};

use super::FAULTS;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It cannot be opened.
    Closed,
    /// It declares that it can be interrupted, and does not listen.
    Deaf,
    /// All imports of a module from others are the first one of the same module.
    FirstImport,
    /// Every call starts from a fresh instance.
    Forgetful,
    /// Guests that trap return zero.
    LostTraps,
    /// Once opened it has no proposals, although it declares them.
    Modest,
    /// No memory grows.
    NoGrowth,
    /// Every trap is the same.
    OtherTraps,
    /// It compiles nothing.
    Refuses,
    /// It never enters a function.
    Stuck,
    /// Host functions that fail return.
    SwallowedFailures,
    /// It enters every function two times.
    Twice,
    /// It ignores limits.
    Unlimited,
    /// The host sees the first memory in place of every other, also in host functions.
    WrongMemory,
    /// Results of functions are off by one bit.
    WrongResults,
    /// Results of host functions are zero.
    ZeroResults,
}

/// What the engine declares if the one inside has these capabilities.
pub(super) fn declared(fault: Fault, inner: Capabilities) -> Capabilities {
    match fault {
        // Guests that look by themselves hear everything.
        Fault::Deaf => inner.interrupt(true).flag(false),
        _ => inner,
    }
}

pub(super) fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    let known = FAULTS.iter().find(|(name, _)| *name == settings.compiler);
    let Some(&(compiler, fault)) = known else {
        let what = format!("compiler `{}`", settings.compiler);
        return Err(Error::unsupported("broken", what));
    };
    if fault == Fault::Closed {
        return Err(Error::new(ErrorKind::Engine, "it cannot be opened"));
    }
    let inner = &BACKENDS[0];
    let interruption = match fault {
        Fault::Deaf => Interruption::Off,
        _ => settings.interruption,
    };
    let compiler_inside = inner.compilers[0].name;
    let settings_inside = settings
        .with_compiler(compiler_inside)
        .with_interruption(interruption);
    let inside = (inner.open)(&settings_inside)?;
    let has = inside.capabilities();
    let capabilities = match fault {
        Fault::Modest => has.proposals(&[]),
        Fault::Deaf => has
            .interrupt(settings.interruption == Interruption::On)
            .flag(false),
        _ => declared(fault, has),
    };
    let name = match fault {
        Fault::None => "broken".to_owned(),
        _ => format!("broken:{compiler}"),
    };
    Ok(Arc::new(Broken {
        inside,
        fault,
        name: name.leak(),
        capabilities,
    }))
}

struct Broken {
    inside: Arc<dyn DynEngine>,
    fault: Fault,
    name: &'static str,
    capabilities: Capabilities,
}

/// A live program that does not do what it should.
pub(super) struct BrokenInstance {
    inside: Box<dyn DynInstance>,
    fault: Fault,
    /// What each call starts from, if it does.
    fresh: Option<Fresh>,
}

struct Fresh {
    engine: Arc<dyn DynEngine>,
    program: AnyPrepared,
    limits: InstanceLimits,
    entries: Vec<(ModuleId, String)>,
    /// What was there before: core has the address of a word of the first one.
    former: Vec<Box<dyn DynInstance>>,
}

impl Broken {
    fn link(&self, imports: Vec<Import>) -> Vec<Import> {
        let is_export = |import: &&Import| matches!(import, Import::Export { .. });
        let first = imports.iter().find(is_export).cloned();
        let broken = |import| match (self.fault, import) {
            (Fault::FirstImport, import @ Import::Export { .. }) => first.clone().unwrap_or(import),
            (Fault::SwallowedFailures, Import::Host { func, memory }) => Import::Host {
                func: around(func, |_, _| Ok(())),
                memory,
            },
            (Fault::ZeroResults, Import::Host { func, memory }) => Import::Host {
                func: around(func, |called, slots| {
                    slots.fill(0);
                    called
                }),
                memory,
            },
            (Fault::WrongMemory, Import::Host { func, memory }) => Import::Host {
                func,
                memory: memory.map(|_| MemoryId(0)),
            },
            (_, import) => import,
        };
        imports.into_iter().map(broken).collect()
    }
}

/// How a host function ended.
type Called = Result<(), Failed>;

/// A host function whose outcome is another one.
fn around(
    func: Arc<HostFunc>,
    broken: impl Fn(Called, &mut [u64]) -> Called + Send + Sync + 'static,
) -> Arc<HostFunc> {
    let signature = func.signature().clone();
    let body = move |mut caller: Caller<'_>, slots: &mut [u64]| {
        let (guest, memory) = caller.parts();
        let called = func.call(guest, memory, slots);
        // Why it failed waits in the host state; this error is never seen.
        broken(called, slots)
            .map_err(|failed| Error::new(ErrorKind::HostFunction, failed.to_string()))
    };
    HostFunc::new("broken", signature, Box::new(body))
}

impl Engine for Broken {
    type Module = AnyModule;
    type Prepared = AnyPrepared;
    type Instance = BrokenInstance;

    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn compile(&self, wasm: &[u8]) -> Result<AnyModule> {
        if self.fault == Fault::Refuses {
            return Err(Error::unsupported(self.name, "compiler"));
        }
        self.inside.compile(wasm)
    }

    fn prepare(&self, program: Program<AnyModule>) -> Result<AnyPrepared> {
        let modules = program.modules.into_iter().map(|linked| Linked {
            imports: self.link(linked.imports),
            ..linked
        });
        self.inside.prepare(Program {
            modules: modules.collect(),
            memories: program.memories,
        })
    }

    fn instantiate(
        &self,
        program: &AnyPrepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<BrokenInstance> {
        let limits = match self.fault {
            Fault::Unlimited => InstanceLimits::default(),
            _ => *limits,
        };
        let fresh = (self.fault == Fault::Forgetful).then(|| Fresh {
            engine: Arc::clone(&self.inside),
            program: Arc::clone(program),
            limits,
            entries: Vec::new(),
            former: Vec::new(),
        });
        Ok(BrokenInstance {
            inside: self.inside.instantiate(program, host, &limits)?,
            fault: self.fault,
            fresh,
        })
    }

    fn extend(&self, instance: &mut BrokenInstance, module: Linked<AnyModule>) -> Result<ModuleId> {
        let module = Linked {
            imports: self.link(module.imports),
            ..module
        };
        self.inside.extend(&mut *instance.inside, module)
    }

    fn request_check(&self) {
        if self.fault != Fault::Deaf {
            self.inside.request_check();
        }
    }
}

impl BrokenInstance {
    fn broken<T>(&self, ended: Result<T>, zero: impl FnOnce() -> T) -> Result<T> {
        ended.or_else(|error| match (self.fault, error.kind()) {
            (Fault::LostTraps, ErrorKind::Trap(_)) => Ok(zero()),
            (Fault::OtherTraps, ErrorKind::Trap(Trap::Unreachable)) => {
                Err(Error::trap(Trap::IntegerOverflow))
            }
            (Fault::OtherTraps, ErrorKind::Trap(_)) => Err(Error::trap(Trap::Unreachable)),
            _ => Err(error),
        })
    }

    /// Puts a fresh instance in the place of this one; the host state stays.
    fn forget(&mut self) -> Result<()> {
        let Some(fresh) = &self.fresh else {
            return Ok(());
        };
        let host = std::mem::take(self.inside.split(MemoryId(0)).1);
        let mut inside = fresh
            .engine
            .instantiate(&fresh.program, host, &fresh.limits)?;
        for (module, export) in &fresh.entries {
            inside.entry(*module, export);
        }
        let former = std::mem::replace(&mut self.inside, inside);
        self.fresh
            .as_mut()
            .expect("it is there")
            .former
            .push(former);
        Ok(())
    }
}

impl Guest for BrokenInstance {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        let memory = match self.fault {
            Fault::WrongMemory => MemoryId(0),
            _ => memory,
        };
        self.inside.split(memory)
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        match self.fault {
            Fault::NoGrowth => None,
            _ => self.inside.grow(memory, pages),
        }
    }
}

impl Instance for BrokenInstance {
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId> {
        let entry = self.inside.entry(module, export)?;
        if let Some(fresh) = &mut self.fresh {
            fresh.entries.push((module, export.to_owned()));
        }
        Some(entry)
    }

    fn enter(&mut self, entry: EntryId) -> Result<i32> {
        match self.fault {
            Fault::Stuck => return Ok(0),
            Fault::Twice => {
                self.inside.enter(entry)?;
            }
            Fault::Forgetful => self.forget()?,
            _ => {}
        }
        let ended = self.inside.enter(entry);
        let status = self.broken(ended, || 0)?;
        Ok(match self.fault {
            Fault::WrongResults => status ^ 1,
            _ => status,
        })
    }

    fn word(&mut self, memory: MemoryId, address: u64) -> Option<Word> {
        self.inside.word(memory, address)
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        self.inside.inspect()?;
        Some(self)
    }
}

impl Inspect for BrokenInstance {
    fn call(&mut self, module: ModuleId, export: &str, args: &[Value]) -> Result<Vec<Value>> {
        let inside = self.inside.inspect().expect("`inspect` has looked");
        let ended = inside.call(module, export, args);
        let mut results = self.broken(ended, Vec::new)?;
        if let (Fault::WrongResults, Some(first)) = (self.fault, results.first_mut()) {
            *first = off_by_one(*first);
        }
        Ok(results)
    }

    fn global(&mut self, module: ModuleId, export: &str) -> Result<Value> {
        let inside = self.inside.inspect().expect("`inspect` has looked");
        let value = inside.global(module, export)?;
        Ok(match self.fault {
            Fault::WrongResults => off_by_one(value),
            _ => value,
        })
    }

    fn memory(&mut self, module: ModuleId, export: &str) -> Result<&[u8]> {
        let inside = self.inside.inspect().expect("`inspect` has looked");
        inside.memory(module, export)
    }
}

/// A value that differs in one bit, or in being null.
fn off_by_one(value: Value) -> Value {
    match value {
        Value::I32(bits) => Value::I32(bits ^ 1),
        Value::I64(bits) => Value::I64(bits ^ 1),
        Value::F32(bits) => Value::F32(bits ^ 1),
        Value::F64(bits) => Value::F64(bits ^ 1),
        Value::V128(bits) => Value::V128(bits ^ 1),
        Value::Extern(number) => Value::Extern(number ^ 1),
        _ => Value::Extern(0),
    }
}

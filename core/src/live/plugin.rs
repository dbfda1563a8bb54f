//! A live plug-in: one instance of a [`Compiled`], and the calls into it.
//!
//! [`Plugin::call`] is the path that every call takes: name to entry (a comparison with the last one, then a short
//! search), initialisation of a fresh instance, one exchange. It knows engines only as trait objects.
//!
//! Invariants: initialisation runs once for each instance, under the same rules as a call; if it fails, the next
//! call starts with a new instance; the path of a successful call does not allocate.

pub(crate) mod fuel;
mod output;
mod ready;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use self::fuel::FuelExports;
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::EntryId,
        setters::setters,
    },
    build::{
        compiled::{Compiled, Instantiated},
        options::Interrupted,
    },
    deadline::{
        alarm::{Alarm, CancelHandle},
        fuel::{Meter, PORTION},
        nesting,
    },
    engine::erased::{CallHooks, DynInstance},
    host::Host,
    kernel::{self, guest::Guest},
    process::forks::Gated,
};

/// A live plug-in.
pub struct Plugin {
    compiled: Compiled,
    instance: Gated<Box<dyn DynInstance>>,
    condition: Condition,
    /// The entries of this instance, by position in the compiled plug-in.
    entries: Box<[Option<EntryId>]>,
    id: Uuid,
    alarm: Arc<Alarm>,
    /// How long a call may take.
    timeout: Option<Duration>,
    /// How much work a call may do, if guests count it.
    fuel: Option<u64>,
    /// The functions of this instance that handle its fuel.
    fuel_exports: Option<FuelExports>,
    /// How many units guests get at once.
    fuel_portion: i64,
    hooks: Option<CallHooks>,
    /// Whether a call needs preparation: clearing output or giving fuel.
    prepares: bool,
    /// Whether a call ended other than by returning.
    suspect: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// No guest code has run.
    Fresh,
    /// Initialised.
    Ready,
    /// To be replaced before the next call.
    Stale,
    /// The engine panicked in it. It must not be used again.
    Broken,
}

/// The limits of one call.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// How long it may take; `None` is no limit.
    pub timeout: Option<Duration>,
    /// How many units of work it may do, as in [`Options::fuel`](crate::Options::fuel); `None` is no limit.
    pub fuel: Option<u64>,
}

setters!(CallLimits {
    with_timeout = timeout: into Option<Duration>,
    with_fuel = fuel: into Option<u64>,
});

/// An exported function, looked up once. It fits every plug-in of the same [`Compiled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionHandle(usize);

impl Plugin {
    /// Makes a live plug-in. No guest code runs before the first call or [`Plugin::initialize`].
    ///
    /// # Errors
    /// `Trap` if a data segment does not fit, `MemoryLimit` if the memories are too large from the
    /// start, `Manifest` if an allowed path cannot be opened, `Engine`.
    pub fn new(compiled: &Compiled) -> Result<Self> {
        let host = compiled.host();
        let (id, alarm) = (host.id(), host.alarm());
        let Instantiated { instance, word } = compiled.instantiate(host)?;
        alarm.flag.move_to(word);
        Ok(Self {
            compiled: compiled.clone(),
            instance,
            condition: Condition::Fresh,
            entries: vec![None; compiled.entry_count()].into(),
            id,
            alarm,
            timeout: compiled.timeout(),
            fuel: compiled.fuel(),
            fuel_exports: None,
            fuel_portion: PORTION,
            hooks: compiled.call_hooks(),
            prepares: compiled.captures() || compiled.fuel().is_some(),
            suspect: false,
        })
    }

    /// The id of the plug-in in log lines and errors.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The name of the engine.
    pub fn engine(&self) -> &'static str {
        self.compiled.engine()
    }

    /// Whether the plug-in exports a function of that name that can be called.
    pub fn function_exists(&self, name: &str) -> bool {
        self.compiled.has_entry(name)
    }

    /// Looks a function up, for [`Plugin::call_function`].
    ///
    /// # Errors
    /// `UnknownFunction` if there is none, or if it has parameters or several results.
    pub fn function(&self, name: &str) -> Result<FunctionHandle> {
        self.compiled.entry(name).map(FunctionHandle)
    }

    /// Calls an exported function with `input` and lends its output, which is valid until the next call.
    ///
    /// # Errors
    /// `UnknownFunction`, or the failure of the guest or of a host function. The plug-in can be called again,
    /// except after `EnginePanic`.
    pub fn call(&mut self, name: &str, input: &[u8]) -> Result<&[u8]> {
        let function = self.function(name)?;
        self.call_within(function, input, self.timeout)
    }

    /// As [`Plugin::call`], without looking up the name.
    ///
    /// # Errors
    /// Those of [`Plugin::call`].
    ///
    /// # Panics
    /// If the handle comes from another compiled plug-in that has more functions.
    #[inline]
    pub fn call_function(&mut self, function: FunctionHandle, input: &[u8]) -> Result<&[u8]> {
        self.call_within(function, input, self.timeout)
    }

    /// As [`Plugin::call_function`], with a time limit for this call alone; `None` is no limit.
    ///
    /// Initialisation counts. If a host function overruns the deadline, the call fails when it returns. The plug-in
    /// can be called again; see [`crate::Interrupted`].
    ///
    /// # Errors
    /// Those of [`Plugin::call_function`]; `Timeout`.
    ///
    /// # Panics
    /// As [`Plugin::call_function`].
    #[inline]
    pub fn call_within(
        &mut self,
        function: FunctionHandle,
        input: &[u8],
        timeout: Option<Duration>,
    ) -> Result<&[u8]> {
        self.run_call(function, input, timeout, self.fuel)
    }

    /// As [`Plugin::call_function`], with limits for this call alone.
    ///
    /// # Errors
    /// As [`Plugin::call_within`]; `OutOfFuel`, or `Argument` if `limits` has fuel but the plug-in was compiled
    /// without [`Options::fuel`](crate::Options::fuel).
    ///
    /// # Panics
    /// As [`Plugin::call_function`].
    pub fn call_with(
        &mut self,
        function: FunctionHandle,
        input: &[u8],
        limits: &CallLimits,
    ) -> Result<&[u8]> {
        self.check_fuel(limits.fuel)?;
        self.run_call(function, input, limits.timeout, limits.fuel)
    }

    #[inline(always)]
    fn run_call(
        &mut self,
        function: FunctionHandle,
        input: &[u8],
        timeout: Option<Duration>,
        fuel: Option<u64>,
    ) -> Result<&[u8]> {
        if self.prepares {
            self.prepare(fuel)?;
        }
        self.alarm.begin(timeout)?;
        let outcome = match self.entry(function) {
            Ok(entry) => {
                let instance = &mut self.instance;
                let hooks = self.hooks.as_ref();
                nesting::within(&self.alarm, move || instance.exchange(entry, input, hooks))
            }
            Err(error) => Err(error),
        };
        let ended = self.alarm.end();
        if ended.stopped && self.compiled.interrupted() == Interrupted::Replaced {
            self.condition = Condition::Stale;
        }
        match ended.overdue {
            Some(error) if outcome.is_ok() => {
                self.suspect = true;
                Err(error)
            }
            _ => outcome.map_err(|error| {
                self.suspect |= !is_orderly(error.kind());
                if error.kind() == ErrorKind::EnginePanic {
                    self.condition = Condition::Broken;
                    self.compiled.retire_engine();
                }
                self.compiled.explain(error)
            }),
        }
    }

    /// Sets how long each call may take, unless the call says otherwise. The initial value is that of the manifest.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// How long each call may take, unless the call says otherwise.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// A handle to cancel calls of this plug-in from any thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(Arc::clone(&self.alarm))
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Whether a call ended other than by returning, so the state of the guest may be inconsistent.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Gives the instance the host state of a new plug-in: id, variables, configuration, time limit. Open
    /// descriptors stay, because guests have their numbers in memory.
    pub(crate) fn renew_host(&mut self) {
        let fresh = self.compiled.host();
        let word = self.alarm.flag.take();
        (self.id, self.alarm) = (fresh.id(), fresh.alarm());
        self.alarm.flag.move_to(word);
        (self.timeout, self.fuel) = (self.compiled.timeout(), self.compiled.fuel());
        self.forget_output();
        let old = std::mem::replace(self.host(), fresh);
        self.host().keep_instance_state(old);
        self.reset();
    }

    /// Runs the guest's initialisation now instead of at the first call.
    ///
    /// # Errors
    /// The failure of the guest. The next call tries again with a new instance.
    pub fn initialize(&mut self) -> Result<()> {
        if self.condition == Condition::Ready {
            return Ok(());
        }
        self.prepare(self.fuel)?;
        self.alarm.begin(self.timeout)?;
        let outcome = self.run_init().and_then(|()| self.run_own_init());
        let ended = self.alarm.end();
        match (ended.overdue, &outcome) {
            (Some(error), Ok(())) => {
                self.condition = Condition::Stale;
                Err(error)
            }
            (_, Err(error)) if error.kind() == ErrorKind::EnginePanic => {
                self.condition = Condition::Broken;
                self.compiled.retire_engine();
                outcome
            }
            _ => outcome,
        }
    }

    /// Frees and clears the kernel memory. The guest's own memory stays.
    pub fn reset(&mut self) {
        if self.condition != Condition::Broken {
            kernel::reset(&mut **self.instance);
        }
    }

    /// The state of the plug-in on the host's side.
    pub fn host(&mut self) -> &mut Host {
        let guest: &mut dyn Guest = &mut **self.instance;
        guest.host()
    }

    /// The current size of the memories in bytes: the kernel memory, the memories that modules export as `memory`,
    /// and the heap of objects. A memory that several modules export counts for each.
    pub fn memory_bytes(&mut self) -> u64 {
        let memories = self.compiled.memories();
        let sizes = memories.map(|memory| self.instance.split(memory).0.len() as u64);
        sizes.sum::<u64>() + self.instance.heap_bytes()
    }

    /// The standard output of the guest since the last call or initialisation began. Empty unless
    /// [`Wasi::stdout`](crate::Wasi::stdout) captures it.
    pub fn stdout(&mut self) -> Vec<u8> {
        #[cfg(feature = "wasi")]
        let bytes = self
            .host()
            .wasi
            .as_ref()
            .map(crate::host::wasi::Session::stdout);
        #[cfg(not(feature = "wasi"))]
        let bytes = None;
        bytes.unwrap_or_default()
    }

    /// As [`Plugin::stdout`], for standard error.
    pub fn stderr(&mut self) -> Vec<u8> {
        #[cfg(feature = "wasi")]
        let bytes = self
            .host()
            .wasi
            .as_ref()
            .map(crate::host::wasi::Session::stderr);
        #[cfg(not(feature = "wasi"))]
        let bytes = None;
        bytes.unwrap_or_default()
    }

    /// Prepares a call.
    fn prepare(&mut self, fuel: Option<u64>) -> Result<()> {
        self.forget_output();
        if self.compiled.fuel().is_some() {
            self.host().meter = Some(Meter::new(fuel, self.fuel_portion));
        }
        Ok(())
    }

    fn forget_output(&mut self) {
        #[cfg(feature = "wasi")]
        if let Some(wasi) = &self.host().wasi {
            wasi.forget_output();
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // A cancel handle may outlive the plug-in.
        self.alarm.flag.move_to(None);
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("engine", &self.engine())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whether the guest itself ended the call by returning.
fn is_orderly(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Guest | ErrorKind::ReturnCode(_) | ErrorKind::UnknownFunction
    )
}

#[cold]
fn broken() -> Error {
    let message = "the plug-in cannot be used any more, because the engine panicked in an earlier call; \
                   make another plug-in";
    Error::new(ErrorKind::EnginePanic, message)
}

#[cold]
fn missing(name: &str) -> Error {
    Error::new(
        ErrorKind::Engine,
        format!("the engine does not find the export `{name}` that core has read"),
    )
}

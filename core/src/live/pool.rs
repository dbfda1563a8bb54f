//! A pool of instances of one compiled plug-in.
//!
//! Instances are created on demand and lent first come, first served. It does not know which functions are called.
//!
//! Invariants: never more instances exist than the pool allows; a borrower never sees the host state (variables,
//! configuration, time limit, context) of an earlier one, and its memories only with [`Reuse::Guest`]; an instance
//! whose last call did not return is never lent again; a forked child starts with an empty pool.

use std::{
    fmt,
    num::NonZeroUsize,
    ops::{Deref, DerefMut},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    base::error::{Error, ErrorKind, Result},
    build::compiled::Compiled,
    deadline::{alarm::CHECK_PERIOD, duration_text::DurationText, nesting},
    live::plugin::Plugin,
    process::{
        PerProcess, Process,
        queue::{Line, Room, Waiting},
    },
};

/// What happens to an instance that was returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// It is dropped. Each borrower gets a new instance.
    #[default]
    Never,
    /// It is lent again, with its memories, globals and open files, and is not initialised again. Variables,
    /// configuration, time limit and id are those of a new one. After a call that did not return (a trap, an exit,
    /// a time limit, a cancellation, a failed host function) it is dropped nevertheless.
    Guest,
}

/// A pool of at most a fixed number of instances of one compiled plug-in. Cloning shares it.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    compiled: Compiled,
    max_instances: NonZeroUsize,
    reuse: Reuse,
    instances: PerProcess<Line<Instances>>,
}

/// The instances of one process.
struct Instances {
    /// Returned, to be lent again.
    idle: Vec<Plugin>,
    /// How many are lent or being made.
    lent: usize,
    max: usize,
}

impl Room for Instances {
    fn room(&self) -> usize {
        self.max - self.lent
    }
}

impl Shared {
    fn own(&self) -> &Line<Instances> {
        self.instances.own_or(|| {
            Line::new(Instances {
                idle: Vec::new(),
                lent: 0,
                max: self.max_instances.get(),
            })
        })
    }
}

impl Pool {
    /// A pool of as many instances as the machine can run in parallel, each lent once.
    pub fn new(compiled: &Compiled) -> Self {
        let max_instances = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::with(compiled, max_instances, Reuse::default())
    }

    /// A pool of at most `max_instances`.
    pub fn with(compiled: &Compiled, max_instances: NonZeroUsize, reuse: Reuse) -> Self {
        Self(Arc::new(Shared {
            compiled: compiled.clone(),
            max_instances,
            reuse,
            instances: PerProcess::new(),
        }))
    }

    /// The most instances at a time, in each process.
    pub fn max_instances(&self) -> NonZeroUsize {
        self.0.max_instances
    }

    /// What happens to an instance that was returned.
    pub fn reuse(&self) -> Reuse {
        self.0.reuse
    }

    /// The number of instances in this process now, lent or idle.
    pub fn instances(&self) -> usize {
        let instances = self.0.own().lock();
        instances.lent + instances.idle.len()
    }

    /// Lends an instance, which returns to the pool when it is dropped. If all are lent, it waits for at most
    /// `timeout`. `None` waits for ever, even if the caller itself holds all instances.
    ///
    /// # Errors
    /// `Timeout` if none was returned in time; as [`Plugin::new`] if one has to be made.
    pub fn get(&self, timeout: Option<Duration>) -> Result<PooledPlugin> {
        self.get_while(timeout, || Ok(()))
    }

    /// As [`Pool::get`], with a `check` that is called about twenty times a second during the wait. In a host
    /// function it waits no longer than the running call may take.
    ///
    /// # Errors
    /// Those of [`Pool::get`]; the error of `check`; the reason why a call on this thread has to end.
    pub fn get_while(
        &self,
        timeout: Option<Duration>,
        check: impl FnMut() -> Result<()>,
    ) -> Result<PooledPlugin> {
        let (permit, idle) = self.permit(timeout, check)?;
        let plugin = match idle {
            Some(plugin) => plugin,
            // If this fails or panics, the permit is returned.
            None => Plugin::new(&self.0.compiled)?,
        };
        Ok(PooledPlugin(Some((plugin, permit))))
    }

    /// Waits for a permit, and takes an idle instance with it if there is one.
    fn permit(
        &self,
        timeout: Option<Duration>,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<(Permit, Option<Plugin>)> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = None;
        loop {
            if let Some(taken) = self.take(waiting.as_ref()) {
                return Ok(taken);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(self.timed_out(timeout.unwrap_or_default()));
            }
            if waiting.is_none() {
                // A permit may be free by now.
                waiting = Some(self.0.own().wait());
                continue;
            }
            let longest = left.unwrap_or(CHECK_PERIOD).min(CHECK_PERIOD);
            thread::park_timeout(nesting::patience(longest));
            check()?;
            nesting::check_interrupt()?;
        }
    }

    /// A permit if one is free and it is the turn of `waiting`. `None` is a thread that does not wait yet.
    fn take(&self, waiting: Option<&Waiting<'_, Instances>>) -> Option<(Permit, Option<Plugin>)> {
        let mut instances = self.0.own().lock();
        if instances.room() == 0 || !instances.is_next(waiting) {
            return None;
        }
        instances.lent += 1;
        let permit = Permit {
            shared: Arc::clone(&self.0),
            process: Process::current(),
            back: None,
        };
        Some((permit, instances.idle.pop()))
    }

    #[cold]
    fn timed_out(&self, timeout: Duration) -> Error {
        let (max, timeout) = (self.0.max_instances, DurationText(timeout));
        let message = format!("all instances of the pool ({max}) were in use for {timeout}");
        Error::new(ErrorKind::Timeout, message)
    }
}

/// A lent instance, which returns to its pool when it is dropped.
///
/// If a panic drops it, or if the process has forked since, it does not return.
#[derive(Debug)]
pub struct PooledPlugin(Option<(Plugin, Permit)>);

impl PooledPlugin {
    /// The instance and its permit, for separate storage.
    pub fn into_parts(mut self) -> (Plugin, Permit) {
        self.0.take().expect("it is there until `drop`")
    }
}

impl Deref for PooledPlugin {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        let (plugin, _) = self.0.as_ref().expect("it is there until `drop`");
        plugin
    }
}

impl DerefMut for PooledPlugin {
    fn deref_mut(&mut self) -> &mut Plugin {
        let (plugin, _) = self.0.as_mut().expect("it is there until `drop`");
        plugin
    }
}

impl Drop for PooledPlugin {
    fn drop(&mut self) {
        if let Some((plugin, permit)) = self.0.take() {
            permit.give_back(plugin);
        }
    }
}

/// The right to one instance of a pool. It counts as an instance until it is dropped.
pub struct Permit {
    shared: Arc<Shared>,
    process: Process,
    /// To be lent again.
    back: Option<Plugin>,
}

impl Permit {
    /// Returns the permit with its instance. The pool lends the instance again or drops it, as its [`Reuse`] says.
    pub fn give_back(mut self, mut plugin: Plugin) {
        let fit = self.shared.reuse == Reuse::Guest
            && !plugin.is_suspect()
            && !thread::panicking()
            && self.is_here()
            && plugin.compiled().is(&self.shared.compiled);
        if fit {
            plugin.renew_host();
            self.back = Some(plugin);
        } else {
            // Before its permit is free, so that there is never one too many.
            drop(plugin);
        }
    }

    /// Whether the permit belongs to this process.
    fn is_here(&self) -> bool {
        self.process == Process::current()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_here() {
            let mut instances = self.shared.own().lock();
            instances.lent -= 1;
            instances.idle.extend(self.back.take());
            instances.wake();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("engine", &self.0.compiled.engine())
            .field("max_instances", &self.0.max_instances)
            .field("reuse", &self.0.reuse)
            .finish_non_exhaustive()
    }
}

//! A bounded number of instances of one compiled plug-in, lent to whoever asks.
//!
//! Instances are made when they are needed. Who comes while all are lent waits, in the order of
//! coming. It does not know what is called.
//!
//! Invariants: no more instances exist at a time than the pool allows; what a borrower leaves in the
//! host state (variables, configuration, time limit, context) is never seen by the next one, and in
//! memories only if that was asked for; an instance whose last call did not return is never
//! lent again; a forked child starts with an empty pool.

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
    deadline::{alarm::CHECK_PERIOD, nesting},
    live::plugin::Plugin,
    process::{
        PerProcess, Process,
        queue::{Line, Room, Waiting},
    },
};

/// What becomes of an instance that was given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// It is dropped: each borrower gets a new one, which no other has used.
    #[default]
    Never,
    /// It is lent again, with its memories, globals and open files, and is not initialised again.
    /// Variables, configuration, time limit and id are those of a new one. After a call that
    /// did not return (a trap, an exit, a time limit, a cancellation, a failed host function) it is
    /// dropped all the same.
    Guest,
}

/// A bounded number of instances of one compiled plug-in. Cloning shares it.
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
    /// Given back, to be lent again.
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
    /// A pool of as many instances as the machine can run at a time, each lent once.
    pub fn new(compiled: &Compiled) -> Self {
        let max_instances = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::with(compiled, max_instances, Reuse::default())
    }

    /// A pool of at most so many instances.
    pub fn with(compiled: &Compiled, max_instances: NonZeroUsize, reuse: Reuse) -> Self {
        Self(Arc::new(Shared {
            compiled: compiled.clone(),
            max_instances,
            reuse,
            instances: PerProcess::new(),
        }))
    }

    /// The most instances that there are at a time, in each process.
    pub fn max_instances(&self) -> NonZeroUsize {
        self.0.max_instances
    }

    /// What becomes of an instance that was given back.
    pub fn reuse(&self) -> Reuse {
        self.0.reuse
    }

    /// How many instances there are now in this process, lent or waiting to be.
    pub fn instances(&self) -> usize {
        let instances = self.0.own().lock();
        instances.lent + instances.idle.len()
    }

    /// Lends an instance, which comes back when it is dropped. If all are lent, it waits for one, no
    /// longer than `timeout`; `None` is for ever, also if the caller itself has them.
    ///
    /// # Errors
    /// `Timeout` if none came back in time; as [`Plugin::new`] if one has to be made.
    pub fn get(&self, timeout: Option<Duration>) -> Result<PooledPlugin> {
        self.get_while(timeout, || Ok(()))
    }

    /// As [`Pool::get`], and asks about twenty times a second while it waits whether to go on. In a host
    /// function it waits no longer than the call that it serves may take.
    ///
    /// # Errors
    /// As there; whatever `check` fails with; why a call that this thread is in has to end.
    pub fn get_while(
        &self,
        timeout: Option<Duration>,
        check: impl FnMut() -> Result<()>,
    ) -> Result<PooledPlugin> {
        let (place, idle) = self.place(timeout, check)?;
        let plugin = match idle {
            Some(plugin) => plugin,
            // If this fails or panics, the place is given back.
            None => Plugin::new(&self.0.compiled)?,
        };
        Ok(PooledPlugin(Some((plugin, place))))
    }

    /// Waits for a place, with the instance that is there already if there is one.
    fn place(
        &self,
        timeout: Option<Duration>,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<(Place, Option<Plugin>)> {
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
                // There may be one meanwhile.
                waiting = Some(self.0.own().wait());
                continue;
            }
            let longest = left.unwrap_or(CHECK_PERIOD).min(CHECK_PERIOD);
            thread::park_timeout(nesting::patience(longest));
            check()?;
            nesting::check_interrupt()?;
        }
    }

    /// A place if there is one, and if it is the turn of `waiting`, or of one who does not wait yet.
    fn take(&self, waiting: Option<&Waiting<'_, Instances>>) -> Option<(Place, Option<Plugin>)> {
        let mut instances = self.0.own().lock();
        if instances.room() == 0 || !instances.is_next(waiting) {
            return None;
        }
        instances.lent += 1;
        let place = Place {
            shared: Arc::clone(&self.0),
            process: Process::current(),
            back: None,
        };
        Some((place, instances.idle.pop()))
    }

    #[cold]
    fn timed_out(&self, timeout: Duration) -> Error {
        let max = self.0.max_instances;
        let message = format!("all instances of the pool ({max}) were in use for {timeout:?}");
        Error::new(ErrorKind::Timeout, message)
    }
}

/// An instance that is lent, and comes back to its pool when it is dropped.
///
/// Dropped by a panic, or in a process that was forked since, it does not come back.
#[derive(Debug)]
pub struct PooledPlugin(Option<(Plugin, Place)>);

impl PooledPlugin {
    /// The instance and its place, for those who have to keep them apart.
    pub fn into_parts(mut self) -> (Plugin, Place) {
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
        if let Some((plugin, place)) = self.0.take() {
            place.give_back(plugin);
        }
    }
}

/// The right to one instance of a pool. It counts as an instance until it is dropped.
pub struct Place {
    shared: Arc<Shared>,
    process: Process,
    /// To be lent again.
    back: Option<Plugin>,
}

impl Place {
    /// Gives the place back and the instance that was lent with it, which is lent again if the
    /// pool does so, and dropped if not.
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
            // Before its place is free, so that there is never one more than is allowed.
            drop(plugin);
        }
    }

    /// Whether this is the process that the place belongs to.
    fn is_here(&self) -> bool {
        self.process == Process::current()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_here() {
            let mut instances = self.shared.own().lock();
            instances.lent -= 1;
            instances.idle.extend(self.back.take());
            instances.wake();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
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

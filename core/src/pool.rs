//! A bounded number of instances of one compiled plug-in, lent to whoever asks.
//!
//! Instances are made when they are needed. Who comes while all are lent waits, in the order of
//! coming. It does not know what is called.
//!
//! Invariants: no more instances exist at a time than the pool allows; what a borrower leaves in the
//! host state (variables, configuration, time limit, context) is never seen by the next one, and in
//! memories only if that was asked for; an instance whose last call did not return is never
//! lent again; a forked child starts with an empty pool and never touches the lock of its parent's.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    ops::{Deref, DerefMut},
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    alarm::CHECK_PERIOD,
    compiled::Compiled,
    error::{Error, ErrorKind, Result},
    plugin::Plugin,
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
    own: Link,
}

/// The instances of one process. A forked child appends a link of its own.
struct Link {
    process: u32,
    state: Mutex<State>,
    freed: Condvar,
    next: OnceLock<Box<Self>>,
}

#[derive(Default)]
struct State {
    /// Given back, to be lent again.
    idle: Vec<Plugin>,
    /// How many are lent or being made.
    lent: usize,
    /// Who waits, the first first.
    queue: VecDeque<u64>,
    next_number: u64,
}

impl Link {
    fn new(process: u32) -> Self {
        Self {
            process,
            state: Mutex::default(),
            freed: Condvar::new(),
            next: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            own: Link::new(process::id()),
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
        let state = self.0.link().lock();
        state.lent + state.idle.len()
    }

    /// Lends an instance, which comes back when it is dropped. If all are lent, it waits for one, no
    /// longer than `timeout`; `None` is for ever, also if the caller itself has them.
    ///
    /// # Errors
    /// `Timeout` if none came back in time; as [`Plugin::new`] if one has to be made.
    pub fn get(&self, timeout: Option<Duration>) -> Result<PooledPlugin> {
        self.get_while(timeout, || Ok(()))
    }

    /// As [`Pool::get`], and asks about twenty times a second while it waits whether to go on.
    ///
    /// # Errors
    /// As there; whatever `check` fails with.
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
        let link = self.0.link();
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut turn = Waiting::new(link);
        loop {
            let mut state = link.lock();
            if turn.is_next(&state) && state.lent < self.0.max_instances.get() {
                state.lent += 1;
                let idle = state.idle.pop();
                turn.leave(&mut state);
                let shared = Arc::clone(&self.0);
                let place = Place {
                    shared,
                    process: link.process,
                    back: None,
                };
                return Ok((place, idle));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(self.timed_out(timeout.unwrap_or_default()));
            }
            turn.enqueue(&mut state);
            let patience = left.map_or(CHECK_PERIOD, |left| left.min(CHECK_PERIOD));
            drop(link.freed.wait_timeout(state, patience));
            check()?;
        }
    }

    #[cold]
    fn timed_out(&self, timeout: Duration) -> Error {
        let max = self.0.max_instances;
        let message = format!("all instances of the pool ({max}) were in use for {timeout:?}");
        Error::new(ErrorKind::Timeout, message)
    }
}

impl Shared {
    /// The instances of this process.
    fn link(&self) -> &Link {
        let process = process::id();
        let mut link = &self.own;
        while link.process != process {
            link = link.next.get_or_init(|| Box::new(Link::new(process)));
        }
        link
    }
}

/// A place in the queue, which is left on every way out.
struct Waiting<'a> {
    link: &'a Link,
    number: Option<u64>,
}

impl<'a> Waiting<'a> {
    fn new(link: &'a Link) -> Self {
        Self { link, number: None }
    }

    fn is_next(&self, state: &State) -> bool {
        state.queue.front().copied() == self.number
    }

    fn enqueue(&mut self, state: &mut State) {
        if self.number.is_none() {
            self.number = Some(state.next_number);
            state.queue.push_back(state.next_number);
            state.next_number += 1;
        }
    }

    fn leave(&mut self, state: &mut State) {
        if let Some(number) = self.number.take() {
            state.queue.retain(|&other| other != number);
            // There may be a place for the next one as well.
            self.link.freed.notify_all();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.number.is_some() {
            self.leave(&mut self.link.lock());
        }
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
    process: u32,
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
        self.process == process::id()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_here() {
            let link = self.shared.link();
            let mut state = link.lock();
            state.lent -= 1;
            state.idle.extend(self.back.take());
            drop(state);
            link.freed.notify_all();
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

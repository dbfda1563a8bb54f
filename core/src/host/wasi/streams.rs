//! Output streams in memory, and deterministic clocks.
//!
//! They implement traits of the library. Invariant: captured output never exceeds its limit.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

/// The captured output of one stream. Clones share it.
#[derive(Clone)]
pub(crate) struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Captured {
    pub(crate) fn new(limit: usize) -> Self {
        let bytes = Arc::default();
        Self { bytes, limit }
    }

    pub(crate) fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        // The bytes stay usable after a panic.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only newer versions of WASI call this. Their output would be discarded.
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.bytes();
        let room = self.limit.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match bytes.len() <= room {
            true => Ok(()),
            false => Err(StreamError::Closed),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // The library turns a closed stream into `EIO`.
        match self.limit.saturating_sub(self.bytes().len()) {
            0 => Err(StreamError::Closed),
            room => Ok(room),
        }
    }
}

#[async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

/// How far each read moves a fixed clock, in nanoseconds.
const STEP: u64 = 1000;

/// A clock that moves only when it is read or waited for. Clones share it.
#[derive(Clone)]
pub(crate) struct FixedClock {
    start: u64,
    elapsed: Arc<AtomicU64>,
}

impl FixedClock {
    pub(crate) fn new(start: u64) -> Self {
        let elapsed = Arc::default();
        Self { start, elapsed }
    }

    /// The time of the monotonic clock, without moving it.
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed.load(Ordering::Relaxed)
    }

    /// The time of the wall clock, without moving it.
    pub(crate) fn today(&self) -> u64 {
        self.start.saturating_add(self.elapsed())
    }

    pub(crate) fn advance(&self, nanoseconds: u64) -> u64 {
        // Only one thread at a time uses the plug-in, so nothing is lost between these two steps.
        let now = self.elapsed().saturating_add(nanoseconds);
        self.elapsed.store(now, Ordering::Relaxed);
        now
    }
}

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(STEP)
    }

    fn now(&self) -> Duration {
        self.advance(STEP);
        Duration::from_nanos(self.today())
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        STEP
    }

    fn now(&self) -> u64 {
        self.advance(STEP)
    }
}

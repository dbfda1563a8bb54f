//! Output to the streams of the process, which block while nothing reads them.
//!
//! One thread writes each stream. Guests wait for it in a future, which a deadline can end. Output that was handed
//! over before a deadline may be written after it; nothing is written twice or out of order. This file knows no
//! deadline. It bypasses the buffers of the standard library, because any thread of the host may hold their locks.
//!
//! Invariants: an instance has at most one pending piece of output, so nothing grows while a stream is blocked; a
//! forked child has threads of its own and never touches locks of its parent's.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    thread,
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::process::PerProcess;

/// The most bytes of one piece. The library sends no more.
const PIECE: usize = 4096;

/// A standard stream of the process.
#[derive(Clone, Copy)]
pub(super) enum Inherited {
    Stdout,
    Stderr,
}

impl Inherited {
    /// The writer of this process.
    fn writer(self) -> &'static Writer {
        static STDOUT: PerProcess<Writer> = PerProcess::new();
        static STDERR: PerProcess<Writer> = PerProcess::new();
        match self {
            Self::Stdout => STDOUT.own(),
            Self::Stderr => STDERR.own(),
        }
    }

    /// Writes everything, however long that takes. A closed stream discards it.
    #[cfg(unix)]
    fn write(self, mut bytes: &[u8]) -> io::Result<()> {
        use std::os::fd::AsFd;

        use rustix::{
            event::{PollFd, PollFlags, poll},
            io::{Errno, write},
        };

        let (stdout, stderr) = (io::stdout(), io::stderr());
        let stream = match self {
            Self::Stdout => stdout.as_fd(),
            Self::Stderr => stderr.as_fd(),
        };
        while !bytes.is_empty() {
            match write(stream, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                // Other code has made the stream non-blocking.
                Err(Errno::AGAIN) => {
                    match poll(
                        &mut [PollFd::from_borrowed_fd(stream, PollFlags::OUT)],
                        None,
                    ) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(Errno::BADF) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn write(self, bytes: &[u8]) -> io::Result<()> {
        use std::io::Write;

        match self {
            Self::Stdout => io::stdout()
                .write_all(bytes)
                .and_then(|()| io::stdout().flush()),
            Self::Stderr => io::stderr().write_all(bytes),
        }
    }
}

impl IsTerminal for Inherited {
    fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::IsTerminal::is_terminal(&io::stdout()),
            Self::Stderr => io::IsTerminal::is_terminal(&io::stderr()),
        }
    }
}

impl StdoutStream for Inherited {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Output {
            stream: *self,
            piece: None,
        })
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only newer versions of WASI call this. Their output would be discarded.
        Box::new(tokio::io::sink())
    }
}

/// The thread that writes one stream, with its queue.
#[derive(Default)]
struct Writer {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    started: bool,
    pieces: VecDeque<Arc<Piece>>,
}

/// A pending piece of output.
struct Piece {
    bytes: Bytes,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// The result.
    outcome: Option<io::Result<()>>,
    /// The task that waits for the result.
    waker: Option<Waker>,
}

impl Piece {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a piece at the end of the queue, and starts the thread if it does not run.
    fn add(&'static self, stream: Inherited, piece: Arc<Piece>) -> io::Result<()> {
        let mut queue = self.queue();
        if !queue.started {
            let thread = thread::Builder::new().name("polyextism-output".into());
            thread
                .stack_size(128 * 1024)
                .spawn(move || self.run(stream))?;
            queue.started = true;
        }
        queue.pieces.push_back(piece);
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// Withdraws a piece whose writing has not begun.
    fn withdraw(&self, piece: &Arc<Piece>) {
        let mut queue = self.queue();
        queue.pieces.retain(|other| !Arc::ptr_eq(other, piece));
    }

    fn run(&self, stream: Inherited) {
        let mut queue = self.queue();
        loop {
            let Some(piece) = queue.pieces.pop_front() else {
                queue = (self.work.wait(queue)).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(queue);
            let outcome = stream.write(&piece.bytes);
            let mut progress = piece.progress();
            progress.outcome = Some(outcome);
            let waker = progress.waker.take();
            drop(progress);
            if let Some(waker) = waker {
                waker.wake();
            }
            queue = self.queue();
        }
    }
}

/// The stream of one instance.
struct Output {
    stream: Inherited,
    piece: Option<Arc<Piece>>,
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let piece = Arc::new(Piece {
            bytes,
            progress: Mutex::default(),
        });
        let added = self.stream.writer().add(self.stream, Arc::clone(&piece));
        added.map_err(failed)?;
        self.piece = Some(piece);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let Some(piece) = &self.piece else {
            return Ok(PIECE);
        };
        let outcome = piece.progress().outcome.take();
        match outcome {
            None => Ok(0),
            Some(outcome) => {
                self.piece = None;
                outcome.map(|()| PIECE).map_err(failed)
            }
        }
    }
}

fn failed(error: io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        let Some(piece) = &self.piece else { return };
        poll_fn(|context| {
            let mut progress = piece.progress();
            match progress.outcome {
                Some(_) => Poll::Ready(()),
                None => {
                    progress.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(piece) = &self.piece {
            self.stream.writer().withdraw(piece);
        }
    }
}

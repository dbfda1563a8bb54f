//! Reads files that the user names.
//!
//! A name may be that of a pipe or a device: opening and reading it may take for ever, and it may have no end. So all
//! reading is bounded, and the wait for a pipe ends like the wait for compiling. It knows neither modules nor manifests.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    base::error::Error, deadline::compiling::CompileWait, process::Process,
    settings::compiling::Compiling,
};

/// How often the wait for a pipe checks whether to go on.
const PATIENCE: Duration = Duration::from_millis(20);

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// The system said no.
    Failed(io::Error),
    /// It has more bytes than allowed.
    TooLarge,
    /// The wait ended before.
    Stopped(Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The bytes of a file, if they are no more than `most`. Waits for a pipe as for compiling.
///
/// # Errors
/// Why it was not read.
pub fn read_file(path: &Path, most: u64, compiling: &Compiling) -> Result<Vec<u8>, Unread> {
    read(path, most, &compiling.wait())
}

/// As [`read_file`], within a wait that has begun.
pub(super) fn read(path: &Path, most: u64, wait: &CompileWait<'_>) -> Result<Vec<u8>, Unread> {
    let kind = fs::metadata(path)?.file_type();
    match kind.is_file() || kind.is_dir() {
        true => whole(path, most),
        false => apart(path, most, wait),
    }
}

/// Reads on a thread of its own. If the wait ends, the thread stays until the other side of the pipe does something.
fn apart(path: &Path, most: u64, wait: &CompileWait<'_>) -> Result<Vec<u8>, Unread> {
    let here = Process::current();
    let (send, outcome) = mpsc::sync_channel(1);
    let path = path.to_path_buf();
    let thread = thread::Builder::new().name("read".to_owned());
    thread.spawn(move || drop(send.send(whole(&path, most))))?;
    loop {
        match outcome.recv_timeout(PATIENCE) {
            Ok(bytes) => return bytes,
            Err(RecvTimeoutError::Timeout) if here == Process::current() => {
                wait.check_interrupt().map_err(Unread::Stopped)?;
            }
            // A check may fork, as a Python signal handler can; the thread stays in the parent.
            Err(_) => return Err(io::Error::other("the thread that reads it has ended").into()),
        }
    }
}

fn whole(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    // Devices and pipes say 0.
    let length = file.metadata()?.len().min(most);
    let room = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    bytes.try_reserve_exact(room).map_err(io::Error::from)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(Unread::TooLarge),
        false => Ok(bytes),
    }
}

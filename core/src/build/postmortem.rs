//! Writes dumps after a failure: a core dump, and the kernel memory.
//!
//! It runs at the end of a call, while the guest is available. It knows neither engines nor the settings behind the
//! files.
//!
//! Invariants: it never changes the outcome of a call; a file under its final name is complete; only its owner can
//! read it, because memories of guests may contain secrets.

mod core_dump;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    base::{
        error::{Error, ErrorKind, Family},
        ids::ModuleId,
    },
    build::backtrace::Guests,
    engine::erased::OnFailure,
    kernel::{self, guest::Guest},
    settings::diagnostics::Resolved,
};

/// The dumps to write when a guest has failed.
#[derive(Debug)]
pub(crate) struct Postmortem {
    core_dump: Option<PathBuf>,
    memory_dump: Option<PathBuf>,
    guests: Arc<Guests>,
    /// The module of each memory that the host can see.
    memories: Box<[ModuleId]>,
}

impl Postmortem {
    /// The dumps that `asked` names, for a program with these modules and memories; `None` if it names none.
    pub(crate) fn hook(
        asked: Resolved,
        guests: &Arc<Guests>,
        memories: impl Iterator<Item = ModuleId>,
    ) -> Option<Arc<dyn OnFailure>> {
        if asked.core_dump.is_none() && asked.memory_dump.is_none() {
            return None;
        }
        Some(Arc::new(Self {
            core_dump: asked.core_dump,
            memory_dump: asked.memory_dump,
            guests: Arc::clone(guests),
            memories: memories.collect(),
        }))
    }

    /// Writes the dumps for a call of `guest` that failed with `error`.
    #[cold]
    fn write(&self, guest: &mut dyn Guest, error: &Error) {
        if let Some(path) = &self.memory_dump {
            report(
                path,
                put(path, |file| file.write_all(guest.split(kernel::MEMORY).0)),
            );
        }
        if let Some(path) = self.core_dump.as_ref().filter(|_| is_midway(error)) {
            report(path, put(path, |file| self.core_dump(guest, error, file)));
        }
    }
}

impl OnFailure for Postmortem {
    #[cold]
    fn failed(&self, guest: &mut dyn Guest, error: &Error) {
        if error.kind().family() == Family::Guest {
            self.write(guest, error);
        }
    }
}

/// Whether the guest was stopped in the middle of its work.
fn is_midway(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Trap(_) => true,
        ErrorKind::Exit(_) => false,
        _ => !error.positions().is_empty(),
    }
}

/// Writes a temporary file, then renames it.
fn put(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.unfinished", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::new(options.open(&unfinished)?);
    let written = write(&mut file).and_then(|()| file.flush());
    drop(file);
    let placed = written.and_then(|()| fs::rename(&unfinished, path));
    if placed.is_err() {
        _ = fs::remove_file(&unfinished);
    }
    placed
}

fn report(path: &Path, outcome: io::Result<()>) {
    let path = path.display();
    match outcome {
        Ok(()) => tracing::info!(target: "extism::diagnostics", "wrote `{path}`"),
        Err(error) => {
            tracing::warn!(target: "extism::diagnostics", "`{path}` cannot be written: {error}");
        }
    }
}

//! The folder of the cache: its permissions, and its size.
//!
//! Whoever can write a file of compiled code decides what this process runs. So the folder is opened once, not
//! through a link, and all operations are relative to the open folder. It and each file must belong to the user of
//! this process, and nobody else may write them. Files are written under another name and then renamed. This file
//! does not know the content of files.
//!
//! Invariants: nothing waits for another process; a complete file is never written again.

use std::{
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat},
    process::geteuid,
};
use uuid::Uuid;

use super::{
    checked::Identity,
    entry::{self, Artifact},
    key::Key,
};

/// The suffix of incomplete files.
const UNFINISHED: &str = ".new";
/// After this time an incomplete file is abandoned.
const GIVEN_UP: Duration = Duration::from_secs(3600);
/// The resolution of the time of the last use.
const USE: Duration = Duration::from_secs(3600);

/// A folder that only the user of this process can write.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// If it is missing, or if another user owns or can write it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        is_ours(&rustix::fs::fstat(&folder)?)?;
        Ok(Self(folder))
    }

    /// Opens it, and creates it if it is missing.
    ///
    /// # Errors
    /// As [`Folder::open`], or if it cannot be made.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)?;
                Self::open(path)
            }
            opened => opened,
        }
    }

    /// The code under a key, if there is any.
    ///
    /// # Errors
    /// If it cannot be read, or if another user owns or can write it.
    pub(super) fn find(&self, key: &Key) -> io::Result<Option<Artifact>> {
        // A pipe of that name must not block.
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.0, key.to_string(), flags, Mode::empty());
        let file = match file {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&file)?;
        is_ours(&stat)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refusal("it is no file"));
        }
        let file = File::from(file);
        let now = SystemTime::now();
        if now
            .duration_since(modified(&stat))
            .is_ok_and(|age| age > USE)
        {
            // Marks the file as used, for the order of deletion.
            _ = file.set_modified(now);
        }
        let identity = Identity::of(&stat, now);
        Artifact::open(file, stat.st_size.unsigned_abs(), identity, key)
    }

    /// Stores code under a key, and deletes the least recently used files if all together have more than
    /// `max_bytes`.
    ///
    /// # Errors
    /// If that fails. Existing files stay.
    pub(super) fn keep(&self, key: &Key, code: &[u8], max_bytes: u64) -> io::Result<()> {
        if entry::size(code) > max_bytes {
            return Err(refusal("it is larger than all files together may be"));
        }
        // Processes of containers that share the folder may have the same id.
        let unfinished = format!("{key}.{}{UNFINISHED}", Uuid::new_v4());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::WRONLY;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = File::from(rustix::fs::openat(&self.0, &unfinished, flags, mode)?);
        let kept = entry::write(&file, key, code).and_then(|()| {
            rustix::fs::renameat(&self.0, &unfinished, &self.0, key.to_string())?;
            Ok(())
        });
        if kept.is_err() {
            _ = rustix::fs::unlinkat(&self.0, &unfinished, AtFlags::empty());
        }
        kept?;
        self.make_room(max_bytes)
    }

    fn make_room(&self, max_bytes: u64) -> io::Result<()> {
        let now = SystemTime::now();
        let mut files = Vec::new();
        let mut used = 0;
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_owned();
            // Another process may have deleted it.
            let Ok(stat) = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                continue;
            }
            let (used_last, size) = (modified(&stat), stat.st_size.unsigned_abs());
            let unfinished = name.to_bytes().ends_with(UNFINISHED.as_bytes());
            let age = now.duration_since(used_last).unwrap_or_default();
            match unfinished {
                true if age > GIVEN_UP => {
                    rustix::fs::unlinkat(&self.0, &name, AtFlags::empty())?;
                }
                true => {}
                false if name.count_bytes() != 2 * Key::LENGTH => {}
                false => {
                    used += size;
                    files.push((used_last, size, name));
                }
            }
        }
        files.sort();
        for (_, size, name) in files {
            if used <= max_bytes {
                break;
            }
            rustix::fs::unlinkat(&self.0, &name, AtFlags::empty())?;
            used -= size;
        }
        Ok(())
    }
}

/// Refuses what another user owns or can write.
fn is_ours(stat: &Stat) -> io::Result<()> {
    if stat.st_uid != geteuid().as_raw() {
        return Err(refusal("it belongs to another user"));
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(refusal("other users can write it"));
    }
    Ok(())
}

fn modified(stat: &Stat) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0))
}

#[cold]
fn refusal(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

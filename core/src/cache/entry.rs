//! The file of one compiled module: the bytes of the engine, and behind them what proves that they are
//! whole and the right ones.
//!
//! The proof lies at the end, so that an engine can map the file as it is. It does not know where
//! files lie, nor what their bytes mean. Invariants: an [`Artifact`] gives nothing away that is not,
//! byte for byte, what was written under the same key, or was not when this process looked at the file, which has
//! not changed since; files that are there never change.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

use xxhash_rust::xxh3::Xxh3;

use super::{checked::Identity, key::Key};
use crate::base::error::{Error, ErrorKind, Result};

/// The first bytes of what lies at the end; the digits are the version of the format.
const MAGIC: [u8; 8] = *b"pxcode01";
/// The length of what lies at the end: magic, key, length of the code, checksum.
const SEAL: usize = MAGIC.len() + Key::LENGTH + 8 + 16;
/// How much is read at once.
const CHUNK: usize = 128 << 10;

/// Compiled code that was saved before, by this user and for this very purpose. Until the engine
/// asks for it nothing of it has been read.
#[derive(Debug)]
pub struct Artifact {
    file: File,
    /// How many bytes belong to the engine.
    length: u64,
    checksum: u128,
    /// What it is remembered by once it was checked, if it can be.
    identity: Option<Identity>,
}

impl Artifact {
    /// What is in a file of that name. `None` if it is not what the name promises.
    pub(super) fn open(
        mut file: File,
        size: u64,
        identity: Option<Identity>,
        key: &Key,
    ) -> io::Result<Option<Self>> {
        let Some(length) = size.checked_sub(SEAL as u64) else {
            return Ok(None);
        };
        let mut seal = [0; SEAL];
        file.seek(SeekFrom::Start(length))?;
        file.read_exact(&mut seal)?;
        file.rewind()?;
        let (rest, checksum) = seal.split_at(SEAL - 16);
        let checksum = u128::from_le_bytes(checksum.try_into().expect("it has 16 bytes"));
        Ok((rest == head(key, length).as_slice()).then_some(Self {
            file,
            length,
            checksum,
            identity,
        }))
    }

    fn is_checked(&self) -> bool {
        let identity = self.identity.as_ref();
        identity.is_some_and(Identity::is_checked)
    }

    fn remember(&self) {
        self.identity.into_iter().for_each(Identity::remember);
    }

    /// The file, to be mapped. It begins with the code; what follows belongs to the cache.
    ///
    /// # Errors
    /// `Engine` if it cannot be read, or is damaged.
    pub fn into_file(mut self) -> Result<File> {
        if self.is_checked() {
            return Ok(self.file);
        }
        let mut hasher = Xxh3::new();
        let mut chunk = vec![0; CHUNK];
        let mut left = self.length;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let chunk = &mut chunk[..wanted];
            self.file.read_exact(chunk).map_err(unreadable)?;
            hasher.update(chunk);
            left -= wanted as u64;
        }
        match hasher.digest128() == self.checksum {
            true => {
                self.remember();
                Ok(self.file)
            }
            false => Err(damaged()),
        }
    }

    /// The bytes that were kept.
    ///
    /// # Errors
    /// As [`Artifact::into_file`].
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>> {
        let length = self.length;
        let mut file = self.into_file()?;
        let mut bytes = Vec::new();
        file.rewind().map_err(unreadable)?;
        file.take(length)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Ok(bytes)
    }
}

/// Writes the file of `code`.
pub(super) fn write(mut file: &File, key: &Key, code: &[u8]) -> io::Result<()> {
    let mut hasher = Xxh3::new();
    hasher.update(code);
    file.write_all(code)?;
    let mut seal = head(key, code.len() as u64);
    seal.extend(hasher.digest128().to_le_bytes());
    file.write_all(&seal)
}

/// How many bytes a file with so much code has.
pub(super) fn size(code: &[u8]) -> u64 {
    (code.len() + SEAL) as u64
}

/// What stands before the checksum.
fn head(key: &Key, length: u64) -> Vec<u8> {
    [&MAGIC[..], key.bytes(), &length.to_le_bytes()].concat()
}

#[cold]
fn unreadable(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let message = "compiled code in the cache cannot be read";
    Error::new(ErrorKind::Engine, message).with_source(source)
}

#[cold]
fn damaged() -> Error {
    let message = "compiled code in the cache is damaged";
    Error::new(ErrorKind::Engine, message)
}

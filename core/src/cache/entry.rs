//! The file of one compiled module: the bytes of the engine, followed by a trailer that proves that they are
//! complete and belong to the key.
//!
//! The trailer is at the end, so that an engine can map the file as it is. This file knows neither the location of
//! files nor the meaning of their bytes. Invariants: an [`Artifact`] returns only the bytes that were written under
//! its key, as checked now or earlier by this process if the file has not changed since; existing files never
//! change.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

use xxhash_rust::xxh3::Xxh3;

use super::{checked::Identity, key::Key};
use crate::base::error::{Error, ErrorKind, Result};

/// The first bytes of the trailer. The digits are the version of the format.
const MAGIC: [u8; 8] = *b"pxcode01";
/// The length of the trailer: magic, key, length of the code, checksum.
const SEAL: usize = MAGIC.len() + Key::LENGTH + 8 + 16;
/// How much is read at once.
const CHUNK: usize = 128 << 10;

/// Compiled code from the cache, saved by this user. It is not read until the engine asks for it.
#[derive(Debug)]
pub struct Artifact {
    file: File,
    /// The number of bytes of the engine.
    length: u64,
    checksum: u128,
    /// The identity under which a successful check is remembered, if possible.
    identity: Option<Identity>,
}

impl Artifact {
    /// Opens the entry of a file. `None` if it does not belong to the key.
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

    /// The file, for mapping. It begins with the code; the trailer follows.
    ///
    /// # Errors
    /// `Engine` if it is unreadable or damaged.
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

    /// The bytes of the code.
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

/// The size of a file with this much code.
pub(super) fn size(code: &[u8]) -> u64 {
    (code.len() + SEAL) as u64
}

/// The part of the trailer before the checksum.
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

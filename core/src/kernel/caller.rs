//! The view that a host function has of the plug-in that calls it.
//!
//! It reads and writes the kernel memory. Invariant: as with [`Guest`], no slice survives a growth or a re-entry.

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::MemoryId,
        span::Span,
    },
    host::Host,
    kernel::{self, guest::Guest},
};

/// The view that a host function has of the plug-in that calls it.
pub struct Caller<'a> {
    guest: &'a mut dyn Guest,
    memory: Option<MemoryId>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(guest: &'a mut dyn Guest, memory: Option<MemoryId>) -> Self {
        Self { guest, memory }
    }

    /// The same view with a shorter lifetime, for passing it on.
    pub fn reborrow(&mut self) -> Caller<'_> {
        Caller {
            guest: &mut *self.guest,
            memory: self.memory,
        }
    }

    /// The guest and the memory of the calling module, for calling another host function.
    pub fn parts(&mut self) -> (&mut dyn Guest, Option<MemoryId>) {
        (self.guest, self.memory)
    }

    /// The state of the plug-in on the host's side.
    pub fn host(&mut self) -> &mut Host {
        self.guest.host()
    }

    /// The exported memory of the calling module (empty if it has none) and the host state.
    pub fn memory(&mut self) -> (&mut [u8], &mut Host) {
        match self.memory {
            Some(memory) => self.guest.split(memory),
            None => (&mut [], self.guest.host()),
        }
    }

    /// The bytes of the block at `offset` of the kernel memory. The null handle and anything that
    /// is not the start of a live block read as empty.
    pub fn read(&mut self, offset: u64) -> &[u8] {
        self.read_mut(offset)
    }

    /// As [`Caller::read`], for writing.
    pub fn read_mut(&mut self, offset: u64) -> &mut [u8] {
        let span = self.span(offset);
        let (memory, _) = self.guest.split(kernel::MEMORY);
        &mut memory[span.range()]
    }

    /// The length in bytes of the block at `offset`, 0 if there is none.
    pub fn length(&mut self, offset: u64) -> u64 {
        kernel::length(self.guest.split(kernel::MEMORY).0, offset)
    }

    /// Allocates a block of zeros; the null handle for a size of 0.
    ///
    /// # Errors
    /// `MemoryLimit` if the kernel memory cannot grow enough.
    pub fn alloc(&mut self, size: u64) -> Result<u64> {
        kernel::alloc(self.guest, size)
    }

    /// Allocates a block that holds `bytes`; the null handle if there are none.
    ///
    /// # Errors
    /// As [`Caller::alloc`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<u64> {
        let offset = self.alloc(bytes.len() as u64)?;
        self.read_mut(offset).copy_from_slice(bytes);
        Ok(offset)
    }

    /// Frees the block at `offset`. Anything that is not the start of a live block is ignored.
    pub fn free(&mut self, offset: u64) {
        kernel::free(self.guest, offset);
    }

    /// The error text of the running call, if the guest or a host function has set one.
    pub fn error(&mut self) -> Option<&[u8]> {
        kernel::error(self.guest.split(kernel::MEMORY).0)
    }

    /// Sets the error text of the running call, as a guest does. Unless it is cleared, the call fails with it when
    /// the guest returns.
    ///
    /// # Errors
    /// `Argument` if the text is empty; `MemoryLimit` as [`Caller::alloc`].
    pub fn set_error(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::Argument,
                "the error text is empty; `clear_error` takes an error away",
            ));
        }
        let offset = self.write(text.as_bytes())?;
        kernel::set_error(self.guest, offset);
        Ok(())
    }

    /// Clears the error text of the running call.
    pub fn clear_error(&mut self) {
        kernel::set_error(self.guest, 0);
    }

    fn span(&mut self, offset: u64) -> Span {
        let (memory, _) = self.guest.split(kernel::MEMORY);
        let length = kernel::length(memory, offset);
        Span::new(offset, length, memory.len()).unwrap_or_default()
    }
}

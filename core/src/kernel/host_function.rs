//! The type of host functions that engines call.
//!
//! It knows no engine and no module. Invariant: neither a panic nor an error of a body crosses an engine: both are
//! stored in the state of the plug-in.

use std::{fmt, sync::Arc};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::MemoryId,
        types::Signature,
    },
    host::Failed,
    kernel::{caller::Caller, guest::Guest},
};

/// The body of a host function. Parameters are in the first slots; results go into the first slots.
pub type HostBody = dyn Fn(Caller<'_>, &mut [u64]) -> Result<()> + Send + Sync;

/// A host function that engines can call.
pub struct HostFunc {
    name: Box<str>,
    signature: Signature,
    body: Box<HostBody>,
}

impl HostFunc {
    /// A host function. `name` is used in messages only.
    pub fn new(name: impl Into<Box<str>>, signature: Signature, body: Box<HostBody>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            signature,
            body,
        })
    }

    /// The type of the function.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the body alone, for another host function that wraps it.
    pub(crate) fn run(&self, caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
        (self.body)(caller, slots)
    }

    /// Calls the function on behalf of a guest whose memory is `memory`.
    ///
    /// `slots` holds [`Signature::slots`] values. A panic of the body becomes an error of the call.
    ///
    /// # Errors
    /// [`Failed`], after the failure was stored in the host state.
    #[inline]
    pub fn call(
        &self,
        guest: &mut dyn Guest,
        memory: Option<MemoryId>,
        slots: &mut [u64],
    ) -> Result<(), Failed> {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (self.body)(Caller::new(guest, memory), slots)
        }));
        let error = match outcome {
            // A function that overran the deadline fails the call, whatever it returned.
            Ok(Ok(())) => match guest.host().check_overdue() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(panic) => self.panicked(panic.as_ref()),
        };
        guest.host().fail(error);
        Err(Failed)
    }

    #[cold]
    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Error {
        let text = crate::base::panic::text(panic);
        let name = &self.name;
        Error::new(
            ErrorKind::HostFunction,
            format!("host function `{name}` panicked: {text}"),
        )
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({} {})", self.name, self.signature)
    }
}

//! How long compiling is waited for.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    base::{error::Result, setters::setters},
    deadline::compiling::CompileWait,
};

/// How long compiling is waited for.
///
/// An engine cannot be stopped while it compiles a module. When the wait ends, the engine goes on on its own
/// thread, and its result is dropped. At most as many modules as there are processors are compiled at a time,
/// abandoned ones included; others wait for their turn.
#[non_exhaustive]
#[derive(Clone, Default)]
pub struct Compiling {
    /// How long reading, linking and compiling may take together, without downloads. Then compiling fails with
    /// `Timeout`. `None` is no limit.
    pub timeout: Option<Duration>,
    /// Is called on the waiting thread, at least 20 times a second. If it fails, compiling fails with its error.
    pub check: Option<Arc<dyn Fn() -> Result<()> + Send + Sync>>,
}

impl fmt::Debug for Compiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiling")
            .field("timeout", &self.timeout)
            .field("check", &self.check.as_ref().map(|_| "…"))
            .finish()
    }
}

setters!(Compiling {
    with_timeout = timeout: into Option<Duration>,
});

impl Compiling {
    /// The same with this [`check`](Self::check).
    #[must_use]
    pub fn with_check(mut self, check: impl Fn() -> Result<()> + Send + Sync + 'static) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// A wait that begins now.
    pub(crate) fn wait(&self) -> CompileWait<'_> {
        CompileWait::new(self.timeout, self.check.as_deref())
    }
}

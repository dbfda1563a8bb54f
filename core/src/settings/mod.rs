//! What users say about plug-ins beside the manifest: limits, dumps and profilers, WASI, how long compiling may take.
//!
//! It may import `base` and `deadline`. Values only: what is done with them is the business of others. Invariant: what is asked for
//! is done or is an error.

pub(crate) mod compiling;
pub(crate) mod diagnostics;
pub(crate) mod limits;
#[cfg(feature = "logs")]
pub mod logs;
pub(crate) mod wasi;

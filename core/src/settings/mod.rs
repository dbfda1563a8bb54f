//! The settings of plug-ins beside the manifest: limits, dumps and profilers, WASI, how long compiling may take.
//!
//! It may import `base` and `deadline`. It has values only; other folders act on them. Invariant: every setting
//! takes effect or is an error.

pub(crate) mod compiling;
pub(crate) mod diagnostics;
pub(crate) mod limits;
#[cfg(feature = "logs")]
pub mod logs;
pub(crate) mod wasi;

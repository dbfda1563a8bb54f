//! The output of the last call in the kernel memory, also of a failed call.
//!
//! It does not know how calls work, nor what an outcome means. Invariant: an instance whose engine panicked is not
//! read.

use super::{Condition, Plugin};
use crate::kernel;

impl Plugin {
    /// The output that the guest set in its last call, also if that call failed: a guest may set an output and then
    /// return a code or an error text. It stays until the next call.
    ///
    /// Empty before the first call, and if no output was set. After a call that never reached the guest it is the
    /// output of the call before.
    pub fn output(&mut self) -> &[u8] {
        match self.condition {
            Condition::Broken => &[],
            _ => kernel::output(&mut **self.instance),
        }
    }

    /// Whether the kernel memory keeps its address while it grows, as on engines that reserve address space.
    pub fn has_steady_memory(&self) -> bool {
        self.compiled.is_steady()
    }
}

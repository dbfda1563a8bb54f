//! What the last call of a plug-in left in the kernel memory, however it ended.
//!
//! It does not know how calls go, nor what an outcome means. Invariant: an instance whose engine panicked is
//! not looked at.

use super::{Condition, Plugin};
use crate::kernel;

impl Plugin {
    /// The output that the guest has set in its last call, also if that call failed: after a return code, or
    /// with an error text, a guest may have set one all the same. It stays until the next call.
    ///
    /// Empty before the first call, and if no output was set. After a call that never reached the guest it is
    /// that of the call before.
    pub fn output(&mut self) -> &[u8] {
        match self.condition {
            Condition::Broken => &[],
            _ => kernel::output(&mut **self.instance),
        }
    }

    /// Whether the kernel memory stays in its place while the plug-in runs, however much it grows. It does on
    /// engines that reserve the addresses.
    pub fn has_steady_memory(&self) -> bool {
        self.compiled.is_steady()
    }
}

//! The clock that alarms see here: it stands still, and the list of the watchdog is behind a lock of loom.

#[path = "../../../../core/src/deadline/clock/list.rs"]
mod list;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use loom::sync::Mutex;

use self::list::List;
use crate::{base::error::Result, deadline::alarm::Alarm};

/// As in core, where it does not matter here.
const TICK: Duration = Duration::from_millis(4);
/// Who was idle at one look leaves the list at the same look.
const GRACE: u32 = 1;
/// The number of the only process.
const PROCESS: u64 = 1;

loom::lazy_static! {
    static ref LIST: Mutex<List> = Mutex::new(List::default());
}

/// Calls begin at the beginning of time.
pub(crate) fn now() -> u64 {
    0
}

pub(crate) fn watches(alarm: &Alarm) -> bool {
    alarm.watched.load(SeqCst) == PROCESS
}

#[expect(clippy::unnecessary_wraps, reason = "the one of core can fail")]
pub(crate) fn watch(alarm: &Arc<Alarm>) -> Result<()> {
    lock().add(alarm, PROCESS);
    Ok(())
}

/// What the thread of the watchdog does when it wakes up.
pub(crate) fn look(now: u64) {
    lock().look(now, PROCESS);
}

fn lock() -> loom::sync::MutexGuard<'static, List> {
    LIST.lock().expect("nothing panics with the lock held")
}

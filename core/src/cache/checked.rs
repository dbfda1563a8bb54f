//! Which files of the cache this process has read as a whole and found undamaged.
//!
//! Reading and hashing compiled code is a large part of loading it, and code that is in use is not looked at
//! again either. So a file is checked once, as long as it is the same file with the same times: the system
//! changes these with every write. It does not know what a file is called. Invariants: a file that has changed within
//! the last seconds is not remembered, because times are coarse; nobody waits for the lock, which a fork may
//! leave locked.

use std::{
    collections::HashSet,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[cfg(unix)]
use rustix::fs::Stat;

/// How old the last change of a file has to be.
const SETTLED: Duration = Duration::from_secs(2);
/// How many files are remembered; then it begins anew.
const MOST: usize = 1000;

static CHECKED: Mutex<Option<HashSet<Identity>>> = Mutex::new(None);

/// Identifies a file together with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Identity {
    /// The identity of a file; `None` if it changed so recently that a further change might not show.
    #[cfg(unix)]
    #[allow(
        clippy::unnecessary_cast,
        reason = "systems differ in the types of these fields"
    )]
    pub(super) fn of(stat: &Stat, now: SystemTime) -> Option<Self> {
        let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_ctime).ok()?);
        let age = now.duration_since(changed).ok()?;
        (age > SETTLED).then_some(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        })
    }

    /// Whether it was checked before.
    pub(super) fn is_checked(&self) -> bool {
        let Ok(checked) = CHECKED.try_lock() else {
            return false;
        };
        checked.as_ref().is_some_and(|files| files.contains(self))
    }

    /// Remembers that it was.
    pub(super) fn remember(self) {
        let Ok(mut checked) = CHECKED.try_lock() else {
            return;
        };
        let files = checked.get_or_insert_default();
        if files.len() == MOST {
            files.clear();
        }
        files.insert(self);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    use super::Identity;

    #[test]
    fn what_has_changed_is_not_remembered() {
        let name = format!("polyextism-checked-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "code").expect("it can be written");
        let file = File::options().write(true).open(&path);
        let file = file.expect("it is there");
        let stat = || rustix::fs::fstat(&file).expect("it is open");
        let now = SystemTime::now();
        assert_eq!(Identity::of(&stat(), now), None);
        let later = now + Duration::from_secs(10);
        let settled = || Identity::of(&stat(), later).expect("it has settled");
        assert!(!settled().is_checked());
        settled().remember();
        assert!(settled().is_checked());
        let changed = now + Duration::from_secs(1);
        file.set_modified(changed).expect("it is ours");
        assert!(!settled().is_checked());
        fs::remove_file(&path).expect("it is ours");
    }
}

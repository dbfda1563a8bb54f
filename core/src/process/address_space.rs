//! Whether the process has address space to spare.
//!
//! Engines reserve four to eight gigabytes of it for each memory, so that guest code needs no bounds checks. Where
//! the system grants little (`ulimit -v`, which some job schedulers set), a few memories would use it up. This file
//! knows no engine; backends ask it when they are opened. It may import `base`.

/// How much address space there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Room {
    /// Enough to reserve the full range of each memory, which makes guests fast.
    Ample,
    /// So little that memories should reserve only what they use, and guest code should check bounds.
    Scarce,
}

/// The room of a process whose address space is limited to `bytes`. Some tens of memories should fit beside
/// everything else in the process.
fn within(bytes: u64) -> Room {
    const LEAST: u64 = 256 << 30;
    if bytes < LEAST {
        Room::Scarce
    } else {
        Room::Ample
    }
}

/// The room that the limit of this process leaves. Asks the system.
#[cfg(unix)]
pub fn room() -> Room {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As);
    limit.current.map_or(Room::Ample, within)
}

/// The room that this process has by its limit.
#[cfg(not(unix))]
pub fn room() -> Room {
    Room::Ample
}

/// How many bytes of address space the limit of this process leaves; `None` if there is no limit, or if it is
/// unknown. Asks the system.
#[cfg(target_os = "linux")]
pub fn left() -> Option<u64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    let sizes = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = sizes.split(' ').next()?.parse().ok()?;
    Some(limit.saturating_sub(pages.saturating_mul(rustix::param::page_size() as u64)))
}

/// How many bytes of address space the limit of this process leaves; `None` if there is no limit, or if it is
/// unknown.
#[cfg(not(target_os = "linux"))]
pub fn left() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::{Room, left, within};

    #[test]
    fn few_memories_are_little_room() {
        assert_eq!(within(16 << 30), Room::Scarce);
        assert_eq!(within(1 << 40), Room::Ample);
        assert_eq!(within(u64::MAX), Room::Ample);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_left_is_within_the_limit() {
        let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
        match limit {
            Some(limit) => assert!(left().is_none_or(|left| left < limit)),
            None => assert_eq!(left(), None),
        }
    }
}

//! What the system has run out of, for errors of engines, which say at most that there is no memory.
//!
//! Each memory of a live plug-in takes address space and memory mappings, both of which systems limit. It looks when
//! something has failed already, so it may take its time. It knows no engine.

use crate::base::error::{Error, ErrorKind};

/// How many mappings of the allowed ones may be left when an engine finds that there are not enough.
#[cfg(target_os = "linux")]
const FEW: u64 = 32;

/// How much address space may be left then, in KiB: what two memories reserve, and more than that.
#[cfg(target_os = "linux")]
const LITTLE: u64 = 32 << 20;

/// The address space of a process, in KiB, where it is the first of what memories run into.
#[cfg(target_os = "linux")]
const ADDRESSES: u64 = match cfg!(target_arch = "x86_64") {
    true => 1 << 37,
    false => u64::MAX,
};

/// The same error, or one that says what ran out if something did. The failure of an engine that has the memory that it
/// needs is left alone, and so is that of a guest.
#[cold]
pub(crate) fn explain(error: Error) -> Error {
    let may_be = matches!(
        error.kind(),
        ErrorKind::Engine | ErrorKind::Unsupported | ErrorKind::Trap(_)
    );
    match may_be.then(exhausted).flatten() {
        Some(what) => Error::new(ErrorKind::Engine, what).with_source(error),
        None => error,
    }
}

#[cfg(not(target_os = "linux"))]
fn exhausted() -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
fn exhausted() -> Option<String> {
    mappings().or_else(address_space)
}

#[cfg(target_os = "linux")]
fn mappings() -> Option<String> {
    use std::io::Read as _;

    let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
    let allowed: u64 = allowed.trim().parse().ok()?;
    let mut maps = std::fs::File::open("/proc/self/maps").ok()?;
    let (mut found, mut piece) = (0, [0; 4096]);
    loop {
        let read = maps.read(&mut piece).ok()?;
        if read == 0 {
            break;
        }
        found += piece[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
    }
    (found + FEW >= allowed).then(|| {
        format!(
            "the process has no memory mappings left: it has {found}, and the system allows {allowed}; each live plug-in \
             takes about four, so free some, or have the administrator raise `vm.max_map_count`"
        )
    })
}

#[cfg(target_os = "linux")]
fn address_space() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let used: u64 = line?.trim().split(' ').next()?.parse().ok()?;
    let gib = |kib: u64| kib >> 20;
    (used + LITTLE >= ADDRESSES).then(|| {
        format!(
            "the process has no address space left: it has {} GiB, and there are {}; each memory of a live plug-in \
             reserves up to 8, so free some, or use more processes",
            gib(used),
            gib(ADDRESSES),
        )
    })
}

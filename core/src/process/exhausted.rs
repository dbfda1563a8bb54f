//! Finds out what the system has run out of. Errors of engines say at most that there is no memory.
//!
//! Each memory of a live plug-in takes address space and memory mappings, both of which systems limit. It runs only
//! after a failure, so it may be slow. It knows no engine and may import `base`.

use crate::base::error::{Error, ErrorKind};
#[cfg(target_os = "linux")]
use crate::process::address_space;

/// If at most this many mappings are left, a failed engine has run out of mappings.
#[cfg(target_os = "linux")]
const FEW: u64 = 32;

/// If at most this much address space is left, in KiB, a failed engine has run out of it. More than two memories
/// reserve.
#[cfg(target_os = "linux")]
const LITTLE: u64 = 32 << 20;

/// If the limit of the process leaves so few bytes of address space, a failed engine has run out of it. Where there
/// is a limit, memories reserve little more than they use.
#[cfg(target_os = "linux")]
const LITTLE_OF_LIMIT: u64 = 64 << 20;

/// The address space of a process, in KiB, where it runs out before mappings do.
#[cfg(target_os = "linux")]
const ADDRESSES: u64 = match cfg!(target_arch = "x86_64") {
    true => 1 << 37,
    false => u64::MAX,
};

/// An error that says what ran out, if something did; else the same error. Other failures of engines and failures
/// of guests stay as they are.
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
    mappings().or_else(limited).or_else(address_space)
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
             takes four or five, so free some, or have the administrator raise `vm.max_map_count`"
        )
    })
}

#[cfg(target_os = "linux")]
fn limited() -> Option<String> {
    let left = address_space::left()?;
    (left <= LITTLE_OF_LIMIT).then(|| {
        format!(
            "the process has no address space left: its limit (`ulimit -v`) leaves {} MiB; free some plug-ins, or raise \
             the limit",
            left >> 20
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

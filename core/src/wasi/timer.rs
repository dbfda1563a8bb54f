//! A guest's sleep: `poll_oneoff` with a single relative timer.
//!
//! The library sleeps through it in one piece, so that nothing could end it. Here the time is waited
//! for in small pieces; then the library answers a timer whose time has come. It knows the layout of
//! a subscription and an event (WASI preview 1, `subscription`, `event`) and nothing else of WASI.
//!
//! Invariant: the guest's memory is afterwards as if the library had done it all.

use std::ops::Range;

/// The bytes of a `subscription` and of an `event`.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;
/// The bytes of the number of events.
const SIZE: usize = 4;

/// A single relative timer.
pub(super) struct Timer {
    /// Where its time is in the guest's memory.
    place: Range<usize>,
    /// The nanoseconds to wait.
    pub(super) nanos: u64,
    /// Whether the answer may be written over the time.
    overlaps: bool,
}

impl Timer {
    /// The timer, if the parameters of `poll_oneoff` describe nothing else.
    pub(super) fn read(
        memory: &[u8],
        subs: u32,
        events: u32,
        count: u32,
        size: u32,
    ) -> Option<Self> {
        let subs = subs as usize;
        let subscription = memory.get(subs..subs.checked_add(SUBSCRIPTION)?)?;
        let is_clock = subscription[8] == 0;
        let is_absolute = subscription[40] & 1 != 0;
        if count != 1 || !is_clock || is_absolute {
            return None;
        }
        let place = subs + 24..subs + 32;
        let bytes = memory[place.clone()].try_into();
        let meets = |start: u32, length: usize| {
            let start = start as usize;
            start < place.end && place.start < start.saturating_add(length)
        };
        Some(Self {
            nanos: u64::from_le_bytes(bytes.expect("the range has 8 bytes")),
            overlaps: meets(events, EVENT) || meets(size, SIZE),
            place,
        })
    }

    /// Has its time come.
    pub(super) fn ring(&self, memory: &mut [u8]) {
        memory[self.place.clone()].fill(0);
    }

    /// Puts the time back, unless the answer is there now.
    pub(super) fn restore(&self, memory: &mut [u8]) {
        if !self.overlaps {
            memory[self.place.clone()].copy_from_slice(&self.nanos.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests;

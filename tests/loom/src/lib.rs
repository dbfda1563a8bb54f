//! The alarm of a plug-in and the list of the watchdog, as core has them, under loom: every way in
//! which a call, a cancellation and looks of the watchdog can meet, and every order in which memory may
//! show it.
//!
//! The files of core are compiled here once more, with atomic words, a lock and a clock of loom. The
//! scenarios are in [`scenarios`]; `tests/interleavings.rs` runs them. Nothing else of core takes part: its
//! errors are stand-ins with what alarms need of them.
//!
//! Not modelled: the thread of the watchdog itself (a scenario looks when it likes), the wake-up of that
//! thread, forks, and how a request reaches a guest.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the files of core offer more than the scenarios need"
)]

// The modules have the places that they have in core, so that its files find them.
mod base {
    pub(crate) mod error;
}
mod deadline {
    pub(crate) mod atomic;
    pub(crate) mod clock;
    #[rustfmt::skip]
    #[path = "../../../../core/src/deadline/duration_text.rs"]
    pub(crate) mod duration_text;
    pub(crate) mod flag;
    pub(crate) mod nesting;

    // Its own tests are where rustfmt does not look for them.
    #[rustfmt::skip]
    #[path = "../../../../core/src/deadline/alarm.rs"]
    pub(crate) mod alarm;
}
pub mod scenarios;

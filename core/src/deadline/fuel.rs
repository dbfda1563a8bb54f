//! Fuel: how much work a call may do, and how much it did.
//!
//! Before a call, its guests get all fuel that it may use. They count it down themselves (see `meter`). Afterwards
//! the rest is taken back. This module does not know how guests count. Invariants: a call that uses more than its
//! limit fails, however it ended; the numbers depend on the guest and its input only, not on the engine or on time.

use crate::base::error::{Error, ErrorKind};

/// The most fuel that guests get. No call lasts long enough to use it up. It is half of the largest number, because
/// guests may add to their counter for a while.
const MOST: i64 = i64::MAX / 2;

/// The fuel of one call.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The guests have no fuel yet.
    Full,
    /// The guests have the rest of this.
    Granted(i64),
    /// The fuel was taken back; this much was used.
    Used(u64),
}

impl Meter {
    /// The meter of a call that may use `limit`; `None` is no limit.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.unwrap_or(u64::MAX),
            state: State::Full,
        }
    }

    /// Takes the number that the guests have left, and returns the one that they get: everything the first time,
    /// nothing later.
    pub(crate) fn settle(&mut self, left: i64) -> i64 {
        let (state, grant) = match self.state {
            // The rest is from another call.
            State::Full => {
                // More than any call can use.
                let grant = i64::try_from(self.limit).unwrap_or(MOST).min(MOST);
                (State::Granted(grant), grant)
            }
            State::Granted(granted) => {
                let used = i128::from(granted) - i128::from(left);
                let used = u64::try_from(used).unwrap_or_default();
                (State::Used(used.min(self.limit)), 0)
            }
            State::Used(used) => (State::Used(used), 0),
        };
        self.state = state;
        grant
    }

    /// The fuel that the call has used, once it was taken back; all of it if unknown.
    pub(crate) fn used(&self) -> u64 {
        match self.state {
            State::Full => 0,
            State::Granted(_) => self.limit,
            State::Used(used) => used,
        }
    }

    /// The error of a call that needs more.
    #[cold]
    pub(crate) fn exhausted(&self) -> Error {
        let limit = self.limit;
        let units = if limit == 1 { "unit" } else { "units" };
        let message = format!("the call used up its fuel of {limit} {units}");
        Error::new(ErrorKind::OutOfFuel, message)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Meter};
    use crate::base::error::ErrorKind;

    #[test]
    fn what_is_left_is_not_used() {
        for (limit, left, used) in [
            (0, 0, 0),
            (0, -1, 0),
            (1000, 1000, 0),
            (1000, 400, 600),
            (1000, 0, 1000),
            (1000, -400, 1000),
            (1000, i64::MIN, 1000),
            (u64::MAX, MOST, 0),
            (u64::MAX, i64::MAX, 0),
            (u64::MAX, MOST - 5, 5),
            (u64::MAX, i64::MIN, MOST as u64 + (1 << 63)),
        ] {
            let mut meter = Meter::new(Some(limit));
            assert_eq!(meter.used(), 0);
            // Fuel from another call does not count.
            let granted = meter.settle(77);
            assert_eq!(granted as u64, limit.min(MOST as u64));
            assert_eq!(meter.used(), limit, "it is not known");
            for left in [left, 0, 0] {
                assert_eq!(meter.settle(left), 0);
                assert_eq!(meter.used(), used, "{limit} {left}");
            }
        }
    }

    #[test]
    fn the_error_names_the_limit() {
        let error = Meter::new(Some(17)).exhausted();
        assert_eq!(error.kind(), ErrorKind::OutOfFuel);
        let message = "the call used up its fuel of 17 units";
        assert_eq!(error.to_string(), message);
    }
}

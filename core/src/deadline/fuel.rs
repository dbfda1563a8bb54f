//! Fuel: how much work a call may do, and how much it did.
//!
//! Guests get the fuel of a call in portions and count it down themselves (see `meter`). When they ask for the next
//! portion, the host looks whether the call has to end. Afterwards the rest is taken back. This module does not know
//! how guests count. Invariants: a call that uses more than its limit fails, however it ended; the numbers depend on
//! the guest and its input only, not on the engine or on time.

use crate::base::error::{Error, ErrorKind, Result};

/// The most fuel that guests get. No call lasts long enough to use it up. It is half of the largest number, because
/// guests may add to their counter for a while.
const MOST: i64 = i64::MAX / 2;

/// The usual size of a portion. One unit is one instruction: interpreters take some hundred microseconds for a portion,
/// compiled code less.
pub(crate) const PORTION: i64 = 100_000;

/// The fuel of one call.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    /// What guests get at once, unless they need more.
    portion: i64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The guests have no fuel yet.
    Full,
    /// The guests have a portion, of which they know what is left. This is what they may still ask for.
    Granted(i64),
    /// The fuel was taken back; this much was used.
    Used(u64),
}

impl Meter {
    /// The meter of a call that may use `limit` and gets it in portions of this size; `None` is no limit.
    pub(crate) fn new(limit: Option<u64>, portion: i64) -> Self {
        Self {
            limit: limit.unwrap_or(u64::MAX),
            portion,
            state: State::Full,
        }
    }

    /// Takes the number that the guests have left, and returns the one that they get: a portion the first time,
    /// nothing later.
    pub(crate) fn settle(&mut self, left: i64) -> i64 {
        let (state, grant) = match self.state {
            // What is left is from another call.
            State::Full => {
                let portion = self.most().min(self.portion);
                (State::Granted(self.most() - portion), portion)
            }
            State::Granted(rest) => {
                let used = i128::from(self.most()) - i128::from(rest) - i128::from(left);
                let used = u64::try_from(used).unwrap_or_default();
                (State::Used(used.min(self.limit)), 0)
            }
            State::Used(used) => (State::Used(used), 0),
        };
        self.state = state;
        grant
    }

    /// Takes the number that the guests have left, and returns a new one of at least `least`.
    ///
    /// # Errors
    /// `OutOfFuel`.
    pub(crate) fn refill(&mut self, left: i64, least: i64) -> Result<i64> {
        let State::Granted(rest) = self.state else {
            return Err(self.exhausted());
        };
        let all = rest.saturating_add(left);
        if all < least {
            self.state = State::Used(self.limit);
            return Err(self.exhausted());
        }
        let portion = least.max(self.portion).min(all);
        self.state = State::Granted(all - portion);
        Ok(portion)
    }

    /// The most that guests get: more than any call can use.
    fn most(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(MOST).min(MOST)
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
    use super::{Meter, PORTION};
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
            (PORTION as u64, 1, PORTION as u64 - 1),
            (u64::MAX, PORTION, 0),
            (u64::MAX, i64::MAX, 0),
            (u64::MAX, PORTION - 5, 5),
            (u64::MAX, -5, PORTION as u64 + 5),
        ] {
            let mut meter = Meter::new(Some(limit), PORTION);
            assert_eq!(meter.used(), 0);
            // Fuel from another call does not count.
            let granted = meter.settle(77);
            assert_eq!(granted as u64, limit.min(PORTION as u64));
            assert_eq!(meter.used(), limit, "it is not known");
            for left in [left, 0, 0] {
                assert_eq!(meter.settle(left), 0);
                assert_eq!(meter.used(), used, "{limit} {left}");
            }
        }
    }

    /// What guests get in all is the limit, whatever they have left and need.
    #[test]
    fn portions_add_up() {
        let limit = 3 * PORTION + 10;
        let mut meter = Meter::new(Some(limit as u64), PORTION);
        assert_eq!(meter.settle(0), PORTION);
        // They have used 5 more than they had.
        assert_eq!(meter.refill(-5, 0).expect("there is more"), PORTION);
        // They need all that is left, which is more than a portion.
        let least = PORTION + 7;
        assert_eq!(meter.refill(2, least).expect("just enough"), least);
        assert_eq!(meter.settle(0), 0);
        assert_eq!(meter.used(), limit as u64);
    }

    /// A call that needs one more than there is fails, and has used all.
    #[test]
    fn too_little_is_an_error() {
        let limit = PORTION + 10;
        for (least, suffices) in [(10, true), (11, false), (i64::MAX, false)] {
            let mut meter = Meter::new(Some(limit as u64), PORTION);
            meter.settle(0);
            let refilled = meter.refill(0, least);
            assert_eq!(refilled.is_ok(), suffices, "{least}");
            let used = if suffices { PORTION } else { limit };
            meter.settle(if suffices { 10 } else { 0 });
            assert_eq!(meter.used(), used as u64);
        }
        // Before and after a call, nothing is granted.
        let mut meter = Meter::new(None, PORTION);
        assert!(meter.refill(0, 0).is_err());
        meter.settle(0);
        meter.settle(0);
        assert!(meter.refill(0, 0).is_err());
    }

    #[test]
    fn the_error_names_the_limit() {
        let error = Meter::new(Some(17), PORTION).exhausted();
        assert_eq!(error.kind(), ErrorKind::OutOfFuel);
        let message = "the call used up its fuel of 17 units";
        assert_eq!(error.to_string(), message);
    }
}

//! The fuel of a plug-in: how much work a call may do, and how much it did.
//!
//! Fuel is handed to the guests in portions, which they count down themselves (see `budget`). This module
//! does not know how. Invariants: what was handed out is never more than the limit; a call ends for
//! want of fuel exactly if it wants more than its limit; the numbers depend on the guest and its
//! input only, not on the engine or on time.

use crate::{
    budget::QUANTUM,
    error::{Error, ErrorKind, Result},
};

/// The fuel of one call.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: u64,
    /// What was handed out.
    granted: u64,
    /// What is known to be used up.
    used: u64,
}

impl Meter {
    /// The meter of a call that may use `limit`, or any amount.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.unwrap_or(u64::MAX),
            granted: 0,
            used: 0,
        }
    }

    /// Takes note that the guest has used up what it had and `owed` units more.
    ///
    /// # Errors
    /// `OutOfFuel` if it may not use so much.
    pub(crate) fn charge(&mut self, owed: u64) -> Result<()> {
        let used = self.granted.saturating_add(owed);
        if used > self.limit {
            self.used = self.limit;
            let limit = self.limit;
            let message = format!("the call used up its fuel of {limit} units");
            return Err(Error::new(ErrorKind::OutOfFuel, message));
        }
        self.used = used;
        Ok(())
    }

    /// Hands out the next portion, once what is owed has been charged.
    pub(crate) fn grant(&mut self) -> i64 {
        let portion = (self.limit - self.used).min(QUANTUM as u64);
        self.granted = self.used + portion;
        portion as i64
    }

    /// Takes note of what the guest had left of the last portion. It has nothing then.
    pub(crate) fn give_back(&mut self, left: u64) {
        let used = self.granted.saturating_sub(left);
        self.used = self.used.max(used);
        self.granted = self.used;
    }

    /// What the call has used, once everything was given back.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use crate::{budget::QUANTUM, error::ErrorKind};

    #[test]
    fn the_limit_is_exact() {
        for limit in [0, 1, 19_999, 20_000, 20_001, 60_000] {
            let mut meter = Meter::new(Some(limit));
            let mut handed = 0;
            // Every unit that is asked for one at a time.
            let error = loop {
                match meter.charge(1) {
                    Ok(()) => handed += 1 + meter.grant() as u64,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::OutOfFuel);
            assert_eq!(
                error.to_string(),
                format!("the call used up its fuel of {limit} units")
            );
            assert_eq!((handed, meter.used()), (limit, limit));
        }
    }

    #[test]
    fn what_is_given_back_is_not_used() {
        let mut meter = Meter::new(None);
        assert_eq!(meter.used(), 0);
        meter.charge(30_000).expect("there is no limit");
        assert_eq!(meter.grant(), QUANTUM);
        meter.give_back(19_500);
        assert_eq!(meter.used(), 30_500);
        meter.give_back(0);
        assert_eq!(meter.used(), 30_500);
    }

    #[test]
    fn nothing_overflows() {
        let mut meter = Meter::new(None);
        for _ in 0..3 {
            meter.charge(u64::MAX - 1).expect("there is no limit");
            meter.grant();
        }
        assert_eq!(meter.used(), u64::MAX);
    }
}

//! What a guest may have done since its last look, and what a call adds to that.
//!
//! A recursion of any depth may come back without a look, so what each of its calls does on the way back is counted by
//! itself. It knows nothing of instructions. Invariant: where two ways meet, the larger count holds.

/// How much a guest may do between two looks, in units.
pub(super) const REACH: u64 = 16_384;
/// How much a function may do without a look from where a call comes back that may belong to a recursion until it
/// comes back itself.
pub(super) const BACK: u64 = 1024;

/// What callers must know of a function.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The most units from where it is entered to its first look, or to its end.
    pub(super) first: u64,
    /// When it returns.
    pub(super) after: Since,
    /// Whether it looks where it is entered.
    pub(super) looks: bool,
}

/// What may have been done at a point, in units: the most of all ways that lead there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since {
    /// Since the last look, or since the function was entered.
    pub(super) look: u64,
    /// Since the function was entered, if there was no look.
    pub(super) entry: Option<u64>,
    /// Since a call came back that may belong to a recursion, if there was no look after it.
    pub(super) back: Option<u64>,
}

impl Since {
    /// After a look.
    pub(super) const LOOK: Self = Self {
        look: 0,
        entry: None,
        back: None,
    };

    /// Where a function begins.
    pub(super) const ENTRY: Self = Self {
        look: 0,
        entry: Some(0),
        back: None,
    };

    pub(super) fn plus(self, units: u64) -> Self {
        Self {
            look: self.look + units,
            entry: self.entry.map(|entry| entry + units),
            back: self.back.map(|back| back + units),
        }
    }

    /// Where two ways meet.
    fn or(self, other: Self) -> Self {
        Self {
            look: self.look.max(other.look),
            entry: self.entry.max(other.entry),
            back: self.back.max(other.back),
        }
    }

    /// After a call that began here, in loops without looks that may go on for so many units after it.
    pub(super) fn call(self, cost: &Cost, loops: u64) -> Self {
        let after = self.straight_call(cost);
        Self {
            back: after.back.map(|back| back.max(loops)),
            ..after
        }
    }

    /// After a call that began here, outside of loops.
    fn straight_call(self, cost: &Cost) -> Self {
        if cost.looks {
            return cost.after;
        }
        let after = cost.after.look;
        Self {
            look: (self.look + after).min(REACH.max(after)),
            entry: self
                .entry
                .zip(cost.after.entry)
                .map(|(entry, after)| entry + after),
            back: self.back.map(|back| back + after).max(cost.after.back),
        }
    }
}

/// The ways that lead to a point: nothing where nothing can get.
pub(super) fn join(one: &mut Option<Since>, other: Option<Since>) {
    *one = match (*one, other) {
        (Some(one), Some(other)) => Some(one.or(other)),
        (one, other) => one.or(other),
    };
}

//! `var_get` and `var_set`: variables that live as long as the plug-in.
//!
//! Invariant: the store never exceeds its limit; an overwrite counts the new value only.

use std::collections::BTreeMap;

use super::Argument;
use crate::{engine::guest::Caller, error::Result, taken};

/// What each variable costs beside its key and value, in bytes (ABI.md 1.4).
const OVERHEAD: u64 = 48;

/// The limit of the store when the manifest names none, in bytes.
pub(crate) const DEFAULT_LIMIT: u64 = 1 << 20;

/// The variables of a plug-in.
#[derive(Debug)]
pub struct Vars {
    values: BTreeMap<String, Vec<u8>>,
    used: u64,
    limit: u64,
}

impl Default for Vars {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

/// The store cannot take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VarsError {
    /// The limit is 0.
    #[error("variables are disabled for this plug-in: its limit is 0 bytes")]
    Disabled,
    /// The value does not fit.
    #[error("the variable store is full: {needed} bytes are needed, the limit is {limit}")]
    Full {
        /// What the store would hold with the value, in bytes.
        needed: u64,
        /// What it may hold, in bytes.
        limit: u64,
    },
}

impl Vars {
    /// An empty store that may hold `limit` bytes: keys, values and 48 bytes for each.
    pub(crate) fn with_limit(limit: u64) -> Self {
        Self {
            values: BTreeMap::new(),
            used: 0,
            limit,
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// Sets `key`. The value may be empty.
    ///
    /// # Errors
    /// If the limit does not allow it; the old value stays.
    pub fn set(
        &mut self,
        key: impl Into<String>,
        value: impl Into<Vec<u8>>,
    ) -> Result<(), VarsError> {
        let (key, value) = (key.into(), value.into());
        if self.limit == 0 {
            return Err(VarsError::Disabled);
        }
        self.used = self.needed(&key, value.len())?;
        self.values.insert(key, value);
        Ok(())
    }

    /// What the store holds with a value of that many bytes.
    fn needed(&self, key: &str, length: usize) -> Result<u64, VarsError> {
        let old = self.get(key).map_or(0, |old| cost(key.len(), old.len()));
        self.fitting(self.used - old + cost(key.len(), length))
    }

    fn fitting(&self, needed: u64) -> Result<u64, VarsError> {
        let limit = self.limit;
        match needed > limit {
            true => Err(VarsError::Full { needed, limit }),
            false => Ok(needed),
        }
    }

    /// Whether it may have a key of that many bytes.
    fn may_have(&self, key: usize) -> bool {
        key as u64 <= self.limit
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let value = self.values.remove(key)?;
        self.used -= cost(key.len(), value.len());
        Some(value)
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All variables, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
    }
}

fn cost(key: usize, value: usize) -> u64 {
    OVERHEAD + key as u64 + value as u64
}

/// `var_get(key) -> value`: frees the key; the null handle if there is no such variable, or if it
/// is empty.
pub(super) fn get(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let key = super::argument(caller, "var_get", "key", slots[0])?;
    let value = match caller.host().vars.may_have(key.length) {
        true => {
            let key = key.text(caller)?;
            let value = caller.host().vars.get(&key).unwrap_or_default();
            taken::bytes(value, "`var_get`: the value")?
        }
        false => Vec::new(),
    };
    slots[0] = super::answer(caller, &value, slots[0])?;
    Ok(())
}

/// `var_set(key, value)`: frees both; the null handle as value removes the variable.
pub(super) fn set(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let value = super::argument(caller, "var_set", "value", slots[1])?;
    let key = super::argument(caller, "var_set", "key", slots[0])?;
    let outcome = change(caller, &key, &value);
    caller.free(slots[1]);
    caller.free(slots[0]);
    outcome
}

fn change(caller: &mut Caller<'_>, key: &Argument<'_>, value: &Argument<'_>) -> Result<()> {
    let wrong = |error| super::failed("var_set", error);
    let vars = &caller.host().vars;
    if vars.limit == 0 {
        return Err(wrong(VarsError::Disabled));
    }
    // Sizes first: what the store cannot have is not copied.
    if !vars.may_have(key.length) {
        return match value.offset {
            0 => Ok(()),
            _ => (vars.fitting(vars.used + cost(key.length, value.length)))
                .map(drop)
                .map_err(wrong),
        };
    }
    let key = key.text(caller)?;
    let vars = &mut caller.host().vars;
    if value.offset == 0 {
        vars.remove(&key);
        return Ok(());
    }
    vars.needed(&key, value.length).map_err(wrong)?;
    let value = value.take(caller)?;
    caller.host().vars.set(key, value).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_LIMIT, OVERHEAD, Vars, VarsError};

    #[test]
    fn limit_is_exact() {
        let room = (DEFAULT_LIMIT - OVERHEAD - 1) as usize;
        let mut vars = Vars::default();
        assert_eq!(vars.set("k", vec![1; room]), Ok(()));
        let full = VarsError::Full {
            needed: DEFAULT_LIMIT + 1,
            limit: DEFAULT_LIMIT,
        };
        assert_eq!(vars.set("k", vec![2; room + 1]), Err(full));
        assert_eq!(vars.get("k").map(|value| value[0]), Some(1));
    }

    #[test]
    fn overwrite_counts_the_new_value_only() {
        let mut vars = Vars::default();
        for fill in 0..3 {
            assert_eq!(vars.set("k", vec![fill; 600_000]), Ok(()));
        }
        assert_eq!(vars.remove("k").map(|value| value.len()), Some(600_000));
        assert_eq!(vars.used, 0);
        assert_eq!(vars.set("k", []), Ok(()));
        assert_eq!(vars.get("k"), Some(&[][..]));
    }

    #[test]
    fn limit_of_zero_disables() {
        assert_eq!(Vars::with_limit(0).set("k", []), Err(VarsError::Disabled));
    }
}

//! The variables of a plug-in. They live as long as the plug-in.
//!
//! Invariant: the store never exceeds its limit; an overwrite counts the new value only.

use std::collections::BTreeMap;

/// The overhead of each variable beside its key and value, in bytes.
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

/// Why the store cannot take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VarsError {
    /// The limit is 0.
    #[error("variables are disabled for this plug-in: its limit is 0 bytes")]
    Disabled,
    /// The value does not fit.
    #[error("the variable store is full: {needed} bytes are needed, the limit is {limit}")]
    Full {
        /// The size of the store with the value, in bytes.
        needed: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Vars {
    /// An empty store of at most `limit` bytes: keys, values and 48 bytes for each variable.
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
        if self.is_disabled() {
            return Err(VarsError::Disabled);
        }
        self.used = self.needed(&key, value.len())?;
        self.values.insert(key, value);
        Ok(())
    }

    /// The size of the store with a value of that many bytes.
    ///
    /// # Errors
    /// If the limit does not allow it.
    pub(crate) fn needed(&self, key: &str, length: usize) -> Result<u64, VarsError> {
        let old = self.get(key).map_or(0, |old| cost(key.len(), old.len()));
        self.fitting(self.used - old + cost(key.len(), length))
    }

    /// Checks whether another variable of this size fits.
    ///
    /// # Errors
    /// If it does not fit.
    pub(crate) fn with_another(&self, key: usize, value: usize) -> Result<(), VarsError> {
        self.fitting(self.used + cost(key, value)).map(drop)
    }

    fn fitting(&self, needed: u64) -> Result<u64, VarsError> {
        let limit = self.limit;
        match needed > limit {
            true => Err(VarsError::Full { needed, limit }),
            false => Ok(needed),
        }
    }

    /// Whether a key of that many bytes is allowed.
    pub(crate) fn may_have(&self, key: usize) -> bool {
        key as u64 <= self.limit
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let value = self.values.remove(key)?;
        self.used -= cost(key.len(), value.len());
        Some(value)
    }

    /// Whether the store is disabled.
    pub(crate) fn is_disabled(&self) -> bool {
        self.limit == 0
    }

    /// The number of variables.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no variables.
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

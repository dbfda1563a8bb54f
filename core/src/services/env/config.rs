//! `config_get`: the configuration of the manifest, read-only for guests.

use crate::{base::error::Result, kernel::caller::Caller};

/// Keys up to this length are looked up without comparing with the longest key.
const SHORT: usize = 4096;

/// `config_get(key) -> value`: frees the key; the null handle if there is no such key, or if its
/// value is empty.
pub(super) fn get(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let key = super::argument(caller, "config_get", "key", slots[0])?;
    let config = caller.host().config.clone();
    // A key that is longer than all others is not copied.
    let known = key.length <= SHORT || config.keys().any(|known| known.len() == key.length);
    let value = match known {
        true => config.get(&key.text(caller)?).map_or("", String::as_str),
        false => "",
    };
    slots[0] = super::answer(caller, value.as_bytes(), slots[0])?;
    Ok(())
}

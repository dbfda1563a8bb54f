//! `config_get`: the configuration of the manifest, read-only for guests.

use crate::{base::error::Result, kernel::caller::Caller};

/// `config_get(key) -> value`: frees the key; the null handle if there is no such key, or if its
/// value is empty.
pub(super) fn get(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let key = super::text(caller, "config_get", "key", slots[0])?;
    let config = caller.host().config.clone();
    let value = config.get(&key).map_or("", String::as_str);
    slots[0] = super::answer(caller, value.as_bytes(), slots[0])?;
    Ok(())
}

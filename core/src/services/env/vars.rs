//! `var_get` and `var_set`.

use crate::{base::error::Result, host::vars::VarsError, kernel::caller::Caller};

/// `var_get(key) -> value`: frees the key; the null handle if there is no such variable, or if it
/// is empty.
pub(super) fn get(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let key = super::text(caller, "var_get", "key", slots[0])?;
    let value = caller.host().vars.get(&key).unwrap_or_default().to_vec();
    slots[0] = super::answer(caller, &value, slots[0])?;
    Ok(())
}

/// `var_set(key, value)`: frees both; the null handle as value removes the variable.
pub(super) fn set(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let value = super::argument(caller, "var_set", "value", slots[1])?;
    let key = super::text(caller, "var_set", "key", slots[0])?;
    caller.free(slots[1]);
    caller.free(slots[0]);
    let vars = &mut caller.host().vars;
    if vars.is_disabled() {
        return Err(super::failed("var_set", VarsError::Disabled));
    }
    if slots[1] == 0 {
        vars.remove(&key);
        return Ok(());
    }
    vars.set(key, value)
        .map_err(|error| super::failed("var_set", error))
}

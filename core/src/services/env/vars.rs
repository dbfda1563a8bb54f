//! `var_get` and `var_set`.

use super::Argument;
use crate::{
    base::{error::Result, taken},
    host::vars::VarsError,
    kernel::caller::Caller,
};

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
    if vars.is_disabled() {
        return Err(wrong(VarsError::Disabled));
    }
    // Sizes are checked first, so that a value that does not fit is not copied.
    if !vars.may_have(key.length) {
        return match value.offset {
            0 => Ok(()),
            _ => vars.with_another(key.length, value.length).map_err(wrong),
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

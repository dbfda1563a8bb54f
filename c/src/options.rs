//! The options of a plug-in, as the header's additions to the official interface define them.
//!
//! Invariant: zero is the default of every field, so callers with an older struct get the old behaviour.

use polyextism::{
    Cache, CachePlace, Choice, Limits, Options, Proposal, Proposals, Wasi, default_engine, engine,
};

use crate::{
    border::{Bad, RawLimits, RawOptions},
    call,
    outcome::Failure,
};

const WASI: u64 = 1;
const STRICT: u64 = 2;
const NO_CACHE: u64 = 4;
const DETERMINISTIC: u64 = 8;
const HTTP_RESPONSE_HEADERS: u64 = 16;
const COUNT_FUEL: u64 = 32;
const ALL: u64 = 63;

const LIMIT_TIME: u64 = 1;
const LIMIT_FUEL: u64 = 2;

/// An engine and the options of a plug-in.
pub(crate) struct Wanted {
    pub(crate) choice: Choice,
    pub(crate) options: Options,
}

impl Wanted {
    /// The setup for the official functions.
    ///
    /// # Errors
    /// If the environment variable names an unknown engine.
    pub(crate) fn plain(wasi: bool, fuel: Option<u64>) -> Result<Self, Failure> {
        let choice = default_engine().map_err(Failure::Compile)?;
        let options = Options::default()
            .with_wasi(wasi.then(Wasi::default))
            .with_fuel(fuel);
        Ok(Self { choice, options })
    }

    /// The setup that the struct describes, if there is one, with the texts that it points to.
    ///
    /// # Errors
    /// If a field is wrong.
    pub(crate) fn from_raw(
        raw: Result<Option<RawOptions>, String>,
        texts: impl FnOnce(&RawOptions) -> [Result<Option<String>, String>; 3],
    ) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Argument(format!("options: {what}"));
        let Some(raw) = raw.map_err(wrong)? else {
            return Self::plain(false, None);
        };
        let [name, folder, forbidden] = texts(&raw);
        let (name, folder) = (name.map_err(wrong)?, folder.map_err(wrong)?);
        let forbidden = forbidden.and_then(|names| features(names.as_deref().unwrap_or_default()));
        let forbidden = forbidden.map_err(wrong)?;
        let has = |flag: u64| raw.flags & flag != 0;
        if raw.flags & !ALL != 0 {
            let unknown = raw.flags & !ALL;
            return Err(wrong(format!("unknown flags {unknown:#x}")));
        }
        let choice = match name {
            Some(name) => engine(&name),
            None => default_engine(),
        };
        let choice = choice.map_err(Failure::Compile)?;
        let mut limits = match has(STRICT) {
            true => Limits::strict(),
            false => Limits::default(),
        };
        let given = [
            ("memory_pages", raw.memory_pages),
            ("heap_pages", raw.heap_pages),
            ("table_elements", raw.table_elements),
            ("module_bytes", raw.module_bytes),
            ("compile_cost", raw.compile_cost),
        ];
        for (name, limit) in limits.fields() {
            let given = given
                .iter()
                .find(|(given, value)| *given == name && *value != 0);
            *limit = given.map_or(*limit, |(_, value)| *value);
        }
        let place = match (has(NO_CACHE), folder) {
            (true, _) => CachePlace::Off,
            (false, Some(folder)) => CachePlace::Folder(folder.into()),
            (false, None) => CachePlace::User,
        };
        let mut cache = Cache::from(place);
        if raw.cache_bytes != 0 {
            cache.max_bytes = raw.cache_bytes;
        }
        let mut options = Options::default()
            .with_wasi(has(WASI).then(Wasi::default))
            .with_fuel(match (raw.fuel, has(COUNT_FUEL)) {
                (0, false) => None,
                (0, true) => Some(u64::MAX),
                (fuel, _) => Some(fuel),
            })
            .with_limits(limits)
            .with_forbidden(forbidden)
            .with_cache(cache);
        options.http.response_headers = has(HTTP_RESPONSE_HEADERS);
        Ok(Self {
            choice: match has(DETERMINISTIC) {
                true => choice.deterministic(),
                false => choice,
            },
            options,
        })
    }
}

/// The features that a comma-separated text names.
///
/// # Errors
/// If a name is unknown.
fn features(names: &str) -> Result<Proposals, String> {
    let names = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(Proposal::parse).collect()
}

/// The limits of a call.
///
/// # Errors
/// If a field is wrong.
pub(crate) fn limits(
    raw: Result<Option<RawLimits>, String>,
) -> Result<Option<call::Limits>, String> {
    let wrong = |what: String| format!("limits: {what}");
    let Some(raw) = raw.map_err(wrong)? else {
        return Ok(None);
    };
    let unknown = raw.flags & !(LIMIT_TIME | LIMIT_FUEL);
    if unknown != 0 {
        return Err(wrong(format!("unknown flags {unknown:#x}")));
    }
    let given = |flag: u64, value: u64| (raw.flags & flag != 0).then_some(value);
    Ok(Some(call::Limits {
        timeout_ms: given(LIMIT_TIME, raw.timeout_ms),
        fuel: given(LIMIT_FUEL, raw.fuel),
    }))
}

/// An owned copy of a text of a struct.
pub(crate) fn owned(name: &str, text: Result<Option<&str>, Bad>) -> Result<Option<String>, String> {
    match text {
        Ok(text) => Ok(text.map(str::to_owned)),
        Err(bad) => Err(bad.about(&format!("the field `{name}`"))),
    }
}

#[cfg(test)]
mod tests {
    use polyextism::{Limits, Proposal, Proposals};

    use super::Wanted;
    use crate::border::{RawOptions, Sized64};

    fn wanted(raw: RawOptions, forbidden: Option<&str>) -> Option<Wanted> {
        let forbidden = forbidden.map(str::to_owned);
        Wanted::from_raw(Ok(Some(raw)), |_| [Ok(None), Ok(None), Ok(forbidden)]).ok()
    }

    #[test]
    fn the_heap_and_what_is_forbidden() {
        let raw = RawOptions {
            heap_pages: 7,
            ..RawOptions::ZERO
        };
        let wanted = wanted(raw, Some("simd, garbage-collection,")).expect("both are known");
        assert_eq!(wanted.options.limits.heap_pages, 7);
        let forbidden = Proposals::of(&[Proposal::Simd, Proposal::Gc]);
        assert_eq!(wanted.options.forbidden, forbidden);
    }

    #[test]
    fn zero_is_the_default() {
        let found = wanted(RawOptions::ZERO, None).expect("nothing is wrong");
        assert_eq!(found.options.limits, Limits::default());
        assert!(found.options.forbidden.is_empty());
        assert!(wanted(RawOptions::ZERO, Some("goto")).is_none());
    }
}

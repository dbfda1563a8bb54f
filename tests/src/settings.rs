//! What the environment says about random tests: the seed, and how long they run.

/// The seed when nobody chooses one. A gate must not fail by chance for a change that has not done it;
/// long runs search with other seeds.
const SEED: u64 = 1;

/// The number in an environment variable, if it is set.
///
/// # Panics
/// If it is set to something else.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text:?}, expected a whole number")))
}

/// The seed of random tests: `POLYEXTISM_SEED`, else always the same.
///
/// # Panics
/// If the variable is set to what is no number.
pub fn seed() -> u64 {
    number("POLYEXTISM_SEED").unwrap_or(SEED)
}

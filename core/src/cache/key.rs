//! The key of compiled code.
//!
//! Everything that affects the code goes into one hash, through the trait `Hash`: the original module, the
//! transformations of core, the engine, and this program. Invariant: equal keys mean equal code.

use std::{fmt, hash::Hash, hash::Hasher};

/// Changes with everything that core may do to a module before compiling. `build.rs` makes it from the sources of
/// this package.
const SOURCES: &str = env!("POLYEXTISM_SOURCES");

/// The key of a compiled module, or of a program of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The length in bytes.
    pub(crate) const LENGTH: usize = 32;

    /// The key of a value.
    pub(crate) fn of(value: impl Hash) -> Self {
        let mut hash = Blake(blake3::Hasher::new());
        value.hash(&mut hash);
        Self(hash.0.finalize().into())
    }

    /// The key of bytes, without their length or anything else.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).into())
    }

    /// The versions of this package and of the transformations.
    pub(crate) fn package() -> impl Hash {
        (
            env!("CARGO_PKG_VERSION"),
            SOURCES,
            polyextism_transform::SOURCES,
        )
    }

    pub(crate) fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// A cryptographic hash behind the trait `Hasher`.
struct Blake(blake3::Hasher);

impl Hasher for Blake {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [first, ..] = *self.0.finalize().as_bytes().as_chunks().0 else {
            return 0;
        };
        u64::from_le_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn everything_counts() {
        let keys = [
            Key::of(("ab", "c")),
            Key::of(("a", "bc")),
            Key::of("abc"),
            Key::of(["abc"].as_slice()),
            Key::of(("ab", "c", None::<u32>)),
            Key::of(("ab", "c", Some(0_u32))),
            Key::of_bytes(b"abc"),
            Key::of(Key::of_bytes(b"abc")),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key), "{position}");
        }
        assert_eq!(Key::of(("ab", "c")), keys[0]);
        assert_eq!(keys[0].to_string().len(), 2 * Key::LENGTH);
    }
}

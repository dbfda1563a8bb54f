//! The WebAssembly proposals, by name, and sets of them.
//!
//! It imports only `base` and knows neither modules nor engines. `module::uses` finds the proposals that a module
//! uses; [`super::capabilities::Capabilities`] lists those of an engine.

use std::fmt;

/// The most characters of a wrong name that a message repeats.
const LONGEST_NAME: usize = 40;

/// A WebAssembly proposal.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Proposal {
    /// Fixed-width SIMD.
    Simd,
    /// Relaxed SIMD; its results are the same on every machine with [`super::capabilities::Determinism::On`].
    RelaxedSimd,
    /// Tail calls.
    TailCall,
    /// Threads: shared memories and atomic instructions. No engine offers it.
    Threads,
    /// Memories and tables with 64-bit addresses.
    Memory64,
    /// Exceptions: tags, `try_table`, `throw` and `throw_ref`.
    Exceptions,
    /// Typed references to functions, and references that are never null.
    FunctionReferences,
    /// Structs, arrays and small integers that the engine collects, and subtypes.
    Gc,
    /// 128-bit additions, subtractions and multiplications.
    WideArithmetic,
    /// Memories whose pages have one byte.
    CustomPageSizes,
    /// Stack switching. No engine offers it.
    StackSwitching,
    /// The exceptions from before WebAssembly 3.0: `try`, `catch`, `delegate` and `rethrow`. No engine offers them:
    /// core translates them to [`Proposal::Exceptions`].
    LegacyExceptions,
    /// Custom descriptors. No engine offers them.
    CustomDescriptors,
    /// Bulk instructions for memories and tables, and passive segments.
    BulkMemory,
    /// Arithmetic in constant expressions.
    ExtendedConst,
    /// Several memories in a module.
    MultiMemory,
    /// Multiple results of functions and blocks, and parameters of blocks.
    MultiValue,
    /// Mutable globals that are imported or exported.
    MutableGlobals,
    /// Reference types, and several tables in a module.
    ReferenceTypes,
    /// Saturating conversions of floats to integers.
    SaturatingConversions,
    /// Sign extension of short integers.
    SignExtension,
}

impl Proposal {
    /// The proposals that every engine supports.
    pub const COMMON: &'static [Self] = &[
        Self::BulkMemory,
        Self::ExtendedConst,
        Self::MultiMemory,
        Self::MultiValue,
        Self::MutableGlobals,
        Self::ReferenceTypes,
        Self::SaturatingConversions,
        Self::SignExtension,
    ];

    /// All proposals. Where several would do, messages name the first of this list.
    pub const ALL: &'static [Self] = &[
        Self::Simd,
        Self::RelaxedSimd,
        Self::TailCall,
        Self::Threads,
        Self::Memory64,
        Self::Exceptions,
        Self::FunctionReferences,
        Self::Gc,
        Self::WideArithmetic,
        Self::CustomPageSizes,
        Self::StackSwitching,
        Self::LegacyExceptions,
        Self::CustomDescriptors,
        Self::BulkMemory,
        Self::ExtendedConst,
        Self::MultiMemory,
        Self::MultiValue,
        Self::MutableGlobals,
        Self::ReferenceTypes,
        Self::SaturatingConversions,
        Self::SignExtension,
    ];

    /// The display name, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simd => "SIMD",
            Self::RelaxedSimd => "relaxed SIMD",
            Self::TailCall => "tail calls",
            Self::Threads => "threads",
            Self::Memory64 => "memory64",
            Self::Exceptions => "exceptions",
            Self::FunctionReferences => "function references",
            Self::Gc => "garbage collection",
            Self::WideArithmetic => "wide arithmetic",
            Self::CustomPageSizes => "custom page sizes",
            Self::StackSwitching => "stack switching",
            Self::LegacyExceptions => "legacy exceptions",
            Self::CustomDescriptors => "custom descriptors",
            Self::BulkMemory => "bulk memory",
            Self::ExtendedConst => "extended const",
            Self::MultiMemory => "multi-memory",
            Self::MultiValue => "multi-value",
            Self::MutableGlobals => "mutable globals",
            Self::ReferenceTypes => "reference types",
            Self::SaturatingConversions => "saturating conversions",
            Self::SignExtension => "sign extension",
        }
    }

    /// The stable name in kebab case, by which users name it.
    pub fn id(self) -> String {
        self.name().to_lowercase().replace(' ', "-")
    }

    /// As [`Proposal::named`].
    ///
    /// # Errors
    /// If the name is unknown. The message lists the known names.
    pub fn parse(id: &str) -> Result<Self, String> {
        Self::named(id).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|known| known.id()).collect();
            let id: String = id.chars().take(LONGEST_NAME).collect();
            format!("unknown feature `{id}`; there are {}", known.join(", "))
        })
    }

    /// The proposal with this [`Proposal::id`].
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.id() == id)
    }
}

/// A set of proposals.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Proposals(u32);

impl Proposals {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set of these proposals.
    pub const fn of(proposals: &[Proposal]) -> Self {
        let mut set = Self::NONE;
        let mut position = 0;
        while position < proposals.len() {
            set = set.with(proposals[position]);
            position += 1;
        }
        set
    }

    /// With one more proposal.
    #[must_use]
    pub const fn with(self, proposal: Proposal) -> Self {
        Self(self.0 | 1 << proposal as u8)
    }

    /// With the proposals that core translates to a member of the set.
    #[must_use]
    pub const fn with_translated(self) -> Self {
        match self.contains(Proposal::Exceptions) {
            true => self.with(Proposal::LegacyExceptions),
            false => self,
        }
    }

    /// Whether the set contains a proposal.
    pub const fn contains(self, proposal: Proposal) -> bool {
        self.0 & (1 << proposal as u8) != 0
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The intersection of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members that are not in the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in the order of [`Proposal::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Proposal> {
        let all = Proposal::ALL.iter().copied();
        all.filter(move |proposal| self.contains(*proposal))
    }

    /// The set as a number for [`Proposals::from_bits`] of the same version of this crate.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl FromIterator<Proposal> for Proposals {
    fn from_iter<I: IntoIterator<Item = Proposal>>(proposals: I) -> Self {
        proposals.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Proposal, Proposals};

    #[test]
    fn every_proposal_has_a_bit_and_a_name_of_its_own() {
        let all: Proposals = Proposal::ALL.iter().copied().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), Proposal::ALL);
        for proposal in Proposal::ALL {
            assert_eq!(Proposal::named(&proposal.id()), Some(*proposal));
        }
        assert_eq!(Proposal::named("goto"), None);
        assert_eq!(Proposal::parse("simd"), Ok(Proposal::Simd));
        let unknown = Proposal::parse("goto").expect_err("there is none");
        assert!(unknown.starts_with("unknown feature `goto`; there are simd, relaxed-simd"));
    }

    #[test]
    fn sets() {
        let [one, other] =
            [&[Proposal::Gc, Proposal::Simd][..], &[Proposal::Gc]].map(Proposals::of);
        assert_eq!(one.without(other), Proposals::of(&[Proposal::Simd]));
        assert_eq!(one.intersection(other), other);
        assert_eq!(other.union(one), one);
        assert!(Proposals::from_bits(one.bits()) == one && !one.is_empty());
        assert!(one.without(one).is_empty() && Proposals::NONE.is_empty());
    }
}

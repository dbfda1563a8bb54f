//! Listings of folders that a guest reads in pieces.
//!
//! Invariants: a descriptor that is closed or replaced has no listing; all listings of an instance together have
//! [`MOST`] bytes at most.

use std::collections::BTreeMap;

/// The bytes before the name of an entry: the next cookie, the inode, the length of the name, and the type.
const HEAD: usize = 24;
/// The position of the length of the name.
const NAME_LENGTH: usize = 16;

/// The most bytes of listings: a folder of a million entries has about 40 MiB.
pub(crate) const MOST: usize = 64 << 20;
/// The listings of folders that a guest has begun to read, by descriptor.
#[derive(Default)]
pub(crate) struct Listings(BTreeMap<u32, Listing>);

/// The listing of a folder at one moment.
pub(crate) struct Listing {
    /// All entries, one after the other.
    bytes: Vec<u8>,
    /// The start of each entry.
    starts: Vec<u32>,
}

impl Listings {
    /// Drops the listing of a descriptor that was closed or replaced.
    pub(crate) fn forget(&mut self, descriptor: u32) {
        self.0.remove(&descriptor);
    }

    pub(crate) fn get(&self, descriptor: u32) -> Option<&Listing> {
        self.0.get(&descriptor)
    }

    /// Stores a listing, which may drop those of other descriptors, and lends it.
    pub(crate) fn keep(&mut self, descriptor: u32, listing: Listing) -> &Listing {
        let kept: usize = self.0.values().map(Listing::size).sum();
        if kept + listing.size() > MOST {
            self.0.clear();
        }
        let slot = self.0.entry(descriptor);
        slot.insert_entry(listing).into_mut()
    }
}

impl Listing {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        bytes.shrink_to_fit();
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some(length) = bytes.get(at + NAME_LENGTH..at + NAME_LENGTH + 4) {
            let length = u32::from_le_bytes(length.try_into().expect("four bytes were asked for"));
            starts.push(at as u32);
            at += HEAD + length as usize;
        }
        Self { bytes, starts }
    }

    /// The bytes from the entry with this number on.
    pub(crate) fn from(&self, cookie: u64) -> &[u8] {
        let start = usize::try_from(cookie)
            .ok()
            .and_then(|n| self.starts.get(n));
        start.map_or(&[], |start| &self.bytes[*start as usize..])
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<u32>()
    }
}

//! The exports of a module, in order and by name.
//!
//! A module may have a hundred thousand exports, and others may import each of them. So a lookup does not scan the
//! list. Invariant: of several exports of one name, which no valid module has, the first counts.

use std::cmp::Ordering;

use super::ExternType;

/// The exports of a module.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    list: Vec<(Box<str>, ExternType)>,
    /// Positions in the list, by name.
    by_name: Vec<u32>,
}

impl Exports {
    /// Exports in the order of the module, at most as many as a binary can count.
    pub(crate) fn new(list: Vec<(Box<str>, ExternType)>) -> Self {
        let mut by_name = (0..list.len() as u32).collect::<Vec<_>>();
        by_name.sort_by(|a, b| compare(&list[*a as usize].0, &list[*b as usize].0));
        Self { list, by_name }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&ExternType> {
        let of = |position: u32| &self.list[position as usize];
        let first = self
            .by_name
            .partition_point(|position| compare(&of(*position).0, name) == Ordering::Less);
        let (found, ty) = of(*self.by_name.get(first)?);
        (compare(found, name) == Ordering::Equal).then_some(ty)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ExternType)> {
        self.list.iter().map(|(name, ty)| (&**name, ty))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

/// A step of a lookup, which tests count.
fn compare(one: &str, other: &str) -> Ordering {
    #[cfg(test)]
    steps::count();
    one.cmp(other)
}

/// The number of names that this thread has compared.
#[cfg(test)]
pub(crate) mod steps {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    /// The number of comparisons of `work`, and its result.
    pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (u64, T) {
        let before = STEPS.get();
        let done = work();
        (STEPS.get() - before, done)
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{GlobalType, ValType};

    use super::Exports;
    use crate::module::ExternType;

    const GLOBAL: GlobalType = GlobalType {
        content_type: ValType::I32,
        mutable: false,
        shared: false,
    };

    #[test]
    fn names_are_found() {
        let names = ["b", "", "ab", "a", "b", "bc"];
        let list = names.map(|name| (name.into(), ExternType::Global(GLOBAL)));
        let exports = Exports::new(list.into());
        for name in names {
            assert!(exports.find(name).is_some(), "{name}");
        }
        for name in ["c", "aa", "bb", " "] {
            assert!(exports.find(name).is_none(), "{name}");
        }
        assert!(exports.iter().map(|(name, _)| name).eq(names));
        assert!(Exports::default().find("").is_none());
    }
}

//! The modules of a manifest before linking.

use std::ops::Index;

use super::Module;

/// A module of a manifest, by its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitId(usize);

/// A module, and the name by which other modules import it.
pub(crate) struct Unit<'a> {
    pub(crate) name: Box<str>,
    pub(crate) module: Module<'a>,
}

/// The modules of a manifest, in order. Their names differ.
#[derive(Default)]
pub(crate) struct Units<'a>(Vec<Unit<'a>>);

impl UnitId {
    /// The position in the manifest.
    pub(crate) fn position(self) -> usize {
        self.0
    }
}

impl<'a> Units<'a> {
    pub(crate) fn push(&mut self, unit: Unit<'a>) {
        self.0.push(unit);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Unit<'a>> {
        self.0.iter()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.0.len()).map(UnitId)
    }

    /// The module of a name.
    pub(crate) fn find(&self, name: &str) -> Option<UnitId> {
        self.ids().find(|unit| *self[*unit].name == *name)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = Unit<'a>> {
        self.0.into_iter()
    }

    /// A value for each module.
    pub(crate) fn map<T>(&self, value: impl FnMut(&Unit<'a>) -> T) -> ByUnit<T> {
        ByUnit(self.0.iter().map(value).collect())
    }
}

impl<'a> Index<UnitId> for Units<'a> {
    type Output = Unit<'a>;

    fn index(&self, unit: UnitId) -> &Unit<'a> {
        &self.0[unit.0]
    }
}

/// A value for each module of a manifest.
pub(crate) struct ByUnit<T>(Vec<T>);

impl<T> ByUnit<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn map<R>(self, value: impl FnMut(T) -> R) -> ByUnit<R> {
        ByUnit(self.0.into_iter().map(value).collect())
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = T> {
        self.0.into_iter()
    }

    pub(crate) fn set(&mut self, unit: UnitId, value: T) {
        self.0[unit.0] = value;
    }
}

impl<T> Index<UnitId> for ByUnit<T> {
    type Output = T;

    fn index(&self, unit: UnitId) -> &T {
        &self.0[unit.0]
    }
}

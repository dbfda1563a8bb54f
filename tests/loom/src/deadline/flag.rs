//! A stand-in for the flags of guests, of which there are none here.

/// A flag that nobody sees.
#[derive(Debug, Default)]
pub(crate) struct Flag;

impl Flag {
    pub(crate) fn raise(&self) {}

    pub(crate) fn lower(&self) {}
}

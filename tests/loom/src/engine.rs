//! A stand-in for engines, of which there are none here.

pub(crate) mod erased {
    pub(crate) trait DynEngine: Send + Sync {
        fn nudge(&self);
    }
}

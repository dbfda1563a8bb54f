//! The state of one plug-in on the host's side: what its guests can read, set and leave behind.
//!
//! Backends own it and lend it through [`crate::engine::guest::Guest::split`]; to them it is
//! opaque. Invariant: a failure of a host function waits in `Host::fail` until the call path
//! takes it, so it comes out as itself and not as what an engine makes of it.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use crate::{
    env::{http::Http, vars::Vars},
    error::Error,
};

/// The state of one plug-in on the host's side.
#[derive(Default)]
pub struct Host {
    id: Uuid,
    failure: Option<Error>,
    context: Option<Box<dyn Any + Send>>,
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) vars: Vars,
    pub(crate) http: Http,
    #[cfg(feature = "wasi")]
    pub(crate) wasi: Option<crate::wasi::State>,
}

impl Host {
    pub(crate) fn new(config: Arc<BTreeMap<String, String>>, vars: Vars, http: Http) -> Self {
        Self {
            id: Uuid::new_v4(),
            config,
            vars,
            http,
            ..Self::default()
        }
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn with_wasi(mut self, wasi: crate::wasi::State) -> Self {
        self.wasi = Some(wasi);
        self
    }

    /// The id of the plug-in.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The configuration of the plug-in.
    pub fn config(&self) -> &BTreeMap<String, String> {
        &self.config
    }

    /// Adds entries to the configuration of this plug-in; of the same key, the new value counts.
    pub fn extend_config(&mut self, entries: impl IntoIterator<Item = (String, String)>) {
        Arc::make_mut(&mut self.config).extend(entries);
    }

    /// The variables of the plug-in.
    pub fn vars(&self) -> &Vars {
        &self.vars
    }

    /// The variables of the plug-in, to change.
    pub fn vars_mut(&mut self) -> &mut Vars {
        &mut self.vars
    }

    /// What the caller of the running call handed over, if it has the type `T`.
    pub fn context<T: 'static>(&mut self) -> Option<&mut T> {
        self.context.as_mut()?.downcast_mut()
    }

    /// Replaces what the caller of the next call hands over.
    pub fn set_context(&mut self, context: Option<Box<dyn Any + Send>>) {
        self.context = context;
    }

    /// Keeps why a host function failed. The first failure of a call stays.
    #[cold]
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

//! The state of one plug-in on the host's side: variables, configuration, log, HTTP and WASI.
//!
//! Backends own it and lend it through [`crate::kernel::guest::Guest::split`]; it is opaque to them. It may import
//! the folders up to `cache` in the list of `lib.rs`. Invariant: a failure of a host function is stored here until
//! the call path takes it, so engines never change it.

pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod vars;
#[cfg(feature = "wasi")]
pub(crate) mod wasi;

use std::{any::Any, collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use self::{
    http::Http,
    log::{LogLevel, LogSink, Logger},
    vars::Vars,
};
use crate::{
    base::error::{Error, Result},
    deadline::{alarm::Alarm, fuel::Meter},
};

/// A host function failed. The error is stored in the [host state](Host); an engine only stops the guest with a
/// trap of its own.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a host function failed")]
pub struct Failed;

/// The state of one plug-in on the host's side.
#[derive(Default)]
pub struct Host {
    id: Uuid,
    logger: Logger,
    alarm: Arc<Alarm>,
    failure: Option<Error>,
    /// Whether the running guest code was called by core itself. No deadline ends that.
    pub(crate) internal_call: bool,
    /// The fuel of the running or last call, if guests count fuel.
    pub(crate) meter: Option<Meter>,
    context: Option<Box<dyn Any + Send>>,
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) vars: Vars,
    pub(crate) http: Http,
    #[cfg(feature = "wasi")]
    pub(crate) wasi: Option<wasi::Session>,
}

impl Host {
    pub(crate) fn new(
        alarm: Arc<Alarm>,
        config: Arc<BTreeMap<String, String>>,
        vars: Vars,
        http: Http,
    ) -> Self {
        let id = Uuid::new_v4();
        Self {
            id,
            logger: Logger::new(id),
            alarm,
            config,
            vars,
            http,
            ..Self::default()
        }
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn with_wasi(mut self, wasi: wasi::Session) -> Self {
        self.wasi = Some(wasi);
        self
    }

    /// Takes the state that belongs to the instance from `old`.
    pub(crate) fn keep_instance_state(&mut self, old: Self) {
        #[cfg(feature = "wasi")]
        {
            self.wasi = old.wasi;
        }
        #[cfg(not(feature = "wasi"))]
        drop(old);
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn wasi(&mut self) -> (Option<&mut wasi::Session>, &Alarm) {
        (self.wasi.as_mut(), &self.alarm)
    }

    /// Takes everything from `other` but WASI, which stays.
    pub(crate) fn take_over(&mut self, other: &mut Self) {
        *self = Self {
            #[cfg(feature = "wasi")]
            wasi: self.wasi.take(),
            ..std::mem::take(other)
        };
    }

    /// The id of the plug-in.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The configuration of the plug-in.
    pub fn config(&self) -> &BTreeMap<String, String> {
        &self.config
    }

    /// Changes the configuration of this plug-in and of no other: a value sets the key, `None` removes it. The
    /// change lasts as long as the plug-in.
    pub fn update_config(&mut self, entries: impl IntoIterator<Item = (String, Option<String>)>) {
        let config = Arc::make_mut(&mut self.config);
        for (key, value) in entries {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
    }

    /// Lets the guests of this plug-in, and of no other, read the headers of HTTP responses, from the next request
    /// on.
    pub fn show_http_response_headers(&mut self) {
        self.http.show_headers();
    }

    /// The variables of the plug-in.
    pub fn vars(&self) -> &Vars {
        &self.vars
    }

    /// The variables of the plug-in, for changes.
    pub fn vars_mut(&mut self) -> &mut Vars {
        &mut self.vars
    }

    /// Logs a line on behalf of the plug-in. Lines longer than [`LogSink::LINE_LIMIT`](crate::LogSink::LINE_LIMIT)
    /// are cut.
    pub fn log(&self, level: LogLevel, line: &str) {
        self.logger.log(level, line);
    }

    /// A logger of the plug-in, for use where this state is not available.
    pub fn logger(&self) -> &Logger {
        &self.logger
    }

    /// Sets the receiver of the log lines of this plug-in, beside `tracing`. The sink stays as long as the plug-in.
    /// Guests see the lower level of the two.
    pub fn set_log_sink(&mut self, sink: Option<LogSink>) {
        self.logger.set_sink(sink);
    }

    /// The context of the running call, if it has the type `T`.
    pub fn context<T: 'static>(&mut self) -> Option<&mut T> {
        self.context.as_mut()?.downcast_mut()
    }

    /// Replaces the context of the next call.
    pub fn set_context(&mut self, context: Option<Box<dyn Any + Send>>) {
        self.context = context;
    }

    /// The alarm of the plug-in: how much time the running call has left, and whether it has to end.
    pub fn alarm(&self) -> Arc<Alarm> {
        Arc::clone(&self.alarm)
    }

    /// Checks whether the guest has to stop. An engine calls it on the thread of a running guest after
    /// [`crate::engine::Engine::request_check`].
    ///
    /// # Errors
    /// If the guest has to stop. The reason is stored in the host state.
    pub fn check_interrupt(&mut self) -> Result<(), Failed> {
        match self.check_alarm() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.fail(error);
                Err(Failed)
            }
        }
    }

    /// A guest that sees its flag set calls this.
    ///
    /// # Errors
    /// As [`Alarm::check_interrupt`].
    pub(crate) fn check_flag(&self) -> Result<()> {
        // A call by core itself leaves the flag to the next call.
        if !self.internal_call {
            self.alarm.flag.lower();
        }
        self.check_alarm()
    }

    /// Checks the alarm on behalf of a guest.
    ///
    /// # Errors
    /// As [`Alarm::check_interrupt`].
    #[inline]
    pub(crate) fn check_alarm(&self) -> Result<()> {
        match self.internal_call {
            true => Ok(()),
            false => self.alarm.check_interrupt(),
        }
    }

    /// A guest that counts fuel calls this when it has `left` and needs at least `least`. Returns what it has then.
    ///
    /// # Errors
    /// `OutOfFuel`; as [`Alarm::check_interrupt`].
    pub(crate) fn refill(&mut self, left: i64, least: i64) -> Result<i64> {
        self.check_flag()?;
        match &mut self.meter {
            // No call of a plug-in is running, so nothing limits this.
            None => Ok(least),
            Some(meter) => meter.refill(left, least).inspect_err(|_| self.alarm.stop()),
        }
    }

    /// Whether a failure is stored.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Fails if the running call is known to have to end.
    #[inline]
    pub(crate) fn check_overdue(&self) -> Result<()> {
        match self.alarm.is_overdue() {
            true => self.check_alarm(),
            false => Ok(()),
        }
    }

    /// Stores the error of a host function. The first failure of a call stays.
    #[cold]
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

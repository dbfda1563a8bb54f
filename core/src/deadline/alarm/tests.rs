//! The alarm alone: no engine, no guest.

use std::{sync::Arc, time::Duration};

use super::{Alarm, CallStatus, CancelHandle};
use crate::{base::error::ErrorKind, deadline::clock};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

fn alarm() -> Arc<Alarm> {
    Arc::new(Alarm::default())
}

#[test]
fn a_call_without_a_limit_just_ends() {
    let alarm = alarm();
    assert_eq!(alarm.look(clock::now()), CallStatus::Idle);
    alarm.begin(None).expect("nothing is needed");
    assert_eq!(alarm.look(clock::now()), CallStatus::Running(None));
    assert_eq!(alarm.remaining(), None);
    alarm.check_interrupt().expect("nothing has happened");
    let ended = alarm.end();
    assert!(ended.overdue.is_none() && !ended.stopped);
    assert_eq!(alarm.look(clock::now()), CallStatus::Idle);
}

#[test]
fn a_deadline_is_seen_by_the_watchdog_and_by_the_call() {
    let alarm = alarm();
    alarm.begin(HOUR).expect("the watchdog starts");
    assert!(alarm.remaining() <= HOUR);
    assert!(matches!(
        alarm.look(clock::now()),
        CallStatus::Running(Some(_))
    ));
    let later = clock::now() + 3_601_000_000_000;
    assert_eq!(alarm.look(later), CallStatus::Overdue);
    assert_eq!(alarm.look(clock::now()), CallStatus::Overdue, "it stays so");
    assert!(alarm.is_overdue());
    let error = alarm.check_interrupt().expect_err("the time is over");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let ended = alarm.end();
    assert!(ended.stopped);
    let error = ended.overdue.expect("the call fails");
    assert_eq!(
        error.to_string(),
        "the call did not end within its time limit of 3600 s"
    );
    alarm.begin(HOUR).expect("the watchdog runs");
    assert!(!alarm.is_overdue(), "the next call has its own deadline");
    assert!(alarm.end().overdue.is_none());
}

/// Whether or not the watchdog has noticed, and although the guest never checked.
#[test]
fn a_call_that_outlives_its_deadline_fails() {
    let alarm = alarm();
    for _ in 0..100 {
        alarm
            .begin(Some(Duration::from_micros(1)))
            .expect("the watchdog runs");
        while alarm.remaining() != Some(Duration::ZERO) {}
        let ended = alarm.end();
        let overdue = ended.overdue.map(|error| error.kind());
        assert_eq!(overdue, Some(ErrorKind::Timeout));
        assert!(!ended.stopped, "nobody stopped it");
    }
    alarm.begin(None).expect("nothing is needed");
    assert!(alarm.end().overdue.is_none());
}

#[test]
fn no_time_is_over_at_once() {
    let alarm = alarm();
    let error = alarm.begin(Some(Duration::ZERO)).expect_err("no time");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(alarm.look(clock::now()), CallStatus::Idle);
}

#[test]
fn a_cancellation_belongs_to_the_running_call() {
    let alarm = alarm();
    let handle = CancelHandle(Arc::clone(&alarm));
    assert!(!handle.cancel(), "nothing is running");
    alarm.begin(None).expect("nothing is needed");
    alarm.check_interrupt().expect("nobody has cancelled it");
    assert!(handle.cancel());
    assert!(handle.cancel(), "once more does no harm");
    assert_eq!(alarm.look(clock::now()), CallStatus::Overdue);
    let ended = alarm.end();
    assert_eq!(
        ended.overdue.expect("the call fails").kind(),
        ErrorKind::Cancelled
    );
    assert!(!ended.stopped, "it ended before it looked");
    assert!(!handle.cancel());
    alarm.begin(None).expect("nothing is needed");
    alarm
        .check_interrupt()
        .expect("the next call is not touched");
    assert!(alarm.end().overdue.is_none());
}

#[test]
fn what_the_host_checks_ends_the_call() {
    let alarm = alarm();
    alarm.set_check(|| Err(crate::Error::new(ErrorKind::Argument, "enough")));
    alarm.set_check(|| Ok(()));
    alarm.begin(None).expect("the watchdog starts");
    let error = loop {
        // The check runs at most twenty times a second.
        if let Err(error) = alarm.check_interrupt() {
            break error;
        }
    };
    assert_eq!(error.to_string(), "enough");
    let ended = alarm.end();
    assert!(ended.stopped && ended.overdue.is_none());
}

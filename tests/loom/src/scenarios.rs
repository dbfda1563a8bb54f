//! What may happen at the same time, and what must hold then. Each scenario is run once for every
//! interleaving; it panics if its promise is broken.

use std::{sync::Arc, time::Duration};

use loom::thread;

use crate::{
    base::error::ErrorKind,
    deadline::{
        alarm::{Alarm, CancelHandle},
        clock,
    },
};

/// A name and what happens.
pub type Scenario = (&'static str, fn());

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    ("a cancellation hits one call or none", cancellation),
    ("two cancellations are one", two_cancellations),
    ("a deadline belongs to its call", deadline_of_its_call),
    ("a call without a deadline has none", no_deadline),
    ("a deadline is never lost", deadline_kept),
    ("a running call stays watched", running_call_stays),
    ("a cancelled call is seen", cancelled_call_is_seen),
];

/// A deadline that has passed at [`LATE`].
const SHORT: Option<Duration> = Some(Duration::from_nanos(10));
/// One that has not.
const LONG: Option<Duration> = Some(Duration::from_nanos(1000));
/// When the watchdog looks.
const LATE: u64 = 100;

fn alarm() -> Arc<Alarm> {
    Arc::new(Alarm::default())
}

fn begin(alarm: &Arc<Alarm>, timeout: Option<Duration>) {
    alarm.begin(timeout).expect("there is time");
}

/// Ends a call; what it has to fail with.
fn end(alarm: &Alarm) -> Option<ErrorKind> {
    alarm.end().overdue.map(|error| error.kind())
}

/// If a cancellation says that there was a call, exactly that one fails; else none.
fn cancellation() {
    let alarm = alarm();
    let handle = CancelHandle(Arc::clone(&alarm));
    let other = thread::spawn(move || handle.cancel());
    let ends = [(); 2].map(|()| {
        begin(&alarm, None);
        end(&alarm)
    });
    let hit = other.join().expect("it does not panic");
    let cancelled = ends.iter().flatten();
    let cancelled = cancelled.inspect(|kind| assert_eq!(**kind, ErrorKind::Cancelled));
    assert_eq!(cancelled.count(), usize::from(hit), "{ends:?}");
}

/// Two threads that cancel at once end at most one call each, and a call that was hit twice fails once.
fn two_cancellations() {
    let alarm = alarm();
    let others = [(); 2].map(|()| {
        let handle = CancelHandle(Arc::clone(&alarm));
        thread::spawn(move || handle.cancel())
    });
    begin(&alarm, None);
    let ended = end(&alarm);
    let hits = others.map(|other| other.join().expect("it does not panic"));
    assert_eq!(ended.is_some(), hits.contains(&true), "{hits:?}");
    begin(&alarm, None);
    assert_eq!(end(&alarm), None);
}

/// The watchdog never ends a call whose own deadline has not passed.
fn deadline_of_its_call() {
    let alarm = alarm();
    begin(&alarm, SHORT);
    let watchdog = thread::spawn(|| clock::look(LATE));
    let first = end(&alarm);
    assert!(matches!(first, None | Some(ErrorKind::Timeout)));
    begin(&alarm, LONG);
    assert_eq!(end(&alarm), None);
    watchdog.join().expect("it does not panic");
}

/// The same for a call that has no deadline at all.
fn no_deadline() {
    let alarm = alarm();
    begin(&alarm, SHORT);
    let watchdog = thread::spawn(|| clock::look(LATE));
    end(&alarm);
    begin(&alarm, None);
    assert_eq!(end(&alarm), None);
    watchdog.join().expect("it does not panic");
}

/// A call that begins while the watchdog takes its alarm off the list, because it was idle, is watched
/// all the same: the next look finds that it is late.
fn deadline_kept() {
    let alarm = alarm();
    begin(&alarm, LONG);
    end(&alarm);
    let watchdog = thread::spawn(|| clock::look(LATE));
    begin(&alarm, SHORT);
    watchdog.join().expect("it does not panic");
    clock::look(LATE);
    assert!(alarm.is_overdue(), "the deadline is lost");
    assert_eq!(end(&alarm), Some(ErrorKind::Timeout));
}

/// As [`deadline_kept`], with a look in the middle of the first call, and two calls.
fn running_call_stays() {
    let alarm = alarm();
    begin(&alarm, LONG);
    let watchdog = thread::spawn(|| {
        clock::look(LATE);
        clock::look(LATE);
    });
    end(&alarm);
    begin(&alarm, SHORT);
    watchdog.join().expect("it does not panic");
    clock::look(LATE);
    assert_eq!(end(&alarm), Some(ErrorKind::Timeout));
}

/// A call that somebody says to have cancelled sees it when it looks, and ends as cancelled even if its
/// deadline has passed as well.
fn cancelled_call_is_seen() {
    let alarm = alarm();
    begin(&alarm, SHORT);
    let handle = CancelHandle(Arc::clone(&alarm));
    let other = thread::spawn(move || handle.cancel());
    let watchdog = thread::spawn(|| clock::look(LATE));
    assert!(
        other.join().expect("it does not panic"),
        "a call is running"
    );
    let error = alarm.check_interrupt().expect_err("the call has to end");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    watchdog.join().expect("it does not panic");
    let ended = alarm.end();
    assert!(ended.stopped);
    let overdue = ended.overdue.expect("the call fails");
    assert_eq!(overdue.kind(), ErrorKind::Cancelled);
}

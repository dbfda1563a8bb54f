//! The watchdog, with alarms that no guest checks.

use std::{sync::Arc, thread, time::Duration};

use super::{GRACE, TICK, now, watches};
use crate::deadline::alarm::{Alarm, CallStatus};

#[test]
fn a_deadline_that_passes_is_noticed() {
    let alarm = Arc::new(Alarm::default());
    alarm
        .begin(Some(Duration::from_millis(5)))
        .expect("the watchdog starts");
    assert!(watches(&alarm));
    // No guest checks, so only the watchdog can have noticed.
    while !alarm.is_overdue() {
        thread::yield_now();
    }
    assert_eq!(alarm.look(now()), CallStatus::Overdue);
    assert!(alarm.end().overdue.is_some());
}

#[test]
fn so_is_that_of_another_one_while_the_watchdog_looks() {
    let first = Arc::new(Alarm::default());
    first
        .begin(Some(Duration::from_secs(3600)))
        .expect("the watchdog runs");
    let second = Arc::new(Alarm::default());
    second
        .begin(Some(Duration::from_millis(1)))
        .expect("the watchdog runs");
    while !second.is_overdue() {
        thread::yield_now();
    }
    assert!(second.end().overdue.is_some());
    assert!(first.end().overdue.is_none());
}

#[test]
fn who_is_not_in_use_leaves_the_list_and_comes_back() {
    let alarm = Arc::new(Alarm::default());
    let hour = Some(Duration::from_secs(3600));
    for _ in 0..2 {
        alarm.begin(hour).expect("the watchdog runs");
        assert!(watches(&alarm));
        assert!(alarm.end().overdue.is_none());
        while watches(&alarm) {
            thread::sleep(TICK * GRACE / 64);
        }
    }
}

#[test]
fn a_dropped_alarm_is_let_go() {
    let alarm = Arc::new(Alarm::default());
    alarm
        .begin(Some(Duration::from_secs(3600)))
        .expect("the watchdog runs");
    alarm.end();
    let weak = Arc::downgrade(&alarm);
    drop(alarm);
    while weak.strong_count() > 0 {
        thread::sleep(TICK);
    }
}

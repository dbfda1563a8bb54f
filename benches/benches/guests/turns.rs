//! Lanes that measure in turns, so that what else the machine does falls on all of them.
//!
//! The same code runs up to a fifth faster or slower at another address, so a side is several lanes, each with code
//! of its own; the fastest counts. Whatever else runs only makes a round slower.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use crate::Run;

/// How long a lane runs in a round, at least, unless one call takes longer.
const TURN: Duration = Duration::from_millis(3);

/// What is measured beside others: an engine and a way to run guests on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Side {
    pub(crate) engine: String,
    pub(crate) way: &'static str,
}

/// Something that measures for a side.
pub(crate) struct Lane {
    pub(crate) side: Side,
    pub(crate) run: Run,
}

/// Measures all lanes, another one first in each round. Returns the seconds of the fastest round of each side, for
/// one call.
pub(crate) fn measure(mut lanes: Vec<Lane>, rounds: usize) -> BTreeMap<Side, f64> {
    let repeats: Vec<_> = lanes.iter_mut().map(repeats).collect();
    let mut found = BTreeMap::new();
    for round in 0..rounds {
        for n in 0..lanes.len() {
            let lane = (n + round) % lanes.len();
            let seconds = time(&mut lanes[lane].run, repeats[lane]).as_secs_f64();
            let best = found.entry(lanes[lane].side.clone()).or_insert(seconds);
            *best = best.min(seconds);
        }
    }
    found
}

/// How many calls take a turn.
fn repeats(lane: &mut Lane) -> u32 {
    let once = time(&mut lane.run, 1).max(Duration::from_nanos(1));
    let repeats = TURN.as_nanos().div_ceil(once.as_nanos());
    u32::try_from(repeats).expect("a turn has fewer nanoseconds")
}

fn time(run: &mut Run, repeats: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(run());
    }
    start.elapsed() / repeats
}

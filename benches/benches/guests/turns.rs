//! Lanes that measure in turns, so that what else the machine does falls on all of them.
//!
//! The same code runs faster or slower in another layout and at another address, so a side is several lanes, each with
//! code of its own, and takes their geometric mean. Of the rounds of a lane the fastest counts: whatever else runs only
//! makes a round slower.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use crate::{Run, table};

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

/// Measures all lanes, another one first in each round. Returns the seconds of one call on each side.
pub(crate) fn measure(mut lanes: Vec<Lane>, rounds: usize) -> BTreeMap<Side, f64> {
    let repeats: Vec<_> = lanes.iter_mut().map(repeats).collect();
    let mut fastest = vec![f64::INFINITY; lanes.len()];
    for round in 0..rounds {
        for n in 0..lanes.len() {
            let lane = (n + round) % lanes.len();
            let seconds = time(&mut lanes[lane].run, repeats[lane]).as_secs_f64();
            fastest[lane] = fastest[lane].min(seconds);
        }
    }
    let mut sides: BTreeMap<Side, Vec<f64>> = BTreeMap::new();
    for (lane, seconds) in lanes.into_iter().zip(fastest) {
        sides.entry(lane.side).or_default().push(seconds);
    }
    let means = sides
        .into_iter()
        .map(|(side, lanes)| (side, table::mean(&lanes)));
    means.collect()
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

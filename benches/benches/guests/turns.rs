//! Sides that measure in turns, so that what else the machine does falls on all of them.
//!
//! The same code runs up to a fifth faster or slower at another address, so a side is several lanes, each with code
//! of its own; the fastest counts.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::Run;

/// How long one side runs in a round, at least, unless one call takes longer.
const TURN: Duration = Duration::from_millis(3);

/// A side that measures, or one of several that are the same.
pub(crate) struct Lane {
    pub(crate) side: String,
    pub(crate) run: Run,
}

/// What a side has come to.
pub(crate) struct Figure {
    pub(crate) side: String,
    /// The fastest round, for one call.
    pub(crate) best: Duration,
}

/// Measures all sides, another one first in each round.
pub(crate) fn measure(mut lanes: Vec<Lane>, rounds: usize) -> Vec<Figure> {
    let once = lanes.iter_mut().map(|lane| time(&mut lane.run, 1)).min();
    let once = once.unwrap_or(TURN).max(Duration::from_nanos(1));
    let repeats = TURN.as_nanos().div_ceil(once.as_nanos());
    let repeats = u32::try_from(repeats).expect("a call takes a nanosecond or longer");
    let mut found = vec![Vec::new(); lanes.len()];
    for round in 0..rounds {
        for n in 0..lanes.len() {
            let lane = (n + round) % lanes.len();
            found[lane].push(time(&mut lanes[lane].run, repeats));
        }
    }
    let mut figures: Vec<Figure> = Vec::new();
    for (lane, rounds) in lanes.into_iter().zip(found) {
        let best = rounds.into_iter().min().expect("there is a round");
        match figures.iter_mut().find(|figure| figure.side == lane.side) {
            Some(figure) => figure.best = figure.best.min(best),
            None => figures.push(Figure {
                side: lane.side,
                best,
            }),
        }
    }
    figures
}

fn time(run: &mut Run, repeats: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(run());
    }
    start.elapsed() / repeats
}

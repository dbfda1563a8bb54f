//! Finds differences between engines.
//!
//! One table lists what is compared. Only values that differ become text.

use super::{
    Unsupported,
    report::{Aspect, Difference, Run, Step, Verdict},
};
use crate::base::error::{Error, ErrorKind};

/// How many characters of a value a difference shows.
const SHOWN: usize = 72;
/// How many of them come before the first different one.
const BEFORE: usize = 16;

/// An aspect in which two steps can differ.
struct Rule {
    aspect: Aspect,
    same: fn(&Step, &Step) -> bool,
    text: fn(&Step) -> String,
}

const RULES: &[Rule] = &[
    Rule {
        aspect: Aspect::Outcome,
        same: |a, b| match (&a.outcome, &b.outcome) {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(b)) => same_failure(a, b),
            _ => false,
        },
        text: outcome,
    },
    Rule {
        aspect: Aspect::Log,
        same: |a, b| a.log == b.log && a.lost_lines == b.lost_lines,
        text: log,
    },
    Rule {
        aspect: Aspect::Vars,
        same: |a, b| a.vars == b.vars,
        text: vars,
    },
    Rule {
        aspect: Aspect::Stdout,
        same: |a, b| a.stdout == b.stdout,
        text: |step| quote(&step.stdout),
    },
    Rule {
        aspect: Aspect::Stderr,
        same: |a, b| a.stderr == b.stderr,
        text: |step| quote(&step.stderr),
    },
];

/// The differences between `runs` of this many calls.
pub(super) fn differences(runs: &[Run], calls: usize, unsupported: Unsupported) -> Vec<Difference> {
    let runs = counted(runs, unsupported);
    let mut differences = Vec::new();
    let started = |run: &&Run| run.steps.is_ok();
    if !runs.iter().all(started) && !runs.windows(2).all(|pair| same_start(pair[0], pair[1])) {
        differences.push(Difference {
            call: None,
            aspect: Aspect::Start,
            values: cut(runs.iter().map(|run| (run.engine.clone(), start(run)))),
        });
    }
    let ran = runs.iter().filter_map(|run| match &run.steps {
        Ok(steps) => Some((&run.engine, steps)),
        Err(_) => None,
    });
    let ran: Vec<_> = ran.collect();
    for call in 0..calls {
        for rule in RULES {
            let mut pairs = ran.windows(2);
            if !pairs.all(|pair| (rule.same)(&pair[0].1[call], &pair[1].1[call])) {
                let values = ran.iter();
                let values =
                    values.map(|(name, steps)| ((*name).clone(), (rule.text)(&steps[call])));
                differences.push(Difference {
                    call: Some(call),
                    aspect: rule.aspect,
                    values: cut(values),
                });
            }
        }
    }
    differences
}

/// What `runs` and their `differences` show.
pub(super) fn verdict(runs: &[Run], differences: &[Difference]) -> Verdict {
    match runs.iter().any(|run| run.steps.is_ok()) {
        _ if !differences.is_empty() => Verdict::Different,
        true => Verdict::Equal,
        false => Verdict::NotRun,
    }
}

/// The runs that count.
fn counted(runs: &[Run], unsupported: Unsupported) -> Vec<&Run> {
    let able = |run: &&Run| match &run.steps {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::Unsupported,
    };
    let able: Vec<_> = runs.iter().filter(able).collect();
    match unsupported {
        Unsupported::LeftOut if !able.is_empty() => able,
        _ => runs.iter().collect(),
    }
}

fn same_start(a: &Run, b: &Run) -> bool {
    match (&a.steps, &b.steps) {
        (Ok(_), Ok(_)) => true,
        (Err(error), Err(other)) => {
            same_failure(error, other)
                // Messages about missing capabilities contain the name of the engine.
                || (error.kind(), other.kind()) == (ErrorKind::Unsupported, ErrorKind::Unsupported)
                    && without_name(error, a) == without_name(other, b)
        }
        _ => false,
    }
}

fn without_name(error: &Error, run: &Run) -> String {
    error
        .to_string()
        .replace(&format!("`{}`", run.engine), "``")
}

/// Backtraces do not count, because not every engine has them.
fn same_failure(a: &Error, b: &Error) -> bool {
    a.kind() == b.kind()
        && a.code() == b.code()
        && a.guest_text() == b.guest_text()
        && a.to_string() == b.to_string()
}

fn start(run: &Run) -> String {
    match &run.steps {
        Ok(_) => "ready".to_owned(),
        Err(error) => failure(error),
    }
}

/// The output or the failure as text.
pub(super) fn outcome(step: &Step) -> String {
    match &step.outcome {
        Ok(output) => format!("ok {} bytes {}", output.len(), quote(output)),
        Err(error) => failure(error),
    }
}

/// A failure as text: its kind, code and trap, and the message.
pub(super) fn failure(error: &Error) -> String {
    let detail = match (error.kind(), error.code()) {
        (ErrorKind::Trap(trap), _) => format!(" {}", trap.name()),
        (_, Some(code)) => format!(" {code}"),
        (_, None) => String::new(),
    };
    let text = error.guest_text();
    let text = text.filter(|text| *text != error.to_string().as_bytes());
    let text = text.map_or_else(String::new, |text| format!(" {}", quote(text)));
    format!("{}{detail}: {error}{text}", error.kind().name())
}

fn log(step: &Step) -> String {
    let lines = step.log.iter();
    let lines = lines.map(|line| format!("{} {:?}", line.level.name(), line.text));
    let mut lines: Vec<_> = lines.collect();
    if step.lost_lines > 0 {
        lines.push(format!("and {} more lines", step.lost_lines));
    }
    format!("{} lines {}", step.log.len(), lines.join(", "))
}

fn vars(step: &Step) -> String {
    let vars = step.vars.iter();
    let vars: Vec<_> = vars
        .map(|(key, value)| format!("{key:?}={}", quote(value)))
        .collect();
    format!("{} variables {}", vars.len(), vars.join(", "))
}

/// Bytes as text in quotes.
pub(super) fn quote(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", bytes.escape_ascii()),
    }
}

/// Cuts texts to the part where they differ, and puts them on one line.
fn cut(values: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let values: Vec<_> = values
        .map(|(name, text)| (name, text.chars().collect::<Vec<_>>()))
        .collect();
    let same = values.windows(2).map(|pair| {
        let both = pair[0].1.iter().zip(&pair[1].1);
        both.take_while(|(a, b)| a == b).count()
    });
    let same = same.min().unwrap_or_default();
    let from = match same + BEFORE > SHOWN {
        true => same.saturating_sub(BEFORE),
        false => 0,
    };
    let one = |(name, text): (String, Vec<char>)| {
        let before = if from > 0 { "…" } else { "" };
        let rest = text.into_iter().skip(from).collect::<String>();
        (name, format!("{before}{}", shorten(&rest, SHOWN)))
    };
    values.into_iter().map(one).collect()
}

/// A text on one line, cut to this many characters and an ellipsis.
pub(super) fn shorten(text: &str, longest: usize) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(longest).map(line).collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

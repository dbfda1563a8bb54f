//! A report as text: the verdict, a row for each call and engine, and the differences.
//!
//! Invariant: no line is longer than [`WIDTH`] characters, whatever guests say.

use std::{fmt, time::Duration};

use super::{
    report::{Report, Run, Step, Verdict},
    verdict::{failure, outcome, quote, shorten},
};

/// The longest line, in characters.
const WIDTH: usize = 120;
/// How many characters of the reason why no call ran are shown.
const REASON: usize = 600;
/// The width of the column with the outcome.
const OUTCOME: usize = 48;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engines: Vec<_> = self.runs().iter().map(|run| &*run.engine).collect();
        let verdict = match (self.verdict(), self.differences().len()) {
            (Verdict::Different, 1) => "1 difference".to_owned(),
            (Verdict::Different, more) => format!("{more} differences"),
            (Verdict::NotRun, _) => "not run, because no engine could make the plug-in".to_owned(),
            (Verdict::Equal, _) => Verdict::Equal.name().to_owned(),
        };
        line(f, &format!("{verdict}: {}", engines.join(", ")))?;
        if let Some(Err(error)) = self.runs().first().map(|run| &run.steps)
            && self.verdict() == Verdict::NotRun
        {
            for part in wrapped(&shorten(&failure(error), REASON)) {
                line(f, &format!("  {part}"))?;
            }
        }
        let width = engines.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or_default();

        line(f, "\nstart")?;
        for run in self.runs() {
            let start = match &run.steps {
                Ok(_) => "ready".to_owned(),
                Err(error) => shorten(&failure(error), OUTCOME),
            };
            let time = milliseconds(run.ready);
            line(
                f,
                &format!("  {:width$}  {start:<49}  {time:>33}", run.engine),
            )?;
        }
        for (position, call) in self.calls().iter().enumerate() {
            let (function, input) = (&call.function, quote(&call.input));
            line(f, &format!("\n{} {function} {input}", position + 1))?;
            for (run, step) in steps(self.runs(), position) {
                line(f, &format!("  {:width$}  {}", run.engine, row(step)))?;
            }
        }
        for difference in self.differences() {
            let aspect = difference.aspect.name();
            let place = difference
                .call
                .map(|position| (position, &self.calls()[position]));
            let place = match place {
                Some((position, call)) => format!("{} {}: ", position + 1, call.function),
                None => String::new(),
            };
            line(f, &format!("\ndifference in {place}{aspect}"))?;
            for (engine, value) in &difference.values {
                line(f, &format!("  {engine:width$}  {value}"))?;
            }
        }
        Ok(())
    }
}

/// A text in lines of at most [`WIDTH`] characters with their indentation, broken at spaces if there are any.
fn wrapped(text: &str) -> Vec<String> {
    let widest = WIDTH - 3;
    let mut lines = Vec::<String>::new();
    for word in text.split_inclusive(' ') {
        for piece in word.chars().collect::<Vec<_>>().chunks(widest) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + piece.len() <= widest => line.extend(piece),
                _ => lines.push(piece.iter().collect()),
            }
        }
    }
    lines
}

/// The results of a call on the engines that ran it.
fn steps(runs: &[Run], position: usize) -> impl Iterator<Item = (&Run, &Step)> {
    runs.iter().filter_map(move |run| match &run.steps {
        Ok(steps) => steps.get(position).map(|step| (run, step)),
        Err(_) => None,
    })
}

fn row(step: &Step) -> String {
    let outcome = shorten(&outcome(step), OUTCOME);
    let (log, vars) = (step.log.len(), step.vars.len());
    let memory = step.memory_bytes / 1024;
    let time = milliseconds(step.time);
    format!("{outcome:<49}  log {log:<3} vars {vars:<3} {memory:>8} KiB {time:>13}")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// A line, cut to the width. If it begins with a line feed, an empty line comes first.
fn line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let (before, text) = match text.strip_prefix('\n') {
        Some(text) => ("\n", text),
        None => ("", text),
    };
    writeln!(f, "{before}{}", shorten(text, WIDTH - 1).trim_end())
}

//! The figures as text: ratios, their geometric means and the worst of each column.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value};

use crate::turns::Side;

/// What was measured of a guest: seconds by side.
pub(crate) struct Row {
    pub(crate) guest: String,
    pub(crate) seconds: BTreeMap<Side, f64>,
}

/// The ways to run guests on one engine, beside the engine alone.
pub(crate) fn of_engine(group: &str, engine: &str, ways: &[&'static str], rows: &[Row]) -> String {
    let side = |way| Side {
        engine: engine.to_owned(),
        way,
    };
    let (first, others) = ways.split_first().expect("there is a way at least");
    let columns: Vec<_> = others.iter().map(|way| (*way, side(way))).collect();
    text(
        &format!("{engine}, {group}"),
        first,
        &side(first),
        &columns,
        rows,
    )
}

/// The engines alone beside the first of them.
pub(crate) fn of_engines(
    group: &str,
    engines: &[String],
    way: &'static str,
    rows: &[Row],
) -> String {
    let side = |engine: &String| Side {
        engine: engine.clone(),
        way,
    };
    let (first, others) = engines.split_first().expect("there is an engine at least");
    let columns: Vec<_> = others
        .iter()
        .map(|engine| (&**engine, side(engine)))
        .collect();
    text(
        &format!("engines alone, {group}"),
        first,
        &side(first),
        &columns,
        rows,
    )
}

/// Seconds by guest, engine and way.
pub(crate) fn json(rows: &[Row]) -> Value {
    let mut guests = Map::new();
    for Row { guest, seconds } in rows {
        let mut engines = Map::new();
        for (Side { engine, way }, seconds) in seconds {
            let ways = engines
                .entry(engine)
                .or_insert_with(|| Value::Object(Map::new()));
            ways[way] = (*seconds).into();
        }
        guests.insert(guest.clone(), engines.into());
    }
    guests.into()
}

fn text(title: &str, first: &str, base: &Side, columns: &[(&str, Side)], rows: &[Row]) -> String {
    let mut text = format!("{title}\n{:<18}{:>18}", "", format!("{first}, ms"));
    for (name, side) in columns {
        let seen = rows.iter().any(|row| row.seconds.contains_key(side));
        let name = if seen { name } else { "" };
        put(&mut text, format_args!("{name:>18}"));
    }
    let mut all = vec![Vec::new(); columns.len()];
    for Row { guest, seconds } in rows {
        let first = seconds.get(base);
        let milliseconds = cell(first.map(|seconds| 1e3 * seconds));
        put(&mut text, format_args!("\n{guest:<18}{milliseconds}"));
        for ((_, side), ratios) in columns.iter().zip(&mut all) {
            let ratio = first.zip(seconds.get(side));
            let ratio = ratio.map(|(first, seconds)| seconds / first);
            ratios.extend(ratio);
            text.push_str(&cell(ratio));
        }
    }
    for (name, sum) in [("mean", mean as fn(&[f64]) -> f64), ("worst", worst)] {
        put(&mut text, format_args!("\n{name:<36}"));
        for ratios in &all {
            text.push_str(&cell((!ratios.is_empty()).then(|| sum(ratios))));
        }
    }
    text.push('\n');
    text
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all");
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>18}", "–"), |value| format!("{value:>18.3}"))
}

/// The geometric mean.
pub(crate) fn mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len() as f64).exp()
}

fn worst(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(f64::NAN, f64::max)
}

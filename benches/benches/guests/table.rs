//! The figures as a text: ratios to the engine alone, their geometric means and the worst of each side.

use std::fmt::Write as _;

use crate::turns::Figure;

/// A guest, and what its sides have come to.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) figures: Vec<Figure>,
}

/// A table of one engine. The first side is what the others are compared with.
pub(crate) fn text(engine: &str, group: &str, rows: &[Row]) -> String {
    let mut sides: Vec<&str> = Vec::new();
    for figure in rows.iter().flat_map(|row| &row.figures) {
        if !sides.contains(&&*figure.side) {
            sides.push(&figure.side);
        }
    }
    let Some((base, others)) = sides.split_first() else {
        return format!("{engine}: nothing can be run\n");
    };
    let mut text = format!(
        "\n{engine}, {group}\n{:<18}{:>12}",
        "",
        format!("{base}, ms")
    );
    for side in others {
        write!(text, "{side:>12}").expect("a string takes all");
    }
    let mut all = vec![Vec::new(); others.len()];
    for Row { name, figures } in rows {
        let best = |side: &str| {
            let figure = figures.iter().find(|figure| figure.side == side);
            figure.map(|figure| figure.best.as_secs_f64())
        };
        let first = best(base);
        write!(
            text,
            "\n{name:<18}{}",
            cell(first.map(|seconds| 1e3 * seconds))
        )
        .expect("a string takes all");
        for (side, ratios) in others.iter().zip(&mut all) {
            let ratio = first.zip(best(side)).map(|(first, best)| best / first);
            ratios.extend(ratio);
            text.push_str(&cell(ratio));
        }
    }
    for (name, sum) in [("mean", mean as fn(&[f64]) -> f64), ("worst", worst)] {
        write!(text, "\n{name:<30}").expect("a string takes all");
        for ratios in &all {
            text.push_str(&cell(Some(sum(ratios))));
        }
    }
    text.push('\n');
    text
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>12}", "–"), |value| format!("{value:>12.3}"))
}

/// The geometric mean.
fn mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len() as f64).exp()
}

fn worst(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(f64::NAN, f64::max)
}

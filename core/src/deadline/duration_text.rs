//! Durations as messages write them.

use std::{fmt, time::Duration};

/// Writes a duration as a number and a unit: `0 s`, `20 ms`, `1.5 s`.
pub struct DurationText(pub Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0 s");
        }
        let text = format!("{:?}", self.0);
        let unit = text.find(char::is_alphabetic).unwrap_or(text.len());
        write!(f, "{} {}", &text[..unit], &text[unit..])
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, DurationText};

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (duration, text) in [
            (Duration::ZERO, "0 s"),
            (Duration::from_nanos(7), "7 ns"),
            (Duration::from_micros(100), "100 µs"),
            (Duration::from_millis(20), "20 ms"),
            (Duration::from_millis(1500), "1.5 s"),
            (Duration::MAX, "18446744073709551615.999999999 s"),
        ] {
            assert_eq!(DurationText(duration).to_string(), text);
        }
    }
}

//! Arguments and results of the suite as values of the waist.

use polyextism::internal::inspect::Value;
use wast::{
    WastArg, WastRet,
    core::{NanPattern, V128Pattern, WastArgCore, WastRetCore},
    token::{F32, F64},
};

/// An argument; `None` for what no engine here can be given.
pub(super) fn argument(arg: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(arg) = arg else { return None };
    Some(match arg {
        WastArgCore::I32(value) => Value::I32(value.cast_unsigned()),
        WastArgCore::I64(value) => Value::I64(value.cast_unsigned()),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(_) => Value::Null,
        WastArgCore::RefExtern(number) => Value::Extern(*number),
        WastArgCore::RefHost(number) => Value::Any(*number),
    })
}

/// Whether these are the results that the suite wants.
pub(super) fn all_match(wanted: &[WastRet<'_>], found: &[Value]) -> bool {
    let each = |(wanted, found): (&WastRet<'_>, &Value)| match wanted {
        WastRet::Core(wanted) => matches(wanted, found),
        _ => false,
    };
    wanted.len() == found.len() && wanted.iter().zip(found).all(each)
}

fn matches(wanted: &WastRetCore<'_>, found: &Value) -> bool {
    match (wanted, found) {
        (WastRetCore::I32(wanted), Value::I32(bits)) => wanted.cast_unsigned() == *bits,
        (WastRetCore::I64(wanted), Value::I64(bits)) => wanted.cast_unsigned() == *bits,
        (WastRetCore::F32(wanted), Value::F32(bits)) => single(wanted, *bits),
        (WastRetCore::F64(wanted), Value::F64(bits)) => double(wanted, *bits),
        (WastRetCore::V128(wanted), Value::V128(bits)) => vector(wanted, *bits),
        (WastRetCore::RefNull(_), Value::Null)
        | (WastRetCore::RefFunc(_), Value::Func)
        | (WastRetCore::RefI31, Value::I31(_))
        | (WastRetCore::RefStruct, Value::Struct)
        | (WastRetCore::RefArray, Value::Array)
        | (WastRetCore::RefEq, Value::I31(_) | Value::Struct | Value::Array)
        | (
            WastRetCore::RefAny,
            Value::I31(_) | Value::Struct | Value::Array | Value::Any(_),
        )
        // What is converted stays what it was.
        | (
            WastRetCore::RefExtern(None),
            Value::Extern(_) | Value::I31(_) | Value::Struct | Value::Array,
        ) => true,
        (WastRetCore::RefHost(wanted), Value::Any(number)) => wanted == number,
        (WastRetCore::RefExtern(Some(wanted)), Value::Extern(number)) => wanted == number,
        (WastRetCore::Either(wanted), found) => wanted.iter().any(|wanted| matches(wanted, found)),
        _ => false,
    }
}

fn single(wanted: &NanPattern<F32>, bits: u32) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match wanted {
        NanPattern::CanonicalNan => bits & !(1 << 31) == CANONICAL,
        NanPattern::ArithmeticNan => bits & CANONICAL == CANONICAL,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn double(wanted: &NanPattern<F64>, bits: u64) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match wanted {
        NanPattern::CanonicalNan => bits & !(1 << 63) == CANONICAL,
        NanPattern::ArithmeticNan => bits & CANONICAL == CANONICAL,
        NanPattern::Value(value) => value.bits == bits,
    }
}

fn vector(wanted: &V128Pattern, bits: u128) -> bool {
    /// The lane at `position` of lanes of this width, in its low bits.
    fn lane(bits: u128, position: usize, width: usize) -> u64 {
        let lane = bits >> (position * width);
        (lane as u64) & (u64::MAX >> (64 - width))
    }
    fn all<T>(lanes: &[T], bits: u128, one: impl Fn(&T, u64) -> bool) -> bool {
        let width = 128 / lanes.len();
        let each = |(position, wanted)| one(wanted, lane(bits, position, width));
        lanes.iter().enumerate().all(each)
    }
    match wanted {
        V128Pattern::I8x16(lanes) => all(lanes, bits, |w, lane| w.cast_unsigned() == lane as u8),
        V128Pattern::I16x8(lanes) => all(lanes, bits, |w, lane| w.cast_unsigned() == lane as u16),
        V128Pattern::I32x4(lanes) => all(lanes, bits, |w, lane| w.cast_unsigned() == lane as u32),
        V128Pattern::I64x2(lanes) => all(lanes, bits, |w, lane| w.cast_unsigned() == lane),
        V128Pattern::F32x4(lanes) => all(lanes, bits, |w, lane| single(w, lane as u32)),
        V128Pattern::F64x2(lanes) => all(lanes, bits, double),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        F32, NanPattern, V128Pattern, Value, WastRet, WastRetCore, all_match, single, vector,
    };

    #[test]
    fn nans_are_told_apart() {
        let value = NanPattern::Value(F32 { bits: 0x7fc0_0001 });
        for (pattern, fits, does_not) in [
            (
                NanPattern::CanonicalNan,
                [0x7fc0_0000, 0xffc0_0000],
                [0x7fc0_0001, 0x7f80_0000],
            ),
            (
                NanPattern::ArithmeticNan,
                [0x7fc0_0001, 0xffff_ffff],
                [0x7fa0_0000, 0x3fc0_0000],
            ),
            (value, [0x7fc0_0001; 2], [0x7fc0_0000, 0xffc0_0001]),
        ] {
            assert_eq!(fits.map(|bits| single(&pattern, bits)), [true; 2]);
            assert_eq!(does_not.map(|bits| single(&pattern, bits)), [false; 2]);
        }
    }

    #[test]
    fn lanes_are_in_their_order() {
        let lanes = V128Pattern::I16x8([0, 1, 2, 3, 4, 5, 6, -1]);
        let bits = 0xffff_0006_0005_0004_0003_0002_0001_0000;
        assert!(vector(&lanes, bits));
        for bit in 0..128 {
            assert!(!vector(&lanes, bits ^ (1 << bit)), "{bit}");
        }
    }

    #[test]
    fn other_types_and_other_numbers_of_results_do_not_match() {
        let one = || vec![WastRet::Core(WastRetCore::I32(1))];
        assert!(all_match(&one(), &[Value::I32(1)]));
        assert!(!all_match(&one(), &[Value::I64(1)]));
        assert!(!all_match(&one(), &[]));
        assert!(!all_match(&[], &[Value::I32(1)]));
        assert!(!all_match(
            &[WastRet::Core(WastRetCore::RefNull(None))],
            &[Value::Func]
        ));
    }
}

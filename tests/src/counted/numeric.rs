//! Instructions on numbers. Each value is its bits in a `u64`.

use wasmparser::Operator;

use super::machine::Trapped;

struct Stack<'a>(&'a mut Vec<u64>);

type Done = Option<Result<(), Trapped>>;

impl Stack<'_> {
    fn pop(&mut self) -> u64 {
        self.0.pop().expect("the module is valid")
    }

    fn one<A: Bits, R: Bits>(&mut self, does: impl Fn(A) -> R) -> Done {
        let a = A::of(self.pop());
        self.0.push(does(a).bits());
        Some(Ok(()))
    }

    fn two<A: Bits, R: Bits>(&mut self, does: impl Fn(A, A) -> R) -> Done {
        let (b, a) = (A::of(self.pop()), A::of(self.pop()));
        self.0.push(does(a, b).bits());
        Some(Ok(()))
    }

    fn may_trap<A: Bits, R: Bits>(&mut self, does: impl Fn(A, A) -> Option<R>) -> Done {
        let (b, a) = (A::of(self.pop()), A::of(self.pop()));
        Some(does(a, b).map(|r| self.0.push(r.bits())).ok_or(Trapped))
    }

    /// A conversion that traps outside of the bounds, which are excluded.
    fn truncate<A: Bits + Into<f64>>(
        &mut self,
        low: f64,
        high: f64,
        does: impl Fn(f64) -> u64,
    ) -> Done {
        let a: f64 = A::of(self.pop()).into();
        if !(a > low && a < high) {
            return Some(Err(Trapped));
        }
        self.0.push(does(a));
        Some(Ok(()))
    }
}

/// A type of numbers.
trait Bits {
    fn of(bits: u64) -> Self;
    fn bits(self) -> u64;
}

impl Bits for u32 {
    fn of(bits: u64) -> Self {
        bits as Self
    }
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Bits for i32 {
    fn of(bits: u64) -> Self {
        bits as Self
    }
    fn bits(self) -> u64 {
        self.cast_unsigned().into()
    }
}

impl Bits for u64 {
    fn of(bits: u64) -> Self {
        bits
    }
    fn bits(self) -> u64 {
        self
    }
}

impl Bits for i64 {
    fn of(bits: u64) -> Self {
        bits.cast_signed()
    }
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Bits for f32 {
    fn of(bits: u64) -> Self {
        Self::from_bits(bits as u32)
    }
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Bits for f64 {
    fn of(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl Bits for bool {
    fn of(bits: u64) -> Self {
        bits != 0
    }
    fn bits(self) -> u64 {
        self.into()
    }
}

fn min<F: PartialOrd + std::ops::Add<Output = F> + Copy>(
    a: F,
    b: F,
    is_negative: fn(F) -> bool,
) -> F {
    match a.partial_cmp(&b) {
        None => a + b,
        Some(std::cmp::Ordering::Less) => a,
        Some(std::cmp::Ordering::Greater) => b,
        Some(std::cmp::Ordering::Equal) => match is_negative(a) {
            true => a,
            false => b,
        },
    }
}

fn max<F: PartialOrd + std::ops::Add<Output = F> + Copy>(
    a: F,
    b: F,
    is_negative: fn(F) -> bool,
) -> F {
    match a.partial_cmp(&b) {
        None => a + b,
        Some(std::cmp::Ordering::Less) => b,
        Some(std::cmp::Ordering::Greater) => a,
        Some(std::cmp::Ordering::Equal) => match is_negative(a) {
            true => b,
            false => a,
        },
    }
}

/// Does an instruction on numbers; `None` if it is none.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn numeric(operator: &Operator<'_>, stack: &mut Vec<u64>) -> Done {
    use Operator as Op;
    let mut s = Stack(stack);
    match operator {
        Op::I32Eqz => s.one(|a: u32| a == 0),
        Op::I32Eq => s.two(|a: u32, b| a == b),
        Op::I32Ne => s.two(|a: u32, b| a != b),
        Op::I32LtS => s.two(|a: i32, b| a < b),
        Op::I32LtU => s.two(|a: u32, b| a < b),
        Op::I32GtS => s.two(|a: i32, b| a > b),
        Op::I32GtU => s.two(|a: u32, b| a > b),
        Op::I32LeS => s.two(|a: i32, b| a <= b),
        Op::I32LeU => s.two(|a: u32, b| a <= b),
        Op::I32GeS => s.two(|a: i32, b| a >= b),
        Op::I32GeU => s.two(|a: u32, b| a >= b),
        Op::I64Eqz => s.one(|a: u64| a == 0),
        Op::I64Eq => s.two(|a: u64, b| a == b),
        Op::I64Ne => s.two(|a: u64, b| a != b),
        Op::I64LtS => s.two(|a: i64, b| a < b),
        Op::I64LtU => s.two(|a: u64, b| a < b),
        Op::I64GtS => s.two(|a: i64, b| a > b),
        Op::I64GtU => s.two(|a: u64, b| a > b),
        Op::I64LeS => s.two(|a: i64, b| a <= b),
        Op::I64LeU => s.two(|a: u64, b| a <= b),
        Op::I64GeS => s.two(|a: i64, b| a >= b),
        Op::I64GeU => s.two(|a: u64, b| a >= b),
        Op::F32Eq => s.two(|a: f32, b| a == b),
        Op::F32Ne => s.two(|a: f32, b| a != b),
        Op::F32Lt => s.two(|a: f32, b| a < b),
        Op::F32Gt => s.two(|a: f32, b| a > b),
        Op::F32Le => s.two(|a: f32, b| a <= b),
        Op::F32Ge => s.two(|a: f32, b| a >= b),
        Op::F64Eq => s.two(|a: f64, b| a == b),
        Op::F64Ne => s.two(|a: f64, b| a != b),
        Op::F64Lt => s.two(|a: f64, b| a < b),
        Op::F64Gt => s.two(|a: f64, b| a > b),
        Op::F64Le => s.two(|a: f64, b| a <= b),
        Op::F64Ge => s.two(|a: f64, b| a >= b),
        Op::I32Clz => s.one(|a: u32| a.leading_zeros()),
        Op::I32Ctz => s.one(|a: u32| a.trailing_zeros()),
        Op::I32Popcnt => s.one(|a: u32| a.count_ones()),
        Op::I32Add => s.two(|a: u32, b| a.wrapping_add(b)),
        Op::I32Sub => s.two(|a: u32, b| a.wrapping_sub(b)),
        Op::I32Mul => s.two(|a: u32, b| a.wrapping_mul(b)),
        Op::I32DivS => s.may_trap(|a: i32, b| a.checked_div(b)),
        Op::I32DivU => s.may_trap(|a: u32, b| a.checked_div(b)),
        Op::I32RemS => s.may_trap(|a: i32, b| (b != 0).then(|| a.wrapping_rem(b))),
        Op::I32RemU => s.may_trap(|a: u32, b| a.checked_rem(b)),
        Op::I32And => s.two(|a: u32, b| a & b),
        Op::I32Or => s.two(|a: u32, b| a | b),
        Op::I32Xor => s.two(|a: u32, b| a ^ b),
        Op::I32Shl => s.two(|a: u32, b| a.wrapping_shl(b)),
        Op::I32ShrS => s.two(|a: i32, b| a.wrapping_shr(b.cast_unsigned())),
        Op::I32ShrU => s.two(|a: u32, b| a.wrapping_shr(b)),
        Op::I32Rotl => s.two(|a: u32, b| a.rotate_left(b % 32)),
        Op::I32Rotr => s.two(|a: u32, b| a.rotate_right(b % 32)),
        Op::I64Clz => s.one(|a: u64| u64::from(a.leading_zeros())),
        Op::I64Ctz => s.one(|a: u64| u64::from(a.trailing_zeros())),
        Op::I64Popcnt => s.one(|a: u64| u64::from(a.count_ones())),
        Op::I64Add => s.two(|a: u64, b| a.wrapping_add(b)),
        Op::I64Sub => s.two(|a: u64, b| a.wrapping_sub(b)),
        Op::I64Mul => s.two(|a: u64, b| a.wrapping_mul(b)),
        Op::I64DivS => s.may_trap(|a: i64, b| a.checked_div(b)),
        Op::I64DivU => s.may_trap(|a: u64, b| a.checked_div(b)),
        Op::I64RemS => s.may_trap(|a: i64, b| (b != 0).then(|| a.wrapping_rem(b))),
        Op::I64RemU => s.may_trap(|a: u64, b| a.checked_rem(b)),
        Op::I64And => s.two(|a: u64, b| a & b),
        Op::I64Or => s.two(|a: u64, b| a | b),
        Op::I64Xor => s.two(|a: u64, b| a ^ b),
        Op::I64Shl => s.two(|a: u64, b| a.wrapping_shl(b as u32)),
        Op::I64ShrS => s.two(|a: i64, b| a.wrapping_shr(b as u32)),
        Op::I64ShrU => s.two(|a: u64, b| a.wrapping_shr(b as u32)),
        Op::I64Rotl => s.two(|a: u64, b| a.rotate_left((b % 64) as u32)),
        Op::I64Rotr => s.two(|a: u64, b| a.rotate_right((b % 64) as u32)),
        Op::F32Abs => s.one(|a: u32| a & 0x7fff_ffff),
        Op::F32Neg => s.one(|a: u32| a ^ 0x8000_0000),
        Op::F32Ceil => s.one(f32::ceil),
        Op::F32Floor => s.one(f32::floor),
        Op::F32Trunc => s.one(f32::trunc),
        Op::F32Nearest => s.one(f32::round_ties_even),
        Op::F32Sqrt => s.one(f32::sqrt),
        Op::F32Add => s.two(|a: f32, b| a + b),
        Op::F32Sub => s.two(|a: f32, b| a - b),
        Op::F32Mul => s.two(|a: f32, b| a * b),
        Op::F32Div => s.two(|a: f32, b| a / b),
        Op::F32Min => s.two(|a: f32, b| min(a, b, f32::is_sign_negative)),
        Op::F32Max => s.two(|a: f32, b| max(a, b, f32::is_sign_negative)),
        Op::F32Copysign => s.two(|a: u32, b| a & 0x7fff_ffff | b & 0x8000_0000),
        Op::F64Abs => s.one(|a: u64| a & (u64::MAX >> 1)),
        Op::F64Neg => s.one(|a: u64| a ^ (1 << 63)),
        Op::F64Ceil => s.one(f64::ceil),
        Op::F64Floor => s.one(f64::floor),
        Op::F64Trunc => s.one(f64::trunc),
        Op::F64Nearest => s.one(f64::round_ties_even),
        Op::F64Sqrt => s.one(f64::sqrt),
        Op::F64Add => s.two(|a: f64, b| a + b),
        Op::F64Sub => s.two(|a: f64, b| a - b),
        Op::F64Mul => s.two(|a: f64, b| a * b),
        Op::F64Div => s.two(|a: f64, b| a / b),
        Op::F64Min => s.two(|a: f64, b| min(a, b, f64::is_sign_negative)),
        Op::F64Max => s.two(|a: f64, b| max(a, b, f64::is_sign_negative)),
        Op::F64Copysign => s.two(|a: u64, b| a & (u64::MAX >> 1) | b & (1 << 63)),
        Op::I32WrapI64 => s.one(|a: u64| a as u32),
        Op::I64ExtendI32S => s.one(|a: i32| i64::from(a)),
        Op::I64ExtendI32U => s.one(|a: u32| u64::from(a)),
        Op::I32Extend8S => s.one(|a: u32| i32::from(a as i8)),
        Op::I32Extend16S => s.one(|a: u32| i32::from(a as i16)),
        Op::I64Extend8S => s.one(|a: u64| i64::from(a as i8)),
        Op::I64Extend16S => s.one(|a: u64| i64::from(a as i16)),
        Op::I64Extend32S => s.one(|a: u64| i64::from(a as i32)),
        Op::I32TruncF32S => {
            s.truncate::<f32>(-2_147_483_904.0, 2_147_483_648.0, |a| (a as i32).bits())
        }
        Op::I32TruncF64S => {
            s.truncate::<f64>(-2_147_483_649.0, 2_147_483_648.0, |a| (a as i32).bits())
        }
        Op::I32TruncF32U => s.truncate::<f32>(-1.0, 4_294_967_296.0, |a| (a as u32).bits()),
        Op::I32TruncF64U => s.truncate::<f64>(-1.0, 4_294_967_296.0, |a| (a as u32).bits()),
        Op::I64TruncF32S => s.truncate::<f32>(
            -9_223_373_136_366_403_584.0,
            9_223_372_036_854_775_808.0,
            |a| (a as i64).bits(),
        ),
        Op::I64TruncF64S => s.truncate::<f64>(
            -9_223_372_036_854_777_856.0,
            9_223_372_036_854_775_808.0,
            |a| (a as i64).bits(),
        ),
        Op::I64TruncF32U => s.truncate::<f32>(-1.0, 18_446_744_073_709_551_616.0, |a| a as u64),
        Op::I64TruncF64U => s.truncate::<f64>(-1.0, 18_446_744_073_709_551_616.0, |a| a as u64),
        Op::I32TruncSatF32S => s.one(|a: f32| a as i32),
        Op::I32TruncSatF32U => s.one(|a: f32| a as u32),
        Op::I32TruncSatF64S => s.one(|a: f64| a as i32),
        Op::I32TruncSatF64U => s.one(|a: f64| a as u32),
        Op::I64TruncSatF32S => s.one(|a: f32| a as i64),
        Op::I64TruncSatF32U => s.one(|a: f32| a as u64),
        Op::I64TruncSatF64S => s.one(|a: f64| a as i64),
        Op::I64TruncSatF64U => s.one(|a: f64| a as u64),
        Op::F32ConvertI32S => s.one(|a: i32| a as f32),
        Op::F32ConvertI32U => s.one(|a: u32| a as f32),
        Op::F32ConvertI64S => s.one(|a: i64| a as f32),
        Op::F32ConvertI64U => s.one(|a: u64| a as f32),
        Op::F64ConvertI32S => s.one(|a: i32| f64::from(a)),
        Op::F64ConvertI32U => s.one(|a: u32| f64::from(a)),
        Op::F64ConvertI64S => s.one(|a: i64| a as f64),
        Op::F64ConvertI64U => s.one(|a: u64| a as f64),
        Op::F32DemoteF64 => s.one(|a: f64| a as f32),
        Op::F64PromoteF32 => s.one(|a: f32| f64::from(a)),
        Op::I32ReinterpretF32
        | Op::I64ReinterpretF64
        | Op::F32ReinterpretI32
        | Op::F64ReinterpretI64 => Some(Ok(())),
        _ => None,
    }
}

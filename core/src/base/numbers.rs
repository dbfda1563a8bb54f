//! Conversions between Rust numbers and the 64-bit slots that carry values between guest and host.

use super::types::NumType;

/// A number that fits in a slot.
pub trait Number: Copy {
    /// Its type on the guest's side.
    const TYPE: NumType;
    /// From a slot.
    fn from_slot(slot: u64) -> Self;
    /// To a slot.
    fn into_slot(self) -> u64;
}

macro_rules! number {
    ($($number:ty, $ty:ident, $slot:ident => $from:expr, $value:ident => $into:expr;)*) => {$(
        impl Number for $number {
            const TYPE: NumType = NumType::$ty;
            #[inline]
            fn from_slot($slot: u64) -> Self { $from }
            #[inline]
            fn into_slot(self) -> u64 { let $value = self; $into }
        }
    )*};
}

number! {
    i32, I32, slot => slot as i32, value => u64::from(value as u32);
    u32, I32, slot => slot as u32, value => u64::from(value);
    i64, I64, slot => slot as i64, value => value as u64;
    u64, I64, slot => slot, value => value;
    f32, F32, slot => f32::from_bits(slot as u32), value => u64::from(value.to_bits());
    f64, F64, slot => f64::from_bits(slot), value => value.to_bits();
}

/// Parameters or results of a typed host function: `()`, a number, or a tuple of numbers.
pub trait Numbers {
    /// Their types.
    const TYPES: &'static [NumType];
    /// Reads them from the first slots.
    fn load(slots: &[u64]) -> Self;
    /// Writes them to the first slots.
    fn store(self, slots: &mut [u64]);
}

impl<N: Number> Numbers for N {
    const TYPES: &'static [NumType] = &[N::TYPE];
    #[inline]
    fn load(slots: &[u64]) -> Self {
        N::from_slot(slots[0])
    }
    #[inline]
    fn store(self, slots: &mut [u64]) {
        slots[0] = self.into_slot();
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Number),*> Numbers for ($($name,)*) {
            const TYPES: &'static [NumType] = &[$($name::TYPE),*];
            #[inline]
            fn load(slots: &[u64]) -> Self { ($($name::from_slot(slots[$index]),)*) }
            #[inline]
            fn store(self, slots: &mut [u64]) { $(slots[$index] = self.$index.into_slot();)* }
        }
    };
}

impl Numbers for () {
    const TYPES: &'static [NumType] = &[];
    fn load(_: &[u64]) -> Self {}
    fn store(self, _: &mut [u64]) {}
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

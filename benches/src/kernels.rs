//! Small guests that compute: `guests/kernels`, each with the checksum that it has to come to.
//!
//! Each exports `work` (`() -> i32`: the checksum) for an engine without Extism, `run` for a plug-in (its
//! output is the checksum, 8 bytes), and `small`, as `run` with less to do. The checksums are those of the same
//! C, compiled to native code.

use crate::{
    cases::Case,
    guests::{Guest, plain},
};

/// A guest that computes.
#[derive(Debug)]
pub struct Kernel {
    /// Its name in ids of benchmarks.
    pub name: &'static str,
    /// The module.
    pub guest: Guest,
    /// What `work` and `run` come to.
    pub checksum: u32,
    /// What `small` comes to.
    pub small: u32,
}

impl Kernel {
    /// Its call `run`.
    pub fn case(&'static self) -> Case {
        Case::new(self.name, &self.guest, "run").number(self.checksum.into())
    }

    /// Its call `small`.
    pub fn small_case(&'static self) -> Case {
        let id = format!("{}-small", self.name);
        Case::new(&id, &self.guest, "small").number(self.small.into())
    }
}

macro_rules! kernel {
    ($name:literal, $checksum:literal, $small:literal) => {
        Kernel {
            name: $name,
            guest: plain(include_bytes!(concat!(
                "../guests/kernels/",
                $name,
                ".wasm"
            ))),
            checksum: $checksum,
            small: $small,
        }
    };
}

/// All of them.
pub static KERNELS: [Kernel; 17] = [
    kernel!("allocate", 0xb15d_e5b4, 0x44ba_39eb),
    kernel!("bignum", 0x8b93_237a, 0x10dd_9528),
    kernel!("bulk", 0xf6f1_0575, 0x1c1a_2137),
    kernel!("calls", 0x2d49_85ec, 0x0003_da18),
    kernel!("crc32", 0x868d_8988, 0xea4a_695f),
    kernel!("fib", 0x0004_d973, 0x0000_0037),
    kernel!("hash", 0x7722_2353, 0x0006_8ee7),
    kernel!("indirect", 0x3184_d2ef, 0xdfc0_3579),
    kernel!("interpreter", 0xe01d_8040, 0x19f5_8f6d),
    kernel!("lexer", 0x8d67_04ce, 0x015c_0c93),
    kernel!("mandelbrot", 0xd260_0f57, 0x8195_3099),
    kernel!("matrix", 0xd527_f9c2, 0x4b0b_54bb),
    kernel!("nbody", 0x6ddd_27bf, 0xf5ae_58a5),
    kernel!("quicksort", 0xaf50_ee89, 0x0956_c52c),
    kernel!("sha256", 0xf5bc_6b77, 0xcc55_2a1d),
    kernel!("sieve", 0x959e_72fd, 0xf51e_6770),
    kernel!("simd", 0x007a_6958, 0x03da_e6e0),
];

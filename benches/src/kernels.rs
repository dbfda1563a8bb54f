//! Small guests that compute: `guests/kernels`, each with the checksum that it has to come to.
//!
//! Each exports `work` (`() -> i32`: the checksum) for an engine alone, `run` for a plug-in (its output is the
//! checksum, 8 bytes), and `small`, as `run` with less to do. The checksums are those of the same C, compiled
//! to native code.

/// A guest that computes.
#[derive(Debug)]
pub struct Kernel {
    /// Its name in ids of benchmarks.
    pub name: &'static str,
    /// The module.
    pub module: &'static [u8],
    /// What `work` and `run` come to.
    pub checksum: u32,
    /// What `small` comes to.
    pub small: u32,
}

macro_rules! kernel {
    ($name:literal, $checksum:literal, $small:literal) => {
        Kernel {
            name: $name,
            module: include_bytes!(concat!("../guests/kernels/", $name, ".wasm")),
            checksum: $checksum,
            small: $small,
        }
    };
}

/// All of them.
pub const KERNELS: [Kernel; 17] = [
    kernel!("allocate", 0xb15de5b4, 0x44ba39eb),
    kernel!("bignum", 0x8b93237a, 0x10dd9528),
    kernel!("bulk", 0xf6f10575, 0x1c1a2137),
    kernel!("calls", 0x2d4985ec, 0x0003da18),
    kernel!("crc32", 0x868d8988, 0xea4a695f),
    kernel!("fib", 0x0004d973, 0x00000037),
    kernel!("hash", 0x77222353, 0x00068ee7),
    kernel!("indirect", 0x3184d2ef, 0xdfc03579),
    kernel!("interpreter", 0xe01d8040, 0x19f58f6d),
    kernel!("lexer", 0x8d6704ce, 0x015c0c93),
    kernel!("mandelbrot", 0xd2600f57, 0x81953099),
    kernel!("matrix", 0xd527f9c2, 0x4b0b54bb),
    kernel!("nbody", 0x6ddd27bf, 0xf5ae58a5),
    kernel!("quicksort", 0xaf50ee89, 0x0956c52c),
    kernel!("sha256", 0xf5bc6b77, 0xcc552a1d),
    kernel!("sieve", 0x959e72fd, 0xf51e6770),
    kernel!("simd", 0x007a6958, 0x03dae6e0),
];

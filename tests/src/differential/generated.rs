//! A generated module and calls of its functions.
//!
//! Modules come from the program in `tests/smith`, one after another; calls are made here, from the
//! seed of the module. It does not know the engines, but what they may lack.

use std::io::{self, Read};

use polyextism::{Proposal, internal::inspect::Value};
use wasmparser::{
    ExternalKind, Parser, Payload, ValType, Validator, WasmFeatures, types::EntityType,
};

use crate::{null::features, random::Random};

/// How many calls there are for one module.
const CALLS: usize = 10;
/// What makes the calls of a module another choice than the module itself.
const CALLS_SEED: u64 = 0x5eed_0000_0000_0000;

/// Integers at which something often changes.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Floats at which something often changes.
const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -1.5,
    2_147_483_647.0,
    2_147_483_648.0,
    4_294_967_296.0,
    9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    f64::MIN_POSITIVE,
    5e-324,
    1e38,
    1e39,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// What the module does with the NaNs that its arithmetic makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nans {
    /// It makes them canonical itself.
    Canonical,
    /// It leaves them as the engine makes them.
    Left,
}

/// A call of an exported function.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) export: String,
    pub(super) args: Vec<Value>,
}

/// A module and calls of its functions.
#[derive(Clone, Debug)]
pub struct Generated {
    pub(super) seed: u64,
    pub(super) wasm: Vec<u8>,
    pub(super) calls: Vec<Call>,
    /// The exported globals.
    pub(super) globals: Vec<String>,
    /// The exported memories.
    pub(super) memories: Vec<String>,
    pub(super) nans: Nans,
    pub(super) has_references: bool,
}

impl Generated {
    /// Reads the next module, which has this seed.
    ///
    /// # Errors
    /// If there is none, or only a part of one.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn read(source: &mut impl Read, seed: u64) -> io::Result<Self> {
        let mut head = [0; 5];
        source.read_exact(&mut head)?;
        let [canonical, length @ ..] = head;
        let mut wasm = vec![0; u32::from_le_bytes(length) as usize];
        source.read_exact(&mut wasm)?;
        let without = WasmFeatures::all().difference(WasmFeatures::REFERENCE_TYPES);
        let mut generated = Self {
            seed,
            calls: Vec::new(),
            globals: Vec::new(),
            memories: Vec::new(),
            nans: match canonical {
                0 => Nans::Left,
                _ => Nans::Canonical,
            },
            has_references: !is_valid(&wasm, without),
            wasm,
        };
        generated.read_exports(&mut Random::new(seed ^ CALLS_SEED));
        Ok(generated)
    }

    /// The module, if every engine makes the same NaNs of it.
    pub fn canonical(&self) -> Option<&[u8]> {
        (self.nans == Nans::Canonical).then_some(&self.wasm)
    }

    /// The same calls of the functions of another module.
    pub(super) fn with(&self, wasm: Vec<u8>) -> Self {
        Self {
            wasm,
            ..self.clone()
        }
    }

    /// Whether an engine with these proposals can run it.
    pub(super) fn fits(&self, proposals: &[Proposal]) -> bool {
        is_valid(&self.wasm, features(proposals))
    }

    /// What happens in a step, in words: instantiation first, then the calls.
    pub(super) fn step(&self, step: usize) -> String {
        match step.checked_sub(1).map(|call| &self.calls[call]) {
            None => "instantiation".to_owned(),
            Some(Call { export, args }) => {
                let args: Vec<_> = args.iter().map(Value::to_string).collect();
                format!("{export:?}({})", args.join(", "))
            }
        }
    }

    fn read_exports(&mut self, random: &mut Random) {
        let types = Validator::new_with_features(WasmFeatures::all()).validate_all(&self.wasm);
        let types = types.expect("generated modules are valid");
        let types = types.as_ref();
        let mut functions = Vec::new();
        for payload in Parser::new(0).parse_all(&self.wasm) {
            let Payload::ExportSection(section) = payload.expect("a valid module can be read")
            else {
                continue;
            };
            for export in section {
                let export = export.expect("a valid module can be read");
                let name = export.name.to_owned();
                match (export.kind, types.entity_type_from_export(&export)) {
                    (
                        ExternalKind::Func,
                        Some(EntityType::Func(id) | EntityType::FuncExact(id)),
                    ) => {
                        let params = types[id].unwrap_func().params();
                        functions.push((name, params.to_vec()));
                    }
                    (ExternalKind::Global, _) => self.globals.push(name),
                    (ExternalKind::Memory, _) => self.memories.push(name),
                    _ => {}
                }
            }
        }
        if functions.is_empty() {
            return;
        }
        // Every function once, in order, then some once more.
        for position in 0..CALLS {
            let (export, params) = match functions.get(position) {
                Some(function) => function,
                None => &functions[random.below(functions.len() as u64) as usize],
            };
            self.calls.push(Call {
                export: export.clone(),
                args: params.iter().map(|ty| value(*ty, random)).collect(),
            });
        }
    }
}

fn is_valid(wasm: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features)
        .validate_all(wasm)
        .is_ok()
}

fn value(ty: ValType, random: &mut Random) -> Value {
    let edge = random.below(2) == 0;
    let integer = match edge {
        true => random.one_of(EDGES),
        false => random.any(),
    };
    let float = match edge {
        true => random.one_of(FLOATS),
        false => f64::from_bits(random.any()),
    };
    match ty {
        ValType::I32 => Value::I32(integer as u32),
        ValType::I64 => Value::I64(integer),
        ValType::F32 => Value::F32((float as f32).to_bits()),
        ValType::F64 => Value::F64(float.to_bits()),
        ValType::V128 => Value::V128(u128::from(integer) << 64 | u128::from(random.any())),
        ValType::Ref(_) => Value::Null,
    }
}

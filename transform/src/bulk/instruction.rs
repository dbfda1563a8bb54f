//! The bulk instructions that may take long: what they take, and where they read and write.
//!
//! It does not know how they are split.

use std::collections::BTreeMap;

use wasm_encoder::{HeapType, Instruction, RefType, ValType, reencode};
use wasmparser::{CompositeInnerType, ElementItems, Operator, Parser, Payload, StorageType};

use crate::rewrite::{Shape, Width};

/// How many bytes are transferred between two checks. This takes some hundred microseconds.
pub(super) const PIECE: i32 = 1 << 20;
/// How many references are. An engine may convert each of them.
pub(super) const REFERENCES: i32 = 1 << 14;

/// A bulk instruction, by what it works on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bulk {
    Fill { memory: u32 },
    Copy { to: u32, from: u32 },
    Init { memory: u32, segment: u32 },
    FillArray { array: u32 },
    CopyArray { to: u32, from: u32 },
    InitData { array: u32, segment: u32 },
    InitElem { array: u32, segment: u32 },
}

/// The segments of a module, and its types of arrays.
#[derive(Default)]
pub(super) struct Sources {
    /// How many bytes each data segment has.
    data: Vec<u64>,
    /// How many elements each element segment has.
    elements: Vec<u64>,
    /// The elements of arrays, by the index of the type.
    arrays: BTreeMap<u32, StorageType>,
}

impl Sources {
    pub(super) fn read(wasm: &[u8]) -> Result<Self, reencode::Error> {
        let mut sources = Self::default();
        let mut types = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            if let CompositeInnerType::Array(ty) = ty.composite_type.inner {
                                sources.arrays.insert(types, ty.0.element_type);
                            }
                            types += 1;
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for segment in section {
                        let count = match segment?.items {
                            ElementItems::Functions(items) => items.count(),
                            ElementItems::Expressions(_, items) => items.count(),
                        };
                        sources.elements.push(count.into());
                    }
                }
                Payload::DataSection(section) => {
                    for segment in section {
                        sources.data.push(segment?.data.len() as u64);
                    }
                }
                _ => {}
            }
        }
        Ok(sources)
    }

    /// How many bytes an element of an array has; `None` for references.
    fn bytes(&self, array: u32) -> Option<i32> {
        use wasmparser::ValType as Value;

        match self.arrays[&array] {
            StorageType::I8 => Some(1),
            StorageType::I16 => Some(2),
            StorageType::Val(Value::I32 | Value::F32) => Some(4),
            StorageType::Val(Value::I64 | Value::F64) => Some(8),
            StorageType::Val(Value::V128) => Some(16),
            StorageType::Val(Value::Ref(_)) => None,
        }
    }

    /// The type of the operand that is an element of an array.
    fn element(&self, array: u32) -> Result<ValType, reencode::Error> {
        Ok(match self.arrays[&array] {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(ty) => ValType::try_from(ty)?,
        })
    }
}

/// The operands of an instruction and what they mean.
pub(super) struct Form {
    /// Their types. The last one is the length.
    pub(super) operands: Vec<ValType>,
    /// The operands that are positions. The first one is where the instruction writes.
    pub(super) positions: Vec<Position>,
    /// Whether the instruction may read what it writes.
    pub(super) overlaps: bool,
}

/// An operand that is a position.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) operand: u32,
    pub(super) of: Range,
    /// By how much one element of the length moves it.
    pub(super) step: i32,
}

/// What a position is in.
#[derive(Clone, Copy)]
pub(super) enum Range {
    Memory(u32),
    /// The array in this operand.
    Array(u32),
    /// A segment of this size.
    Segment(u64),
}

impl Position {
    fn new(operand: u32, of: Range) -> Self {
        let step = 1;
        Self { operand, of, step }
    }
}

impl Bulk {
    /// The instruction, unless it never takes long.
    pub(super) fn of(operator: &Operator<'_>, sources: &Sources) -> Option<Self> {
        let is_long = |bulk: Self, size: u64| (size > bulk.piece(sources) as u64).then_some(bulk);
        match *operator {
            Operator::MemoryFill { mem } => Some(Self::Fill { memory: mem }),
            Operator::MemoryCopy { dst_mem, src_mem } => Some(Self::Copy {
                to: dst_mem,
                from: src_mem,
            }),
            Operator::MemoryInit { data_index, mem } => {
                let (memory, segment) = (mem, data_index);
                let size = sources.data[segment as usize];
                is_long(Self::Init { memory, segment }, size)
            }
            Operator::ArrayFill { array_type_index } => Some(Self::FillArray {
                array: array_type_index,
            }),
            Operator::ArrayCopy {
                array_type_index_dst,
                array_type_index_src,
            } => Some(Self::CopyArray {
                to: array_type_index_dst,
                from: array_type_index_src,
            }),
            Operator::ArrayInitData {
                array_type_index,
                array_data_index,
            } => {
                let (array, segment) = (array_type_index, array_data_index);
                let bytes = sources.bytes(array).unwrap_or(1);
                let size = sources.data[segment as usize] / bytes as u64;
                is_long(Self::InitData { array, segment }, size)
            }
            Operator::ArrayInitElem {
                array_type_index,
                array_elem_index,
            } => {
                let (array, segment) = (array_type_index, array_elem_index);
                let size = sources.elements[segment as usize];
                is_long(Self::InitElem { array, segment }, size)
            }
            _ => None,
        }
    }

    pub(super) fn instruction(self) -> Instruction<'static> {
        match self {
            Self::Fill { memory } => Instruction::MemoryFill(memory),
            Self::Copy { to, from } => Instruction::MemoryCopy {
                src_mem: from,
                dst_mem: to,
            },
            Self::Init { memory, segment } => Instruction::MemoryInit {
                mem: memory,
                data_index: segment,
            },
            Self::FillArray { array } => Instruction::ArrayFill(array),
            Self::CopyArray { to, from } => Instruction::ArrayCopy {
                array_type_index_dst: to,
                array_type_index_src: from,
            },
            Self::InitData { array, segment } => Instruction::ArrayInitData {
                array_type_index: array,
                array_data_index: segment,
            },
            Self::InitElem { array, segment } => Instruction::ArrayInitElem {
                array_type_index: array,
                array_elem_index: segment,
            },
        }
    }

    /// How many elements are transferred between two checks: bytes of memories, elements of arrays.
    pub(super) fn piece(self, sources: &Sources) -> i32 {
        match self {
            Self::Fill { .. } | Self::Copy { .. } | Self::Init { .. } => PIECE,
            Self::FillArray { array }
            | Self::CopyArray { to: array, .. }
            | Self::InitData { array, .. }
            | Self::InitElem { array, .. } => match sources.bytes(array) {
                Some(bytes) => PIECE / bytes,
                None => REFERENCES,
            },
        }
    }

    /// # Errors
    /// None for a valid module.
    pub(super) fn form(self, shape: &Shape, sources: &Sources) -> Result<Form, reencode::Error> {
        use Range::{Array, Memory, Segment};
        use ValType::{I32, I64};

        let address = |memory: u32| match shape.memories[memory as usize] {
            Width::Narrow => I32,
            Width::Wide => I64,
        };
        let (operands, positions) = match self {
            Self::Fill { memory } => (
                vec![address(memory), I32, address(memory)],
                vec![Position::new(0, Memory(memory))],
            ),
            Self::Copy { to, from } => {
                let wide = address(to) == I64 && address(from) == I64;
                let length = if wide { I64 } else { I32 };
                (
                    vec![address(to), address(from), length],
                    vec![Position::new(0, Memory(to)), Position::new(1, Memory(from))],
                )
            }
            Self::Init { memory, segment } => {
                let data = Segment(sources.data[segment as usize]);
                (
                    vec![address(memory), I32, I32],
                    vec![Position::new(0, Memory(memory)), Position::new(1, data)],
                )
            }
            Self::FillArray { array } => (
                vec![reference(array), I32, sources.element(array)?, I32],
                vec![Position::new(1, Array(0))],
            ),
            Self::CopyArray { to, from } => (
                vec![reference(to), I32, reference(from), I32, I32],
                vec![Position::new(1, Array(0)), Position::new(3, Array(2))],
            ),
            Self::InitData { array, segment } => {
                let data = Position {
                    operand: 2,
                    of: Segment(sources.data[segment as usize]),
                    step: sources.bytes(array).unwrap_or(1),
                };
                (
                    vec![reference(array), I32, I32, I32],
                    vec![Position::new(1, Array(0)), data],
                )
            }
            Self::InitElem { array, segment } => {
                let elements = Segment(sources.elements[segment as usize]);
                (
                    vec![reference(array), I32, I32, I32],
                    vec![Position::new(1, Array(0)), Position::new(2, elements)],
                )
            }
        };
        let overlaps = match self {
            Self::Copy { to, from } => to == from,
            // Two operands may be the same array, even if their types differ.
            Self::CopyArray { .. } => true,
            _ => false,
        };
        Ok(Form {
            operands,
            positions,
            overlaps,
        })
    }
}

/// The type of an operand that is an array. Operands of subtypes are accepted too.
fn reference(array: u32) -> ValType {
    ValType::Ref(RefType {
        nullable: true,
        heap_type: HeapType::Concrete(array),
    })
}

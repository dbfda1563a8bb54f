//! Every instruction of WebAssembly as the body of one function, again and again: what costs a compiler more than it
//! adds to the module shows here, whoever suspects it.
//!
//! The list is what wasmparser can read. What an instruction needs is found by asking the validator: it says which
//! operand is missing, and whether results are left. It knows no engine, and no instruction by name.

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, FieldType,
    FunctionSection, GlobalSection, GlobalType, HeapType, MemorySection, RefType, Section,
    StorageType, TableSection, TagKind, TagSection, TagType, TypeSection, ValType,
};
use wasmparser::{BinaryReader, OperatorsReader, Validator, WasmFeatures};

use super::make::{finish, memory, table};

/// A piece of code that can follow itself.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The instruction, as wasmparser calls it, and how it is used.
    pub name: String,
    code: Vec<u8>,
}

/// The first bytes of instructions that have further ones.
const PREFIXES: [u8; 4] = [0xfb, 0xfc, 0xfd, 0xfe];
/// How many instructions a prefix has at most.
const SECOND: u32 = 300;
/// What stands for every immediate value: the first that makes an instruction valid.
const FILL: [u8; 6] = [0, 1, 2, 3, 4, 5];
/// More operands and results than any instruction has.
const MOST: usize = 8;

/// The types of locals, by their indices. All functions have the first six.
const LOCALS: [(&str, ValType); 9] = [
    ("i32", ValType::I32),
    ("i64", ValType::I64),
    ("f32", ValType::F32),
    ("f64", ValType::F64),
    ("funcref", ValType::FUNCREF),
    ("externref", ValType::EXTERNREF),
    ("v128", ValType::V128),
    ("anyref", ValType::Ref(RefType::ANYREF)),
    ("eqref", ValType::Ref(RefType::EQREF)),
];
const COMMON: usize = 6;
/// Types that only GC has follow the one that all modules have, and a local for each.
const OBJECTS: [fn(&mut TypeSection); 5] = [
    |types| types.ty().struct_([field(StorageType::I8); 6]),
    |types| types.ty().array(&StorageType::Val(ValType::I32), true),
    |types| {
        types
            .ty()
            .struct_([field(StorageType::Val(ValType::I32)); 6])
    },
    |types| types.ty().array(&StorageType::I8, true),
    |types| types.ty().array(&StorageType::Val(ValType::FUNCREF), true),
];

const fn field(element_type: StorageType) -> FieldType {
    FieldType {
        element_type,
        mutable: true,
    }
}

const END: u8 = 0x0b;
const DROP: u8 = 0x1a;
const CALL: [u8; 2] = [0x10, 0];
const REF_FUNC: [u8; 2] = [0xd2, 0];
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const IF: [u8; 4] = [LOCAL_GET, 0, 0x04, 0x40];

/// Every instruction that can be followed by itself, in every use.
pub fn pieces() -> Vec<Piece> {
    let plain = (0..=u8::MAX).map(|first| vec![first]);
    let prefixed = PREFIXES.iter().flat_map(|&prefix| {
        (0..SECOND).map(move |second| {
            let mut code = vec![prefix];
            code.extend(leb(second));
            code
        })
    });
    plain.chain(prefixed).flat_map(|code| uses(&code)).collect()
}

/// A module of one function that is as long as that, of a piece again and again.
pub fn repeated(piece: &Piece, bytes: usize) -> Vec<u8> {
    let times = (bytes / piece.code.len()).max(1);
    module(&piece.code.repeat(times))
}

/// The ways to use an instruction, of which these are the first bytes.
fn uses(first: &[u8]) -> Vec<Piece> {
    let Some((name, code, results)) = FILL.iter().find_map(|&fill| complete(first, fill)) else {
        return Vec::new();
    };
    let drops = vec![DROP; results];
    let dropped = [&code[..], &drops].concat();
    let mut uses = Vec::new();
    let mut add = |how: &str, code: Vec<u8>| {
        if is_valid(&code.repeat(2)) {
            let name = format!("{name}, {how}");
            uses.push(Piece { name, code });
        }
    };
    // What comes after one that never ends is not compiled, so it has its own arm.
    if is_valid(&[&dropped[..], &[DROP]].concat()) {
        add("never reached", dropped.clone());
    } else {
        add("dropped", dropped.clone());
        let kept = (0..LOCALS.len() as u8).map(|local| [&code[..], &[LOCAL_SET, local]].concat());
        if results == 1
            && let Some(kept) = { kept }.find(|code| is_valid(code))
        {
            add("kept", kept);
        }
        add("before a call", [&dropped[..], &CALL].concat());
    }
    add("in a condition", [&IF[..], &dropped, &[END]].concat());
    uses
}

/// The name of an instruction, its code with its operands, and how many results it has.
fn complete(first: &[u8], fill: u8) -> Option<(String, Vec<u8>, usize)> {
    let mut bytes = first.to_vec();
    bytes.extend([fill; 20]);
    let mut reader = OperatorsReader::new(BinaryReader::new(&bytes, 0));
    let operator = format!("{:?}", reader.read().ok()?);
    let length = reader.original_position() as usize;
    let name = operator.split([' ', '(']).next().unwrap_or_default();
    let mut instruction = bytes[..length].to_vec();
    if name == "Else" || name == "End" {
        return None;
    }
    let mut operands = Vec::new();
    let mut results = 0;
    let mut ended = false;
    for _ in 0..2 * MOST {
        let code = [&operands[..], &instruction, &vec![DROP; results]].concat();
        let Err(why) = check(&code) else {
            return Some((name.to_owned(), [operands, instruction].concat(), results));
        };
        if let Some((_, missing)) = why.split_once("type mismatch: expected ") {
            let (missing, nothing) = missing.split_once(" but ")?;
            if !nothing.starts_with("nothing on stack") {
                return None;
            }
            operands = [operand(missing, fill)?, operands].concat();
        } else if why.contains("values remaining on stack") {
            results += 1;
        } else if !ended {
            // A block, perhaps.
            instruction.push(END);
            ended = true;
        } else {
            return None;
        }
    }
    None
}

/// Code that gives a value of a type that the validator asks for.
fn operand(ty: &str, fill: u8) -> Option<Vec<u8>> {
    let local = |position: usize| Some(vec![LOCAL_GET, position as u8]);
    match LOCALS.iter().position(|(name, _)| *name == ty) {
        Some(position) => local(position),
        None if ty == "a type" => local(0),
        None if ty.contains("func") => Some(REF_FUNC.to_vec()),
        None if ty.contains("i31") || ty.contains("eq") => local(8),
        None if ty.contains("any") => local(7),
        None if ty.contains("ref") && fill > 0 => local(LOCALS.len() + usize::from(fill) - 1),
        None if ty.contains("ref") => Some(REF_FUNC.to_vec()),
        None => None,
    }
}

fn is_valid(code: &[u8]) -> bool {
    check(code).is_ok()
}

fn check(code: &[u8]) -> Result<(), String> {
    validate(&module(code))
}

fn validate(module: &[u8]) -> Result<(), String> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let checked = validator.validate_all(module);
    checked.map(drop).map_err(|error| error.to_string())
}

/// What a module has beside its code.
#[derive(Clone, Copy)]
struct World {
    /// How many of the locals, before those of objects.
    locals: usize,
    tags: u32,
    /// How many types of objects.
    objects: usize,
}

/// From those that every engine takes to those that few take.
const WORLDS: [World; 5] = {
    const fn world(locals: usize, tags: u32, objects: usize) -> World {
        World {
            locals,
            tags,
            objects,
        }
    }
    [
        world(COMMON, 0, 0),
        world(COMMON + 1, 0, 0),
        world(COMMON, 1, 0),
        world(LOCALS.len(), 0, OBJECTS.len()),
        world(LOCALS.len(), 1, OBJECTS.len()),
    ]
};

/// A module of one function, and of no more than its code needs.
fn module(code: &[u8]) -> Vec<u8> {
    let mut modules = WORLDS.iter().map(|world| of(code, *world));
    let valid = modules.find(|module| validate(module).is_ok());
    valid.unwrap_or_else(|| of(code, WORLDS[WORLDS.len() - 1]))
}

fn of(code: &[u8], world: World) -> Vec<u8> {
    let World {
        locals,
        tags,
        objects,
    } = world;
    let mut types = TypeSection::new();
    types.ty().function([], []);
    OBJECTS[..objects].iter().for_each(|add| add(&mut types));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut tables = TableSection::new();
    tables.table(table(10));
    let mut memories = MemorySection::new();
    memories.memory(memory());
    let mut tagged = TagSection::new();
    (0..tags).for_each(|_| {
        tagged.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx: 0,
        });
    });
    let mut globals = GlobalSection::new();
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(ty, &ConstExpr::i32_const(1));
    let mut elements = ElementSection::new();
    elements.passive(Elements::Functions([0].as_slice().into()));
    let mut data = DataSection::new();
    data.passive([1, 2, 3, 4]);
    let objects = (1..=objects as u32).map(|index| {
        ValType::Ref(RefType {
            nullable: true,
            heap_type: HeapType::Concrete(index),
        })
    });
    let locals = LOCALS[..locals].iter().map(|(_, ty)| *ty).chain(objects);
    let mut body = wasm_encoder::Function::new(locals.map(|ty| (1, ty)).collect::<Vec<_>>());
    body.raw(code.iter().copied());
    body.raw([END]);
    let mut bodies = CodeSection::new();
    bodies.function(&body);
    let count = DataCountSection { count: 1 };
    let before: [&dyn Section; 4] = [&types, &functions, &tables, &memories];
    let after: [&dyn Section; 5] = [&globals, &elements, &count, &bodies, &data];
    // An empty section is one as well.
    match tags {
        0 => finish(&[&before[..], &after].concat()),
        _ => finish(&[&before[..], &[&tagged], &after].concat()),
    }
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::pieces;

    /// One of each kind, and how many there are: whoever brings a new wasmparser sees what it adds.
    #[test]
    fn every_instruction_is_found() {
        let pieces = pieces();
        let mut names: Vec<_> = pieces
            .iter()
            .filter_map(|piece| piece.name.split(',').next())
            .collect();
        names.dedup();
        let known = [
            "Unreachable",
            "Block",
            "Loop",
            "If",
            "BrTable",
            "Call",
            "CallIndirect",
            "Select",
            "LocalTee",
            "GlobalSet",
            "I64Load32U",
            "MemoryGrow",
            "F64Const",
            "I64DivS",
            "I64TruncSatF64U",
            "MemoryInit",
            "MemoryCopy",
            "TableInit",
            "TableCopy",
            "TableGrow",
            "TableFill",
            "RefFunc",
            "V128Load8x8S",
            "I8x16Shuffle",
            "F64x2Nearest",
            "ReturnCall",
            "ReturnCallIndirect",
            "TryTable",
            "Throw",
            "StructNew",
            "ArrayCopy",
            "RefI31",
            "CallRef",
            "I64MulWideU",
        ];
        let missing: Vec<_> = known.iter().filter(|name| !names.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(names.len() > 500, "{}", names.len());
    }
}

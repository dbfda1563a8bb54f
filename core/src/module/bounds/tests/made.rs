//! A module for each bound that has exactly `n` of it, and not too much of anything else.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TagKind,
    TagSection, TagType, TypeSection, ValType,
};

pub(super) fn bytes(n: u64) -> Vec<u8> {
    // The headers of the module and of the section, with a length of four bytes.
    let data = vec![0; n as usize - 8 - 1 - 4 - 2];
    let section = CustomSection {
        name: "x".into(),
        data: data.into(),
    };
    let wasm = Module::new().section(&section).clone().finish();
    assert_eq!(wasm.len() as u64, n);
    wasm
}

pub(super) fn types(n: u64) -> Vec<u8> {
    let mut types = TypeSection::new();
    for _ in 0..n {
        types.ty().function([], []);
    }
    Module::new().section(&types).clone().finish()
}

pub(super) fn signature(n: u64) -> Vec<u8> {
    let mut types = TypeSection::new();
    let params = vec![ValType::I32; n as usize - 1];
    types.ty().function(params, [ValType::I64]);
    Module::new().section(&types).clone().finish()
}

pub(super) fn all_signatures(n: u64) -> Vec<u8> {
    const EACH: u64 = 500;
    let mut types = TypeSection::new();
    for _ in 0..n / EACH {
        types.ty().function([], vec![ValType::I32; EACH as usize]);
    }
    let rest = vec![ValType::I32; (n % EACH) as usize];
    types.ty().function(rest, []);
    Module::new().section(&types).clone().finish()
}

/// A program of one function that has one parameter, of which a call takes one value; and a type of ten.
fn passing(code: &[u8], part: usize) -> Vec<u8> {
    let mut types = void();
    types.ty().function([ValType::I32; 9], [ValType::I32]);
    let (mut functions, mut bodies) = (FunctionSection::new(), CodeSection::new());
    for part in code.chunks(part) {
        functions.function(0);
        bodies.function(&body(0, part));
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&bodies);
    module.finish()
}

/// Most of them through indirect calls with ten values.
pub(super) fn call_values(n: u64) -> Vec<u8> {
    const INDIRECT: u64 = 40_000;
    let indirect = [0x11, 1, 0].repeat(INDIRECT as usize);
    let direct = [0x10, 0].repeat((n - 10 * INDIRECT) as usize);
    passing(&[indirect, direct].concat(), 9000)
}

/// Most of them through a `br_table` out of a block with ten values in each function. Each target is a byte.
pub(super) fn branch_values(n: u64) -> Vec<u8> {
    // Far fewer than the bound of one function.
    const TARGETS: u64 = 10_000;
    const FUNCTION: usize = TARGETS as usize + 100;
    let branch = |targets: u64| {
        let mut code = vec![0x02, 1, 0x0e];
        // The last one is the default.
        wasm_encoder::Encode::encode(&(targets as u32 - 1), &mut code);
        code.resize(code.len() + targets as usize, 0);
        code.push(0x0b);
        code
    };
    let mut code = Vec::new();
    for _ in 0..n / 10 / TARGETS - 1 {
        code.extend(branch(TARGETS));
        code.resize(code.len().next_multiple_of(FUNCTION), 0x01);
    }
    // What is left, in two functions.
    let left = n / 10 % TARGETS + TARGETS;
    code.extend(branch(left / 2));
    code.resize(code.len().next_multiple_of(FUNCTION), 0x01);
    code.extend(branch(left.div_ceil(2)));
    code.extend([0x10, 0].repeat((n % 10) as usize));
    passing(&code, FUNCTION)
}

/// Four units for each direct call, thirteen for an indirect one.
pub(super) fn calls(n: u64) -> Vec<u8> {
    let indirect = n % 4;
    let direct = (n - 13 * indirect) / 4;
    let indirect = [0x11, 1, 0].repeat(indirect as usize);
    passing(
        &[indirect, [0x10, 0].repeat(direct as usize)].concat(),
        usize::MAX,
    )
}

pub(super) fn block_values(n: u64) -> Vec<u8> {
    let (ten, one) = ([3, 1, 0x0b], [2, 0, 0x0b]);
    let ten = ten.repeat((n / 10) as usize);
    passing(&[ten, one.repeat((n % 10) as usize)].concat(), 300_000)
}

pub(super) fn imports(n: u64) -> Vec<u8> {
    let mut imports = ImportSection::new();
    for _ in 0..n {
        imports.import("a", "b", EntityType::Function(0));
    }
    Module::new()
        .section(&void())
        .section(&imports)
        .clone()
        .finish()
}

pub(super) fn exports(n: u64) -> Vec<u8> {
    let mut exports = ExportSection::new();
    for index in 0..n {
        exports.export(&index.to_string(), ExportKind::Func, 0);
    }
    Module::new().section(&exports).clone().finish()
}

pub(super) fn functions(n: u64) -> Vec<u8> {
    program((0..n).map(|_| body(0, b"")))
}

pub(super) fn function_bytes(n: u64) -> Vec<u8> {
    // One for the number of locals, one for the end.
    program([body(0, &vec![1; n as usize - 2])])
}

/// One of them is a parameter.
pub(super) fn locals(n: u64) -> Vec<u8> {
    program([body(0, b""), body(n as u32 - 1, b"")])
}

pub(super) fn all_locals(n: u64) -> Vec<u8> {
    const EACH: u64 = 8_000;
    let full = (0..n / EACH).map(|_| body(EACH as u32 - 1, b""));
    let rest = (0..n % EACH).map(|_| body(0, b""));
    program(full.chain(rest))
}

pub(super) fn nesting(n: u64) -> Vec<u8> {
    let mut function = Function::new([]);
    for _ in 0..n {
        function.instructions().block(BlockType::Empty);
    }
    for _ in 0..=n {
        function.instructions().end();
    }
    program([function])
}

pub(super) fn loops(n: u64) -> Vec<u8> {
    program([body(
        0,
        &[[3, 0x40].repeat(n as usize), vec![0x0b; n as usize]].concat(),
    )])
}

/// This many consecutive blocks in a function with one parameter.
fn blocks(blocks: u64, locals: u64) -> Function {
    body(locals as u32 - 1, &[2, 0x40, 0x0b].repeat(blocks as usize))
}

pub(super) fn block_locals(n: u64) -> Vec<u8> {
    let locals = (50..).find(|locals| n.is_multiple_of(*locals));
    let locals = locals.expect("n divides itself");
    program([blocks(n / locals, locals)])
}

pub(super) fn all_block_locals(n: u64) -> Vec<u8> {
    const EACH: u64 = 5_000;
    let full = (0..n / (100 * EACH)).map(|_| blocks(EACH, 100));
    let rest = n % (100 * EACH);
    program(full.chain([blocks(rest / 100, 100), blocks(rest % 100, 1)]))
}

/// A function that sets locals in a hundred loops, and another one in fewer.
fn looping(n: u64) -> Function {
    let mut code = Vec::new();
    let set = |local: u64| {
        let local = [local as u8 | 0x80, (local >> 7) as u8];
        [&[0x41, 0, 0x21], &local[..]].concat()
    };
    for depth in 1..=100 {
        code.extend([3, 0x40]);
        if depth == n % 100 {
            code.extend(set(0));
        }
    }
    // Setting a local again does not count.
    for local in (1..=n / 100).chain(1..=n / 100) {
        code.extend(set(local));
    }
    code.extend([0x0b; 100]);
    body((n / 100) as u32 + 1, &code)
}

pub(super) fn loop_locals(n: u64) -> Vec<u8> {
    program([looping(n)])
}

pub(super) fn all_loop_locals(n: u64) -> Vec<u8> {
    const EACH: u64 = 20_000;
    let full = (0..n / EACH).map(|_| looping(EACH));
    program(full.chain([looping(n % EACH)]))
}

/// Ten thousand times `n` pairs, as squares of a few numbers.
fn squares(n: u64) -> Vec<u64> {
    let mut rest = n * 10_000;
    let mut roots = Vec::new();
    while rest > 0 {
        roots.push(rest.isqrt());
        rest -= rest.isqrt().pow(2);
    }
    roots
}

/// Sets of a local of their own inside as many blocks as these numbers say.
fn setting(depths: &[u64]) -> Function {
    let mut code = Vec::new();
    for (local, depth) in depths.iter().enumerate() {
        code.extend([2, 0x40].repeat(*depth as usize));
        code.extend([0x41, 0, 0x21, local as u8]);
        code.extend(vec![0x0b; *depth as usize]);
    }
    body(depths.len() as u32, &code)
}

pub(super) fn set_nesting(n: u64) -> Vec<u8> {
    program([setting(&squares(n))])
}

pub(super) fn all_set_nesting(n: u64) -> Vec<u8> {
    // Far fewer than the bound of one function.
    const EACH: u64 = 400;
    let full = (0..n / EACH).map(|_| setting(&squares(EACH)));
    program(full.chain([setting(&squares(n % EACH))]))
}

/// Blocks one after the other, of which some set a local.
fn merging(n: u64) -> Function {
    let sets = match n {
        0..100 => 100,
        100..10_000 => 1000,
        _ => 10_000,
    };
    let others = (n * 10_000 / sets).saturating_sub(sets);
    let setting = [2, 0x40, 0x41, 0, 0x21, 0, 0x0b].repeat((sets * n.min(1)) as usize);
    let other = [2, 0x40, 0x0b].repeat(others as usize);
    body(1, &[setting, other].concat())
}

pub(super) fn merges(n: u64) -> Vec<u8> {
    program([merging(n)])
}

pub(super) fn all_merges(n: u64) -> Vec<u8> {
    // Far fewer than the bound of one function.
    const EACH: u64 = 10_000;
    let full = (0..n / EACH).map(|_| merging(EACH));
    program(full.chain([merging(n % EACH)]))
}

/// `table.copy`, 19 units each, `data.drop`, 2 units each, and at most one `table.set`, 3 units. `n` is not 1.
fn copying(n: u64) -> Function {
    let rest = match n % 19 {
        1 => 20,
        rest => rest,
    };
    let copies = [0xfc, 14, 0, 0].repeat((n - rest) as usize / 19);
    let set = [0x26, 0].repeat(rest as usize % 2);
    let drops = [0xfc, 9, 0].repeat((rest - rest % 2 * 3) as usize / 2);
    body(0, &[copies, set, drops].concat())
}

pub(super) fn long(n: u64) -> Vec<u8> {
    program([copying(n)])
}

pub(super) fn all_long(n: u64) -> Vec<u8> {
    // Far fewer than the bound of one function.
    const EACH: u64 = 100_000;
    let whole = (1..n / EACH).map(|_| copying(EACH));
    program(whole.chain([copying(EACH + n % EACH)]))
}

/// An instruction, `n` times in one function.
pub(super) fn repeated(instruction: &[u8], n: usize) -> Vec<u8> {
    program([body(0, &instruction.repeat(n))])
}

/// `array.copy` between arrays of these types.
pub(super) fn arrays(types: &[(u8, u8)]) -> Vec<u8> {
    let copy = |(to, from): &(u8, u8)| [0xfb, 17, *to, *from];
    program([body(0, &types.iter().flat_map(copy).collect::<Vec<_>>())])
}

/// `table.get`, a unit each.
fn getting(n: u64) -> Function {
    body(0, &[0x25, 0].repeat(n as usize))
}

pub(super) fn costly(n: u64) -> Vec<u8> {
    program([getting(n)])
}

/// Blocks with a value, a unit each.
pub(super) fn costly_blocks(n: u64) -> Vec<u8> {
    program([body(
        0,
        &[0x02, 0x7f, 0x41, 0, 0x0b, 0x1a].repeat(n as usize),
    )])
}

pub(super) fn costly_pairs(n: u64) -> Vec<u8> {
    let of = |pairs: u64, units: u64| (0..pairs).map(move |_| getting(units));
    let bodies = of(n / 10_000, 10_000).chain(of(n / 100 % 100, 1000));
    program(bodies.chain(of(n % 100, 100)))
}

pub(super) fn indirect_calls(n: u64) -> Vec<u8> {
    // Far fewer than the bound of one function.
    const EACH: u64 = 4000;
    let calling = |n: u64| body(0, &[0x11, 0, 0].repeat(n as usize));
    let whole = (0..n / EACH).map(|_| calling(EACH));
    program(whole.chain([calling(n % EACH)]))
}

/// One of them is imported.
pub(super) fn globals(n: u64) -> Vec<u8> {
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    let mut globals = GlobalSection::new();
    for _ in 1..n {
        globals.global(ty, &ConstExpr::i32_const(0));
    }
    importing(ty, |module| module.section(&globals))
}

pub(super) fn tags(n: u64) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut tags = TagSection::new();
    for _ in 0..n {
        tags.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx: 0,
        });
    }
    let mut module = Module::new();
    module.section(&types).section(&tags).clone().finish()
}

/// One of them is imported.
pub(super) fn memories(n: u64) -> Vec<u8> {
    let ty = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let mut memories = MemorySection::new();
    for _ in 1..n {
        memories.memory(ty);
    }
    importing(ty, |module| module.section(&memories))
}

/// One of them is imported.
pub(super) fn tables(n: u64) -> Vec<u8> {
    let mut tables = TableSection::new();
    for _ in 1..n {
        tables.table(table(0));
    }
    importing(table(0), |module| module.section(&tables))
}

/// Most of them are in an imported table.
pub(super) fn table_elements(n: u64) -> Vec<u8> {
    let mut tables = TableSection::new();
    tables.table(table(7));
    importing(table(n - 7), |module| module.section(&tables))
}

pub(super) fn element_segments(n: u64) -> Vec<u8> {
    let mut elements = ElementSection::new();
    for _ in 0..n {
        elements.passive(Elements::Functions([0].as_slice().into()));
    }
    Module::new().section(&elements).clone().finish()
}

pub(super) fn data_segments(n: u64) -> Vec<u8> {
    let mut data = DataSection::new();
    for _ in 0..n {
        data.passive([]);
    }
    Module::new().section(&data).clone().finish()
}

fn table(minimum: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum,
        maximum: None,
        shared: false,
    }
}

fn void() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    types
}

fn importing(ty: impl Into<EntityType>, rest: impl FnOnce(&mut Module) -> &mut Module) -> Vec<u8> {
    let mut imports = ImportSection::new();
    imports.import("a", "b", ty);
    rest(Module::new().section(&imports)).clone().finish()
}

/// Instructions are given as bytes.
fn body(locals: u32, instructions: &[u8]) -> Function {
    let mut function = Function::new((locals > 0).then_some((locals, ValType::I32)));
    function.raw(instructions.iter().copied());
    function.instructions().end();
    function
}

/// All functions have one parameter.
fn program(bodies: impl IntoIterator<Item = Function>) -> Vec<u8> {
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for body in bodies {
        functions.function(0);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&void()).section(&functions).section(&code);
    module.finish()
}

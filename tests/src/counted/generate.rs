//! Makes modules whose way is hard to follow: blocks of every kind, with branches between them in every
//! direction, calls, code that cannot be reached, and ranges.
//!
//! Every module is valid, exports `run`, and ends: a global counts how many turns and calls there may be.
//! It imports the host function `tick`, which is index 0, and two functions of the kernel.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, Instruction, MemArg, MemArgTarget, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

use crate::random::Random;

/// How many turns of loops and calls of functions there may be.
const TURNS: i32 = 300;
/// About how many statements a function has at most.
const STATEMENTS: i32 = 40;

/// The types, by index: parameters and results, all `i32`.
const TYPES: &[(usize, usize)] = &[(0, 1), (1, 1), (2, 1), (1, 2), (0, 0), (0, 2)];
/// The types of functions that are called.
const CALLED: &[u32] = &[1, 2, 3];
/// The type of functions of the kernel.
const KERNEL: u32 = TYPES.len() as u32;
const IMPORTED: u32 = 3;
const TABLE: u64 = 16;

/// A module. `tail_calls` says whether the engines that it is for have them.
pub fn generate(random: &mut Random, tail_calls: TailCalls) -> Vec<u8> {
    let functions: Vec<u32> = (0..2 + random.below(5))
        .map(|_| random.one_of(CALLED))
        .collect();
    let mut module = Module::new();
    let mut types = TypeSection::new();
    for (params, results) in TYPES {
        let numbers = |count: &usize| vec![ValType::I32; *count];
        types.ty().function(numbers(params), numbers(results));
    }
    types.ty().function([ValType::I64], [ValType::I64]);
    module.section(&types);
    let mut imports = ImportSection::new();
    imports
        .import("extism:host/user", "tick", EntityType::Function(4))
        .import("extism:host/env", "length", EntityType::Function(KERNEL))
        .import("extism:host/env", "alloc", EntityType::Function(KERNEL));
    module.section(&imports);
    let mut section = FunctionSection::new();
    section.function(0);
    for ty in &functions {
        section.function(*ty);
    }
    module.section(&section);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: TABLE,
        maximum: Some(TABLE + 4),
        shared: false,
    });
    module.section(&tables);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(3),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    module.section(&memories);
    let mut globals = GlobalSection::new();
    for start in [TURNS, 1, 2] {
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(start));
    }
    module.section(&globals);
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, IMPORTED);
    module.section(&exports);
    let all = (0..functions.len() as u32).map(|function| IMPORTED + 1 + function);
    let filled: Vec<_> = all.clone().cycle().take(TABLE as usize - 2).collect();
    let mut elements = ElementSection::new();
    let start = ConstExpr::i32_const(0);
    elements.active(Some(0), &start, Elements::Functions(filled.into()));
    elements.passive(Elements::Functions(all.collect::<Vec<_>>().into()));
    module.section(&elements);
    module.section(&DataCountSection { count: 1 });
    let mut code = CodeSection::new();
    for ty in [0].iter().chain(&functions) {
        code.function(&Body::new(random, &functions, tail_calls, *ty).function());
    }
    module.section(&code);
    let mut data = DataSection::new();
    data.passive(b"sixteen bytes ..".iter().copied());
    module.section(&data);
    module.finish()
}

/// Whether there are tail calls in a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailCalls {
    /// Some.
    Some,
    /// None.
    None,
}

/// A function that is being made.
struct Body<'a> {
    random: &'a mut Random,
    functions: &'a [u32],
    tail_calls: TailCalls,
    results: usize,
    locals: u32,
    /// How many values a branch takes to each open block.
    labels: Vec<usize>,
    left: i32,
    out: Vec<Instruction<'static>>,
}

/// Locals beside the parameters.
const LOCALS: u32 = 3;

const BYTE: MemArg = MemArg {
    offset: 0,
    align: 0,
    target: MemArgTarget::Memory(0),
    ordering: None,
};

impl<'a> Body<'a> {
    fn new(random: &'a mut Random, functions: &'a [u32], tail_calls: TailCalls, ty: u32) -> Self {
        let (params, results) = TYPES[ty as usize];
        let left = 5 + random.below(STATEMENTS as u64) as i32;
        Self {
            random,
            functions,
            tail_calls,
            results,
            locals: params as u32 + LOCALS,
            labels: vec![results],
            left,
            out: Vec::new(),
        }
    }

    fn function(mut self) -> Function {
        self.turn();
        while self.left > 0 {
            self.statement();
        }
        self.values(self.results);
        let mut function = Function::new([(LOCALS, ValType::I32)]);
        for instruction in &self.out {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        function
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.random.below(one_in) == 0
    }

    fn put(&mut self, instruction: Instruction<'static>) {
        self.out.push(instruction);
    }

    fn number(&mut self, below: u64) -> Instruction<'static> {
        Instruction::I32Const(self.random.below(below) as i32)
    }

    /// Returns if there were enough turns.
    fn turn(&mut self) {
        self.put(Instruction::GlobalGet(0));
        self.put(Instruction::I32Eqz);
        self.put(Instruction::If(BlockType::Empty));
        for _ in 0..self.results {
            self.put(Instruction::I32Const(7));
        }
        self.put(Instruction::Return);
        self.put(Instruction::End);
        self.put(Instruction::GlobalGet(0));
        self.put(Instruction::I32Const(1));
        self.put(Instruction::I32Sub);
        self.put(Instruction::GlobalSet(0));
    }

    fn local(&mut self) -> u32 {
        self.random.below(self.locals.into()) as u32
    }

    fn values(&mut self, count: usize) {
        for _ in 0..count {
            self.value();
        }
    }

    fn drops(&mut self, count: usize) {
        for _ in 0..count {
            let instruction = match self.chance(2) {
                true => Instruction::Drop,
                false => Instruction::LocalSet(self.local()),
            };
            self.put(instruction);
        }
    }

    /// Some statements in a block that takes this many values along with a branch, and gives as many at its
    /// end.
    fn inside(&mut self, arity: usize) {
        self.labels.push(arity);
        self.statements();
        self.values(arity);
        self.labels.pop();
    }

    fn statements(&mut self) {
        for _ in 0..self.random.below(5) {
            self.statement();
        }
    }

    /// Something that leaves one value.
    fn value(&mut self) {
        self.left -= 1;
        let deep = self.left <= 0 || self.labels.len() > 8;
        match self.random.below(if deep { 4 } else { 13 }) {
            0 => {
                let number = self.number(300);
                self.put(number);
            }
            1 | 2 => {
                let local = self.local();
                self.put(Instruction::LocalGet(local));
            }
            3 => self.put(Instruction::GlobalGet(1)),
            4..=6 => {
                self.values(2);
                let operator = match self.random.below(8) {
                    0 => Instruction::I32Add,
                    1 => Instruction::I32Sub,
                    2 => Instruction::I32Mul,
                    3 => Instruction::I32Xor,
                    4 => Instruction::I32LtS,
                    5 => Instruction::I32Eq,
                    6 => Instruction::I32ShrU,
                    _ => Instruction::I32And,
                };
                self.put(operator);
            }
            7 => {
                self.values(2);
                // Seldom nothing but a division by zero.
                if !self.chance(20) {
                    self.put(Instruction::I32Const(1));
                    self.put(Instruction::I32Or);
                }
                self.put(Instruction::I32DivU);
            }
            8 => {
                self.address();
                self.put(Instruction::I32Load8U(BYTE));
            }
            9 => {
                self.values(3);
                self.put(Instruction::Select);
            }
            10 => {
                self.value();
                self.put(Instruction::If(BlockType::Result(ValType::I32)));
                self.inside(1);
                self.put(Instruction::Else);
                self.inside(1);
                self.put(Instruction::End);
            }
            11 => {
                self.put(Instruction::Block(BlockType::Result(ValType::I32)));
                self.inside(1);
                self.put(Instruction::End);
            }
            _ => self.put(Instruction::MemorySize(0)),
        }
    }

    /// An address that seldom is outside of the memory.
    fn address(&mut self) {
        self.value();
        if !self.chance(30) {
            self.put(Instruction::I32Const(0x7fff));
            self.put(Instruction::I32And);
        }
    }

    /// Something that leaves the stack as it is.
    fn statement(&mut self) {
        self.left -= 1;
        if self.left <= 0 || self.labels.len() > 8 {
            return self.put(Instruction::Nop);
        }
        match self.random.below(25) {
            0..=2 => {
                self.value();
                let local = self.local();
                self.put(Instruction::LocalSet(local));
            }
            3 => {
                self.value();
                self.put(Instruction::GlobalSet(1));
            }
            4 | 5 => {
                self.value();
                self.put(Instruction::If(BlockType::Empty));
                self.inside(0);
                if self.chance(2) {
                    self.put(Instruction::Else);
                    self.inside(0);
                }
                self.put(Instruction::End);
            }
            6 | 7 => {
                self.put(Instruction::Block(BlockType::Empty));
                self.inside(0);
                self.put(Instruction::End);
            }
            8 => {
                // It takes one value and gives two.
                self.value();
                self.put(Instruction::Block(BlockType::FunctionType(3)));
                self.drops(1);
                self.inside(2);
                self.put(Instruction::End);
                self.drops(2);
            }
            9..=11 => self.looping(),
            12 | 13 => {
                let depth = self.depth();
                let arity = self.arity(depth);
                self.values(arity);
                self.value();
                self.put(Instruction::BrIf(depth));
                self.drops(arity);
            }
            14 if self.labels.len() > 1 => {
                let depth = self.depth();
                self.values(self.arity(depth));
                self.put(Instruction::Br(depth));
                self.dead();
            }
            15 if self.labels.len() > 1 => self.table_of_branches(),
            16 | 17 => self.call(),
            18 | 19 => self.put(Instruction::Call(0)),
            24 if self.chance(3) => self.leave(),
            20 => {
                // An offset at which there never is a block; or a new one.
                let quiet = 1 + self.random.below(2) as u32;
                let length = self.random.below(5000) as i64 & !1;
                self.put(Instruction::I64Const(length | 1));
                self.put(Instruction::Call(quiet));
                self.put(Instruction::Drop);
            }
            21 => {
                self.address();
                self.value();
                self.put(Instruction::I32Store8(BYTE));
            }
            22 => self.range(),
            _ => self.looping(),
        }
    }

    fn looping(&mut self) {
        let counter = self.local();
        let turns = self.number(6);
        self.put(turns);
        self.put(Instruction::LocalSet(counter));
        let takes_one = self.chance(3);
        if takes_one {
            self.value();
            self.put(Instruction::Loop(BlockType::FunctionType(1)));
            self.drops(1);
        } else {
            self.put(Instruction::Loop(BlockType::Empty));
        }
        let arity = usize::from(takes_one);
        self.labels.push(arity);
        self.turn();
        self.statements();
        self.values(arity);
        if !self.chance(4) {
            self.put(Instruction::LocalGet(counter));
            self.put(Instruction::I32Const(1));
            self.put(Instruction::I32Sub);
            self.put(Instruction::LocalTee(counter));
            self.put(Instruction::BrIf(0));
        }
        self.labels.pop();
        self.put(Instruction::End);
        self.drops(arity);
    }

    /// An open block, by its depth.
    fn depth(&mut self) -> u32 {
        self.random.below(self.labels.len() as u64) as u32
    }

    fn arity(&self, depth: u32) -> usize {
        self.labels[self.labels.len() - 1 - depth as usize]
    }

    fn table_of_branches(&mut self) {
        let default = self.depth();
        let arity = self.arity(default);
        let depths = 0..self.labels.len() as u32;
        let fitting: Vec<_> = depths.filter(|depth| self.arity(*depth) == arity).collect();
        let targets: Vec<_> = (0..self.random.below(6))
            .map(|_| self.random.one_of(&fitting))
            .collect();
        self.values(arity);
        self.value();
        self.put(Instruction::I32Const(7));
        self.put(Instruction::I32And);
        self.put(Instruction::BrTable(targets.into(), default));
        self.dead();
    }

    /// Code that cannot be reached.
    fn dead(&mut self) {
        for _ in 0..self.random.below(3) {
            self.statement();
        }
    }

    fn call(&mut self) {
        let position = self.random.below(self.functions.len() as u64) as usize;
        let ty = self.functions[position];
        let (params, results) = TYPES[ty as usize];
        self.values(params);
        if self.chance(3) {
            self.value();
            self.put(Instruction::I32Const(TABLE as i32 - 1));
            self.put(Instruction::I32And);
            self.put(Instruction::CallIndirect {
                type_index: ty,
                table_index: 0,
            });
        } else {
            self.put(Instruction::Call(IMPORTED + 1 + position as u32));
        }
        self.drops(results);
    }

    fn range(&mut self) {
        let length = self.number(700);
        match self.random.below(6) {
            0 => {
                self.address();
                self.value();
                self.put(length);
                self.put(Instruction::MemoryFill(0));
            }
            1 => {
                self.address();
                self.address();
                self.put(length);
                self.put(Instruction::MemoryCopy {
                    src_mem: 0,
                    dst_mem: 0,
                });
            }
            2 => {
                self.address();
                let (start, length) = (self.number(4), self.number(13));
                self.put(start);
                self.put(length);
                self.put(Instruction::MemoryInit {
                    mem: 0,
                    data_index: 0,
                });
            }
            3 => {
                let pages = self.number(2);
                self.put(pages);
                self.put(Instruction::MemoryGrow(0));
                self.drops(1);
            }
            4 => {
                let (to, from, length) = (self.number(8), self.number(8), self.number(9));
                self.put(to);
                self.put(from);
                self.put(length);
                self.put(Instruction::TableCopy {
                    src_table: 0,
                    dst_table: 0,
                });
            }
            _ => {
                let (to, length) = (self.number(14), self.number(3));
                self.put(to);
                self.put(Instruction::I32Const(0));
                self.put(length);
                self.put(Instruction::TableInit {
                    elem_index: 1,
                    table: 0,
                });
            }
        }
    }

    /// Out of the function.
    fn leave(&mut self) {
        let fitting: Vec<_> = (0..self.functions.len())
            .filter(|position| TYPES[self.functions[*position] as usize].1 == self.results)
            .collect();
        if self.chance(12) {
            self.put(Instruction::Unreachable);
        } else if self.tail_calls == TailCalls::Some && !fitting.is_empty() && self.chance(2) {
            let position = self.random.one_of(&fitting);
            self.values(TYPES[self.functions[position] as usize].0);
            self.put(Instruction::ReturnCall(IMPORTED + 1 + position as u32));
        } else {
            self.values(self.results);
            self.put(Instruction::Return);
        }
        self.dead();
    }
}

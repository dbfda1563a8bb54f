//! Runs functions of a program and counts what they execute.

use wasmparser::{BlockType, ConstExpr, Operator};

use super::{
    memory::{Memory, access, range},
    numeric::numeric,
    program::{Body, Data, Item, Program},
};

/// How deep calls may go, and how much may be done: programs here end long before.
const DEEPEST: usize = 100_000;
const LONGEST: u64 = 100_000_000;

/// A trap of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trapped;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this in the place of the first result; 0 if there is none.
    Returned(u64),
    /// By a trap.
    Trapped,
    /// Nobody waited for it.
    TooLong,
}

/// A program with its state.
pub struct Machine<'a> {
    program: &'a Program<'a>,
    memories: Vec<Memory>,
    tables: Vec<Vec<u64>>,
    globals: Vec<u64>,
    elements: Vec<Vec<u64>>,
    data: Vec<&'a [u8]>,
    stack: Vec<u64>,
    frames: Vec<Frame<'a>>,
    /// What was executed since the last call began.
    count: u64,
    calls: Vec<(usize, u64)>,
}

/// A function that runs.
struct Frame<'a> {
    body: &'a Body<'a>,
    results: usize,
    /// The next instruction.
    next: usize,
    locals: Vec<u64>,
    /// The height of the stack without its values.
    base: usize,
    labels: Vec<Label>,
}

/// An open block.
#[derive(Clone, Copy)]
struct Label {
    /// How many values a branch takes along.
    arity: usize,
    /// The height of the stack around it.
    height: usize,
    /// The first instruction of a loop, or the end of another block.
    target: usize,
    is_loop: bool,
}

/// A reference to a function; 0 is no reference.
fn reference(function: u32) -> u64 {
    u64::from(function) + 1
}

impl<'a> Machine<'a> {
    /// The program in its first state; `None` if a segment does not fit.
    pub fn new(program: &'a Program<'a>) -> Option<Self> {
        let mut machine = Self {
            program,
            memories: program.memories.iter().map(Memory::new).collect(),
            tables: Vec::new(),
            globals: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
            stack: Vec::new(),
            frames: Vec::new(),
            count: 0,
            calls: Vec::new(),
        };
        for (_, init) in &program.globals {
            let value = machine.constant(init);
            machine.globals.push(value);
        }
        for (ty, init) in &program.tables {
            let value = init.as_ref().map_or(0, |init| machine.constant(init));
            machine.tables.push(vec![value; ty.initial as usize]);
        }
        for elements in &program.elements {
            let items = elements.items.iter().map(|item| match item {
                Item::Function(function) => reference(*function),
                Item::Expression(expression) => machine.constant(expression),
            });
            let items: Vec<_> = items.collect();
            if let Some((table, offset)) = &elements.place {
                let offset = machine.constant(offset);
                let table = &mut machine.tables[*table];
                let range = range(offset, items.len() as u64, table.len()).ok()?;
                table[range].copy_from_slice(&items);
            }
            machine.elements.push(match elements.is_passive {
                true => items,
                false => Vec::new(),
            });
        }
        for Data { place, bytes } in &program.data {
            machine.data.push(match place {
                None => bytes,
                Some((memory, offset)) => {
                    let offset = machine.constant(offset);
                    let memory = &mut machine.memories[*memory].bytes;
                    let range = range(offset, bytes.len() as u64, memory.len()).ok()?;
                    memory[range].copy_from_slice(bytes);
                    &[]
                }
            });
        }
        Some(machine)
    }

    fn constant(&self, expression: &ConstExpr<'_>) -> u64 {
        let mut stack = Vec::new();
        for operator in expression.get_operators_reader() {
            match operator.expect("the module is valid") {
                Operator::I32Const { value } => stack.push(u64::from(value.cast_unsigned())),
                Operator::I64Const { value } => stack.push(value.cast_unsigned()),
                Operator::F32Const { value } => stack.push(value.bits().into()),
                Operator::F64Const { value } => stack.push(value.bits()),
                Operator::RefNull { .. } => stack.push(0),
                Operator::RefFunc { function_index } => stack.push(reference(function_index)),
                Operator::GlobalGet { global_index } => {
                    stack.push(self.globals[global_index as usize]);
                }
                Operator::End => {}
                operator => {
                    let done = numeric(&operator, &mut stack);
                    done.expect("nothing else is constant")
                        .expect("constants do not trap");
                }
            }
        }
        stack.pop().expect("a constant has a value")
    }

    /// Calls an exported function without parameters.
    ///
    /// # Panics
    /// If there is none.
    pub fn call(&mut self, export: &str) -> End {
        let exports = &self.program.exports;
        let found = exports.iter().find(|(name, _)| *name == export);
        self.stack.clear();
        self.frames.clear();
        self.calls.clear();
        self.count = 0;
        self.enter(found.expect("it is exported").1);
        loop {
            if self.frames.is_empty() {
                return End::Returned(self.stack.first().copied().unwrap_or(0));
            }
            if self.frames.len() > DEEPEST || self.count > LONGEST {
                return End::TooLong;
            }
            if self.step() == Err(Trapped) {
                return End::Trapped;
            }
        }
    }

    /// What the last call executed, in units of fuel.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The imported functions that the last call called, by index, and what it had executed then.
    pub fn calls(&self) -> &[(usize, u64)] {
        &self.calls
    }

    fn pop(&mut self) -> u64 {
        self.stack.pop().expect("the module is valid")
    }

    /// Calls a function with the values on the stack.
    fn enter(&mut self, function: usize) {
        let ty = self.program.ty(function);
        let base = self.stack.len() - ty.params().len();
        let Some(own) = function.checked_sub(self.program.imported) else {
            self.calls.push((function, self.count));
            self.stack.truncate(base);
            self.stack.extend(ty.results().iter().map(|_| 0));
            return;
        };
        let body = &self.program.bodies[own];
        let mut locals = self.stack.split_off(base);
        locals.extend(body.locals.iter().map(|_| 0));
        self.frames.push(Frame {
            body,
            results: ty.results().len(),
            next: 0,
            locals,
            base,
            labels: Vec::new(),
        });
    }

    /// The function of a table that has this type.
    fn indirect(&mut self, ty: u32, table: u32) -> Result<usize, Trapped> {
        let index = self.pop();
        let found = self.tables[table as usize].get(index as usize);
        let function = found
            .and_then(|found| found.checked_sub(1))
            .ok_or(Trapped)? as usize;
        let expected = &self.program.types[ty as usize];
        match self.program.ty(function) == expected {
            true => Ok(function),
            false => Err(Trapped),
        }
    }

    /// Leaves the running function, whose results are on the stack.
    fn leave(&mut self) {
        let frame = self.frames.pop().expect("a function runs");
        self.keep(frame.results, frame.base);
    }

    /// Keeps the uppermost values, and drops what is between them and a height.
    fn keep(&mut self, values: usize, height: usize) {
        let first = self.stack.len() - values;
        self.stack.drain(height..first);
    }

    fn frame(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("a function runs")
    }

    fn branch(&mut self, depth: u32) {
        let frame = self.frame();
        let Some(position) = frame.labels.len().checked_sub(depth as usize + 1) else {
            return self.leave();
        };
        let label = frame.labels[position];
        frame.labels.truncate(position + usize::from(label.is_loop));
        frame.next = label.target + 1;
        self.keep(label.arity, label.height);
    }

    fn open(&mut self, ty: BlockType, target: usize, is_loop: bool) {
        let (params, results) = match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &self.program.types[index as usize];
                (ty.params().len(), ty.results().len())
            }
        };
        let label = Label {
            arity: match is_loop {
                true => params,
                false => results,
            },
            height: self.stack.len() - params,
            target,
            is_loop,
        };
        self.frame().labels.push(label);
    }

    fn step(&mut self) -> Result<(), Trapped> {
        use Operator as Op;
        let frame = self.frame();
        let at = frame.next;
        let (operator, (other, end)) = (&frame.body.operators[at], frame.body.ends[at]);
        frame.next += 1;
        self.count += match operator {
            Op::Block { .. } | Op::Loop { .. } | Op::Else | Op::End => 0,
            Op::MemoryGrow { .. } => 1000,
            _ => 1,
        };
        if let Some(done) = numeric(operator, &mut self.stack) {
            return done;
        }
        if let Some(done) = access(operator, &mut self.stack, &mut self.memories) {
            return done;
        }
        match *operator {
            Op::Nop => {}
            Op::Unreachable => return Err(Trapped),
            Op::Block { blockty } => self.open(blockty, end, false),
            Op::Loop { blockty } => self.open(blockty, at, true),
            Op::If { blockty } => {
                let taken = self.pop() != 0;
                self.open(blockty, end, false);
                if !taken {
                    // Behind the `else`, or to the end.
                    self.frame().next = if other == end { end } else { other + 1 };
                }
            }
            Op::Else => self.frame().next = end,
            Op::End => {
                if self.frame().labels.pop().is_none() {
                    self.leave();
                }
            }
            Op::Br { relative_depth } => self.branch(relative_depth),
            Op::BrIf { relative_depth } => {
                if self.pop() != 0 {
                    self.branch(relative_depth);
                }
            }
            Op::BrTable { ref targets } => {
                let index = self.pop() as usize;
                let mut depths = targets.targets().map(|depth| depth.expect("it is valid"));
                let depth = depths.nth(index).unwrap_or_else(|| targets.default());
                self.branch(depth);
            }
            Op::Return => self.leave(),
            Op::Call { function_index } => self.enter(function_index as usize),
            Op::CallIndirect {
                type_index,
                table_index,
            } => {
                let function = self.indirect(type_index, table_index)?;
                self.enter(function);
            }
            Op::ReturnCall { function_index } => self.tail_call(function_index as usize),
            Op::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let function = self.indirect(type_index, table_index)?;
                self.tail_call(function);
            }
            Op::Drop => drop(self.pop()),
            Op::Select | Op::TypedSelect { .. } => {
                let (chosen, b, a) = (self.pop(), self.pop(), self.pop());
                self.stack.push(if chosen != 0 { a } else { b });
            }
            Op::I32Const { value } => self.stack.push(value.cast_unsigned().into()),
            Op::I64Const { value } => self.stack.push(value.cast_unsigned()),
            Op::F32Const { value } => self.stack.push(value.bits().into()),
            Op::F64Const { value } => self.stack.push(value.bits()),
            Op::RefNull { .. } => self.stack.push(0),
            Op::RefIsNull => {
                let is_null = self.pop() == 0;
                self.stack.push(is_null.into());
            }
            Op::RefFunc { function_index } => self.stack.push(reference(function_index)),
            Op::LocalGet { local_index } => {
                let value = self.frame().locals[local_index as usize];
                self.stack.push(value);
            }
            Op::LocalSet { local_index } => {
                let value = self.pop();
                self.frame().locals[local_index as usize] = value;
            }
            Op::LocalTee { local_index } => {
                let value = self.pop();
                self.stack.push(value);
                self.frame().locals[local_index as usize] = value;
            }
            Op::GlobalGet { global_index } => self.stack.push(self.globals[global_index as usize]),
            Op::GlobalSet { global_index } => self.globals[global_index as usize] = self.pop(),
            ref operator => return self.on_ranges(operator),
        }
        Ok(())
    }

    fn tail_call(&mut self, function: usize) {
        let params = self.program.ty(function).params().len();
        let frame = self.frames.pop().expect("a function runs");
        self.keep(params, frame.base);
        self.enter(function);
    }

    /// Instructions on memories and tables.
    fn on_ranges(&mut self, operator: &Operator<'_>) -> Result<(), Trapped> {
        use Operator as Op;
        match *operator {
            Op::MemorySize { mem } => self.stack.push(self.memories[mem as usize].pages()),
            Op::MemoryGrow { mem } => {
                let pages = self.pop();
                let grown = self.memories[mem as usize].grow(pages);
                let none = none(self.program.memories[mem as usize].memory64);
                self.stack.push(grown.unwrap_or(none));
            }
            Op::MemoryFill { mem } => {
                let [start, value, length] = self.three();
                self.count += length / 64;
                let bytes = &mut self.memories[mem as usize].bytes;
                let range = range(start, length, bytes.len())?;
                bytes[range].fill(value as u8);
            }
            Op::MemoryCopy { dst_mem, src_mem } => {
                let [to, from, length] = self.three();
                self.count += length / 64;
                let source = &self.memories[src_mem as usize].bytes;
                let source = source[range(from, length, source.len())?].to_vec();
                let bytes = &mut self.memories[dst_mem as usize].bytes;
                let range = range(to, length, bytes.len())?;
                bytes[range].copy_from_slice(&source);
            }
            Op::MemoryInit { data_index, mem } => {
                let [to, from, length] = self.three();
                self.count += length / 64;
                let source = self.data[data_index as usize];
                let source = &source[range(from, length, source.len())?];
                let bytes = &mut self.memories[mem as usize].bytes;
                let range = range(to, length, bytes.len())?;
                bytes[range].copy_from_slice(source);
            }
            Op::DataDrop { data_index } => self.data[data_index as usize] = &[],
            Op::TableGet { table } => {
                let index = self.pop() as usize;
                let found = self.tables[table as usize].get(index).copied();
                self.stack.push(found.ok_or(Trapped)?);
            }
            Op::TableSet { table } => {
                let (value, index) = (self.pop(), self.pop() as usize);
                let place = self.tables[table as usize].get_mut(index);
                *place.ok_or(Trapped)? = value;
            }
            Op::TableSize { table } => self.stack.push(self.tables[table as usize].len() as u64),
            Op::TableGrow { table } => {
                let (length, value) = (self.pop(), self.pop());
                self.count += length / 4;
                let ty = &self.program.tables[table as usize].0;
                let items = &mut self.tables[table as usize];
                let before = items.len() as u64;
                let maximum = ty.maximum.expect("generated tables have a maximum");
                let fits = before.checked_add(length).filter(|after| *after <= maximum);
                self.stack.push(match fits {
                    Some(after) => {
                        items.resize(after as usize, value);
                        before
                    }
                    None => none(ty.table64),
                });
            }
            Op::TableFill { table } => {
                let [start, value, length] = self.three();
                self.count += length / 4;
                let items = &mut self.tables[table as usize];
                let range = range(start, length, items.len())?;
                items[range].fill(value);
            }
            Op::TableCopy {
                dst_table,
                src_table,
            } => {
                let [to, from, length] = self.three();
                self.count += length / 4;
                let source = &self.tables[src_table as usize];
                let source = source[range(from, length, source.len())?].to_vec();
                let items = &mut self.tables[dst_table as usize];
                let range = range(to, length, items.len())?;
                items[range].copy_from_slice(&source);
            }
            Op::TableInit { elem_index, table } => {
                let [to, from, length] = self.three();
                self.count += length / 4;
                let source = &self.elements[elem_index as usize];
                let source = source[range(from, length, source.len())?].to_vec();
                let items = &mut self.tables[table as usize];
                let range = range(to, length, items.len())?;
                items[range].copy_from_slice(&source);
            }
            Op::ElemDrop { elem_index } => self.elements[elem_index as usize].clear(),
            ref operator => panic!("{operator:?} is not run here"),
        }
        Ok(())
    }

    /// Three values, the lowest first.
    fn three(&mut self) -> [u64; 3] {
        let (c, b, a) = (self.pop(), self.pop(), self.pop());
        [a, b, c]
    }
}

/// What growing returns when it fails.
fn none(is_wide: bool) -> u64 {
    match is_wide {
        true => u64::MAX,
        false => u32::MAX.into(),
    }
}

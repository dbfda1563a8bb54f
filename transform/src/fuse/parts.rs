//! The parsed kernel, whose parts can be put into another module.
//!
//! It reads the kernel alone. Invariant: an inlined function has no calls, loops, branches or locals of its own, so
//! it can be inserted anywhere.

use wasmparser::{
    CompositeInnerType, FuncType, FunctionBody, MemoryType, Operator, Parser, Payload,
};

/// The longest function that is inlined, in instructions.
const SHORT: usize = 48;

/// The parsed kernel.
pub struct Parts {
    functions: Vec<Part>,
    exports: Vec<(&'static str, u32)>,
    pub(super) memory: MemoryType,
}

/// A function of the kernel.
pub(super) struct Part {
    pub(super) ty: FuncType,
    pub(super) body: FunctionBody<'static>,
    /// The functions of the kernel that it calls.
    calls: Vec<u32>,
    /// The instructions of an inlined function, without the last `end`.
    pub(super) expansion: Option<Vec<Operator<'static>>>,
}

impl Parts {
    /// Parses a kernel: a valid module with one memory, whose exports are its functions.
    ///
    /// # Errors
    /// If it is not valid.
    pub fn read(kernel: &'static [u8]) -> wasmparser::Result<Self> {
        let (mut types, mut function_types) = (Vec::new(), Vec::new());
        let (mut functions, mut exports) = (Vec::new(), Vec::new());
        let mut memories = Vec::new();
        for payload in Parser::new(0).parse_all(kernel) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            if let CompositeInnerType::Func(ty) = ty.composite_type.inner {
                                types.push(ty);
                            }
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    function_types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => {
                    memories = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        exports.push((export.name, export.index));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let ty: u32 = function_types[functions.len()];
                    functions.push(Part::read(types[ty as usize].clone(), body)?);
                }
                _ => {}
            }
        }
        Ok(Self {
            functions,
            exports,
            memory: memories[0],
        })
    }

    /// A function by the name under which guests import it, as a position.
    pub(super) fn find(&self, name: &str) -> u32 {
        let found = self.exports.iter().find(|(export, _)| *export == name);
        found
            .expect("a test compares the table of functions with the exports")
            .1
    }

    pub(super) fn len(&self) -> usize {
        self.functions.len()
    }

    pub(super) fn part(&self, function: u32) -> &Part {
        &self.functions[function as usize]
    }

    /// The functions that these functions call, in order.
    pub(super) fn helpers(&self, functions: &[u32]) -> Vec<u32> {
        let mut all = functions.to_vec();
        let mut next = 0;
        while let Some(&function) = all.get(next) {
            for &callee in &self.part(function).calls {
                if !all.contains(&callee) {
                    all.push(callee);
                }
            }
            next += 1;
        }
        all.split_off(functions.len())
    }
}

impl Part {
    fn read(ty: FuncType, body: FunctionBody<'static>) -> wasmparser::Result<Self> {
        let operators = body.get_operators_reader()?.into_iter();
        let mut operators = operators.collect::<wasmparser::Result<Vec<_>>>()?;
        operators.pop();
        let mut calls = Vec::new();
        let mut plain = body.get_locals_reader()?.get_count() == 0;
        for operator in &operators {
            match operator {
                Operator::Call { function_index } => {
                    calls.push(*function_index);
                    plain = false;
                }
                Operator::Return
                | Operator::Loop { .. }
                | Operator::Br { .. }
                | Operator::BrIf { .. }
                | Operator::BrTable { .. }
                | Operator::LocalSet { .. }
                | Operator::LocalTee { .. } => plain = false,
                _ => {}
            }
        }
        plain &= operators.len() <= SHORT;
        Ok(Self {
            ty,
            body,
            calls,
            expansion: plain.then_some(operators),
        })
    }
}

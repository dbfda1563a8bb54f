//! Where the budget of a module is, and how modules share one.
//!
//! It does not know what is counted. Invariant: what it adds comes last in its index space, but for an
//! imported global, which [`Budget::imported_globals`] accounts for.

use std::sync::Arc;

use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, ValType,
};

use super::{IMPORT, QUANTUM, Step, check};
use crate::engine::types::{Import, ModuleId};

/// The name under which a module lends its budget.
const GLOBAL: &str = "polyextism:budget";

/// The function `() -> i32` that returns what is left of a lent budget and leaves nothing. What it returns
/// fits, because nobody fills a budget up with more than [`QUANTUM`].
pub(crate) const TAKE: &str = "polyextism:take";

/// The exports of a module that lends its budget, which guests must not have.
pub(crate) const EXPORTS: [&str; 2] = [GLOBAL, TAKE];

/// Which budget a module counts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    /// One of its own, full at the start.
    Own,
    /// One that it has and lends to the modules after it, empty at the start; with [`TAKE`].
    Lent,
    /// That of this module.
    Borrowed(ModuleId),
}

impl Budget {
    /// What the imports that are added stand for, in order.
    pub(crate) fn imports(self) -> Vec<Import> {
        let check = Import::Host {
            func: Arc::clone(check()),
            memory: None,
        };
        match self {
            Self::Own | Self::Lent => vec![check],
            Self::Borrowed(module) => {
                let name = GLOBAL.into();
                vec![Import::Export { module, name }, check]
            }
        }
    }

    /// How far the index of each global of the module itself moves.
    pub(super) fn imported_globals(self) -> u32 {
        match self {
            Self::Own | Self::Lent => 0,
            Self::Borrowed(_) => 1,
        }
    }
}

const TYPE: GlobalType = GlobalType {
    val_type: ValType::I64,
    mutable: true,
    shared: false,
};

impl Step {
    /// The index of the budget in what comes out.
    pub(super) fn global(&self) -> u32 {
        match self.budget {
            Budget::Own | Budget::Lent => self.shape.globals,
            Budget::Borrowed(_) => self.shape.imported_globals,
        }
    }

    pub(super) fn take_type(&self) -> u32 {
        self.check_type + 1
    }

    pub(super) fn add_imports(&mut self, imports: &mut ImportSection) {
        if let Budget::Borrowed(_) = self.budget {
            imports.import(IMPORT.0, GLOBAL, EntityType::Global(TYPE));
        }
        imports.import(IMPORT.0, IMPORT.1, EntityType::Function(self.check_type));
        self.imports_done = true;
    }

    pub(super) fn add_function(&self, functions: &mut FunctionSection) {
        if self.budget == Budget::Lent {
            functions.function(self.take_type());
        }
    }

    pub(super) fn add_global(&mut self, globals: &mut GlobalSection) {
        let start = match self.budget {
            Budget::Own => Some(QUANTUM),
            Budget::Lent => Some(0),
            Budget::Borrowed(_) => None,
        };
        if let Some(start) = start {
            globals.global(TYPE, &ConstExpr::i64_const(start));
        }
        self.globals_done = true;
    }

    pub(super) fn add_exports(&mut self, exports: &mut ExportSection) {
        if self.budget == Budget::Lent {
            let functions = self.check + self.shape.functions.len() as u32;
            exports.export(GLOBAL, ExportKind::Global, self.global());
            // Above the import of the check.
            exports.export(TAKE, ExportKind::Func, functions + 1);
        }
        self.exports_done = true;
    }

    pub(super) fn add_code(&self, code: &mut CodeSection) {
        if self.budget == Budget::Lent {
            let mut take = Function::new([]);
            for instruction in [
                Instruction::GlobalGet(self.global()),
                Instruction::I32WrapI64,
                Instruction::I64Const(0),
                Instruction::GlobalSet(self.global()),
                Instruction::End,
            ] {
                take.instruction(&instruction);
            }
            code.function(&take);
        }
    }
}

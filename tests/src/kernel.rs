//! The guest that runs scripts against the kernel, and how to talk to it.
//!
//! Its operations are every kernel function, plus three by which a host function does the same
//! from the host's side. It does not know what scripts mean or expect.

use std::fmt::Write as _;

use polyextism::{
    Caller, Choice, Compiled, Function, KernelForm, Manifest, Options, Plugin, Result,
    backend::{NumType, Signature},
    internal::{KERNEL_FUNCTIONS, Row},
};

use crate::outcome::Outcome;

use NumType::I64;

/// The names under which a guest imports the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `extism:host/env`, names without prefix.
    Current,
    /// `env`, names with the prefix `extism_`.
    Legacy,
}

impl Names {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Current, Self::Legacy];

    /// The namespace.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Current => "extism:host/env",
            Self::Legacy => "env",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Current => "",
            Self::Legacy => "extism_",
        }
    }
}

/// How the guest reaches the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By calls, which are expanded: as in a plug-in.
    Expanded,
    /// By references to functions of the same module, which are not.
    Referenced,
    /// By calls of another module: what the others are compared with.
    Apart,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Expanded, Self::Referenced, Self::Apart];

    fn kernel(self) -> KernelForm {
        match self {
            Self::Expanded | Self::Referenced => KernelForm::Fused,
            Self::Apart => KernelForm::Apart,
        }
    }
}

/// Operations that a host function of the harness performs.
const HOST_FUNCTIONS: &[Row] = &[
    ("host_alloc", &[I64], &[I64]),
    ("host_free", &[I64], &[]),
    ("host_length", &[I64], &[I64]),
];

/// Every operation that a script may use; its position is its code.
pub fn operations() -> impl Iterator<Item = &'static Row> {
    KERNEL_FUNCTIONS.iter().chain(HOST_FUNCTIONS)
}

/// One operation of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// A position in [`operations`].
    pub operation: u8,
    /// The operands; those that the operation does not have are ignored.
    pub operands: [Operand; 2],
}

/// The result of an earlier record, if any, plus a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operand {
    /// The position of the earlier record.
    pub register: Option<u16>,
    /// What is added.
    pub addend: i64,
}

impl Record {
    /// An operation by name.
    ///
    /// # Panics
    /// If there is no operation of that name.
    pub fn new(name: &str, operands: [Operand; 2]) -> Self {
        let operation = operations().position(|row| row.0 == name);
        let operation = operation.unwrap_or_else(|| panic!("no operation `{name}`"));
        Self {
            operation: operation as u8,
            operands,
        }
    }

    /// The name of the operation.
    ///
    /// # Panics
    /// If there is no operation of that code.
    pub fn name(&self) -> &'static str {
        let mut operations = operations();
        let row = operations.nth(usize::from(self.operation));
        row.expect("the code is a position").0
    }

    fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[0] = self.operation;
        for (position, operand) in self.operands.iter().enumerate() {
            let register = operand.register.unwrap_or(u16::MAX);
            bytes[2 + position * 2..][..2].copy_from_slice(&register.to_le_bytes());
            bytes[8 + position * 8..][..8].copy_from_slice(&operand.addend.to_le_bytes());
        }
        bytes
    }
}

/// The guest, compiled for one engine.
pub struct Kernel(Compiled);

impl Kernel {
    /// Compiles the guest.
    ///
    /// # Errors
    /// Whatever compiling or linking ends with.
    pub fn new(choice: &Choice, names: Names, form: Form) -> Result<Self> {
        let alloc = |caller: &mut Caller<'_>, (size,): (u64,)| Ok(caller.alloc(size).unwrap_or(0));
        let free = |caller: &mut Caller<'_>, (offset,): (u64,)| {
            caller.free(offset);
            Ok(())
        };
        let length = |caller: &mut Caller<'_>, (offset,): (u64,)| Ok(caller.length(offset));
        let options = Options::default()
            .with_functions(vec![
                Function::typed("host_alloc", alloc),
                Function::typed("host_free", free),
                Function::typed("host_length", length),
            ])
            .with_kernel(form.kernel());
        let manifest = Manifest::of(guest(names, form).into_bytes());
        choice.compile(&manifest, &options).map(Self)
    }

    /// Runs a script in a fresh instance: how that call ended, and what each operation returned.
    ///
    /// # Errors
    /// If the script cannot be handed over or its results cannot be taken.
    pub fn run(&self, script: &[Record], input: &[u8]) -> Result<(Outcome, Vec<i64>)> {
        let mut plugin = Plugin::new(&self.0)?;
        let bytes: Vec<u8> = script.iter().flat_map(Record::encode).collect();
        plugin.call("load", &bytes)?;
        // Else the script itself is found in memory that no block covers.
        plugin.reset();
        let outcome = Outcome::of(plugin.call("run", input));
        let (results, _) = plugin.call("results", b"")?.as_chunks();
        let results = results.iter().map(|bytes| i64::from_le_bytes(*bytes));
        Ok((outcome, results.collect()))
    }
}

/// The text of the guest.
pub fn guest(names: Names, form: Form) -> String {
    let text = include_str!("kernel_guest.wat");
    let mut imports = String::new();
    let mut wrappers = String::new();
    let mut elements = String::from("(table funcref (elem");
    let mut references = String::from("(table $kernel funcref (elem");
    for (position, &(name, params, results)) in operations().enumerate() {
        let (namespace, prefix) = match KERNEL_FUNCTIONS.iter().any(|row| row.0 == name) {
            true => (names.namespace(), names.prefix()),
            false => ("extism:host/user", ""),
        };
        let signature = Signature::new(params, results).to_string();
        let signature = signature.strip_prefix("(func").expect("it is a function");
        _ = writeln!(
            imports,
            "(import \"{namespace}\" \"{prefix}{name}\" (func ${name}{signature})"
        );
        let (call, last) = match form {
            Form::Expanded | Form::Apart => (format!("call ${name}"), String::new()),
            Form::Referenced => {
                let ty = signature.strip_suffix(')').expect("it is in parentheses");
                (
                    format!("call_indirect $kernel{ty}"),
                    format!(" (i32.const {position})"),
                )
            }
        };
        _ = writeln!(wrappers, "{}", wrapper(name, params, results, &call, &last));
        _ = write!(elements, " $do_{name}");
        _ = write!(references, " ${name}");
    }
    let wrappers = format!("{wrappers}{elements})){references}))");
    text.replace(";;% imports", &imports)
        .replace(";;% operations", &wrappers)
}

/// The function over two `i64` that calls `name`, by the instruction `call` and with the argument `last`.
fn wrapper(name: &str, params: &[NumType], results: &[NumType], call: &str, last: &str) -> String {
    let argument = |(position, ty): (usize, &NumType)| match ty {
        I64 => format!(" (local.get {position})"),
        _ => format!(" (i32.wrap_i64 (local.get {position}))"),
    };
    let arguments: String = params.iter().enumerate().map(argument).collect();
    let call = format!("({call}{arguments}{last})");
    let body = match results {
        [] => format!("{call} (i64.const 0)"),
        [I64] => call,
        _ => format!("(i64.extend_i32_u {call})"),
    };
    format!("(func $do_{name} (type $operation) {body})")
}

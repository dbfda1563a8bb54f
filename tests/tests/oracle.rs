//! The official runtime as the oracle of the kernel: what it did with 2000 random programs over the kernel and the
//! builtins is recorded in `tests/oracle`, and ours does the same, on every engine, with the kernel in the guest and
//! apart. What differs on purpose stands in [`DIFFERENCES`].

use std::{collections::BTreeMap, str::FromStr};

use polyextism::{Choice, Compiled, ErrorKind, KernelForm, Manifest, Options, Plugin};
use polyextism_tests::{engines, files};

/// Operations by their letters, in the order of the guest's table, and what they return.
const OPERATIONS: &[(char, Returns)] = &[
    ('a', Returns::Address),
    ('f', Returns::Nothing),
    ('l', Returns::Number),
    ('u', Returns::Number),
    ('b', Returns::Number),
    ('w', Returns::Number),
    ('s', Returns::Nothing),
    ('S', Returns::Nothing),
    ('i', Returns::Address),
    ('n', Returns::Number),
    ('c', Returns::Number),
    ('C', Returns::Number),
    ('I', Returns::Nothing),
    ('o', Returns::Nothing),
    ('p', Returns::Address),
    ('q', Returns::Number),
    ('e', Returns::Nothing),
    ('E', Returns::Address),
    ('k', Returns::Address),
    ('v', Returns::Address),
    ('V', Returns::Nothing),
    ('g', Returns::Nothing),
    ('G', Returns::Nothing),
    ('m', Returns::Number),
    ('t', Returns::Address),
];

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Returns {
    Nothing,
    Number,
    /// Runtimes put blocks at different addresses.
    Address,
}

/// A program, and what the official runtime did with it.
#[derive(Debug)]
struct Program {
    line: usize,
    code: i64,
    input: Vec<u8>,
    records: Vec<(usize, [Operand; 2])>,
    /// What the operations returned, up to the one that failed.
    results: Vec<String>,
    outcome: String,
}

/// The result of an earlier record, if any, plus a number.
#[derive(Clone, Copy, Debug, Default)]
struct Operand {
    register: Option<u16>,
    addend: i64,
}

impl FromStr for Operand {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(register) = text.strip_prefix('r') else {
            let addend = text.parse()?;
            return Ok(Self {
                register: None,
                addend,
            });
        };
        let (register, addend) = register.split_once('+').unwrap_or((register, "0"));
        Ok(Self {
            register: Some(register.parse()?),
            addend: addend.parse()?,
        })
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hexadecimal"))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn programs() -> Vec<Program> {
    let text = files::text(&files::home().join("oracle/programs.txt"));
    let parse = |(number, line): (usize, &str)| {
        let fields = line.split('|').collect::<Vec<_>>();
        let [code, input, operations, results, outcome] = fields[..] else {
            panic!("line {}: {line}", number + 1);
        };
        let record = |word: &str| {
            let letter = word.chars().next().expect("words are not empty");
            let operation = OPERATIONS.iter().position(|(known, _)| *known == letter);
            let mut operands = [Operand::default(); 2];
            let words = word[1..].split(',').filter(|word| !word.is_empty());
            for (operand, word) in operands.iter_mut().zip(words) {
                *operand = word.parse().expect("it is an operand");
            }
            (operation.expect("the letter is known"), operands)
        };
        Program {
            line: number + 1,
            code: code.parse().expect("it is a number"),
            input: bytes(input),
            records: operations.split(' ').map(record).collect(),
            results: results.split_whitespace().map(str::to_owned).collect(),
            outcome: outcome.to_owned(),
        }
    };
    text.lines().enumerate().map(parse).collect()
}

impl Program {
    fn encode(&self) -> Vec<u8> {
        let mut encoded = self.code.to_le_bytes().to_vec();
        for (operation, operands) in &self.records {
            let mut record = [0; 24];
            record[0] = *operation as u8;
            for (position, operand) in operands.iter().enumerate() {
                let register = operand.register.unwrap_or(u16::MAX);
                record[2 + position * 2..][..2].copy_from_slice(&register.to_le_bytes());
                record[8 + position * 8..][..8].copy_from_slice(&operand.addend.to_le_bytes());
            }
            encoded.extend(record);
        }
        encoded
    }

    /// What the operations returned and how the call ended, as they are recorded.
    fn run(&self, compiled: &Compiled) -> (Vec<String>, String) {
        let mut plugin = Plugin::new(compiled).expect("it starts");
        plugin.call("load", &self.encode()).expect("it is taken");
        let outcome = match plugin.call("run", &self.input) {
            Ok(output) => format!("ok {}", hex(output)),
            Err(error) => match (error.kind(), error.guest_text()) {
                (_, Some(text)) => format!("error {}", hex(text)),
                (ErrorKind::ReturnCode(code), _) => format!("code {code}"),
                (ErrorKind::HostFunction, _) => "failed".to_owned(),
                (kind, _) => panic!("line {}: {kind:?}: {error}", self.line),
            },
        };
        let output = plugin.call("results", b"").expect("they are there");
        let (results, _) = output.as_chunks();
        let results = results.iter().map(|bytes| i64::from_le_bytes(*bytes));
        (self.shown(results), outcome)
    }

    fn shown(&self, results: impl Iterator<Item = i64>) -> Vec<String> {
        let mut seen = BTreeMap::new();
        let mut show = |(position, (value, record)): (usize, (i64, &(usize, [Operand; 2])))| match (
            OPERATIONS[record.0].1,
            value,
        ) {
            (Returns::Nothing, _) => "-".to_owned(),
            (Returns::Number, _) | (Returns::Address, 0) => value.to_string(),
            (Returns::Address, _) => match seen.get(&value) {
                Some(first) => format!("={first}"),
                None => {
                    seen.insert(value, position);
                    "*".to_owned()
                }
            },
        };
        let results = results.zip(&self.records).enumerate();
        results.map(&mut show).collect()
    }
}

/// How an outcome of ours may be another than that of the official runtime.
struct Difference {
    what: &'static str,
    /// Whether that is all of the difference.
    is: fn(&str, &str) -> bool,
}

/// Everything that differs on purpose; the first that applies counts. Results of operations do not differ.
const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "an error text goes on behind a NUL",
        is: |official, ours| {
            let ours = ours.strip_prefix("error ").map(bytes);
            let official = official.strip_prefix("error ").map(bytes);
            ours.zip(official).is_some_and(|(ours, official)| {
                ours.starts_with(&official) && ours.get(official.len()) == Some(&0)
            })
        },
    },
    Difference {
        what: "an error text whose block was freed comes out",
        is: |official, ours| official == "error " && ours.starts_with(official),
    },
    Difference {
        what: "a builtin that fails is told before an error text that was set",
        is: |official, ours| official.starts_with("error ") && ours == "failed",
    },
];

#[test]
fn the_kernel_does_what_the_official_runtime_does() {
    let programs = programs();
    assert_eq!(programs.len(), 2000);
    let mut used = vec![0; DIFFERENCES.len()];
    let mut wrong = Vec::new();
    for choice in engines() {
        for form in [KernelForm::Fused, KernelForm::Apart] {
            let compiled = guest(&choice, form);
            for program in &programs {
                let (results, outcome) = program.run(&compiled);
                let known = DIFFERENCES
                    .iter()
                    .position(|difference| (difference.is)(&program.outcome, &outcome));
                if let Some(known) = known.filter(|_| outcome != program.outcome) {
                    used[known] += 1;
                } else if outcome != program.outcome {
                    let line = program.line;
                    let official = &program.outcome;
                    wrong.push(format!(
                        "{choice:?} {form:?} line {line}: {outcome}, not {official}"
                    ));
                }
                if results != program.results {
                    let line = program.line;
                    let official = program.results.join(" ");
                    let ours = results.join(" ");
                    wrong.push(format!(
                        "{choice:?} {form:?} line {line}: {ours}, not {official}"
                    ));
                }
            }
        }
    }
    let first = wrong.iter().take(10).cloned().collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), first.join("\n"));
    for (used, difference) in used.iter().zip(DIFFERENCES) {
        assert!(*used > 0, "no program shows that {}", difference.what);
    }
}

fn guest(choice: &Choice, kernel: KernelForm) -> Compiled {
    let wasm = std::fs::read(files::home().join("oracle/guest.wat")).expect("it can be read");
    let mut manifest = Manifest::of(wasm);
    let config = [("key", "value"), ("empty", "")];
    manifest.config = config.map(|(key, value)| (key.into(), value.into())).into();
    let options = Options::default().with_kernel(kernel);
    choice.compile(&manifest, &options).expect("it compiles")
}

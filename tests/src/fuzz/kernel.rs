//! Scripts of kernel operations: the kernel's half, in a module of its own or in that of the guest, the
//! host's half, and a mixture of both must return the same, and what a model of the heap says.
//!
//! Guests may do anything: operands at every edge, blocks that were freed, stores over headers. The
//! model holds for as long as a script only touches blocks that it has; what comes behind is only
//! compared. One engine suffices: `tests/tests/kernel_model.rs` compares engines.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};

use crate::{
    heap::{Heap, Touch},
    kernel::{Form, Kernel, Names, Operand, Record, operations},
    outcome::Outcome,
};

/// The guest in every form, under both sets of names.
const KINDS: [(Names, Form); 3] = [
    (Names::Current, Form::Apart),
    (Names::Current, Form::Expanded),
    (Names::Legacy, Form::Referenced),
];

static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let choice = polyextism::engines().next().expect("an engine is built in");
    let kernels = KINDS.map(|(names, form)| Kernel::new(&choice, names, form));
    let kernels = kernels.map(|kernel| kernel.expect("the guest compiles"));
    kernels.into()
});

const INPUT: &[u8] = b"the input";

/// Operations that both halves have.
const HALVES: &[(&str, &str)] = &[
    ("alloc", "host_alloc"),
    ("free", "host_free"),
    ("length", "host_length"),
];

const EDGES: &[i64] = &[
    0,
    1,
    16,
    24,
    63,
    64,
    65,
    72,
    80,
    96,
    65_472,
    65_528,
    65_535,
    65_536,
    131_072,
    0xffff_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0050,
    i64::MAX,
    i64::MIN,
    -1,
    -8,
    -16,
];

/// The first byte chooses which records the mixture gives to the host, the others are the script.
pub fn run(bytes: &[u8]) {
    let Some((mixture, rest)) = bytes.split_first() else {
        return;
    };
    let script = script(&mut Unstructured::new(rest));
    let mixture = |position: usize| mixture >> (position % 8) & 1 == 1;
    let scripts = [
        script.clone(),
        by_host(&script, |_| true),
        by_host(&script, mixture),
    ];
    let mut first: Option<(Outcome, Vec<i64>)> = None;
    for kernel in KERNELS.iter() {
        for script in &scripts {
            let ran = kernel.run(script, INPUT).expect("the script runs");
            match &first {
                None => first = Some(ran),
                Some(first) => compare(script, first, &ran),
            }
        }
    }
    let (outcome, results) = first.expect("there are kernels");
    assert!(!format!("{outcome}").contains("panicked"), "{outcome}");
    follow(&script, &results);
}

fn compare(script: &[Record], first: &(Outcome, Vec<i64>), ran: &(Outcome, Vec<i64>)) {
    assert_eq!(ran.0, first.0, "{script:?}");
    let position = ran.1.iter().zip(&first.1).position(|(a, b)| a != b);
    if let Some(position) = position {
        let (found, expected) = (ran.1[position], first.1[position]);
        let record = script[position];
        panic!("record {position} {record:?}: {found}, but {expected} by the kernel");
    }
    assert_eq!(ran.1.len(), first.1.len());
}

fn by_host(script: &[Record], host: impl Fn(usize) -> bool) -> Vec<Record> {
    let swap = |(position, record): (usize, &Record)| {
        let half = HALVES.iter().find(|(kernel, _)| *kernel == record.name());
        match half {
            Some((_, name)) if host(position) => Record::new(name, record.operands),
            _ => *record,
        }
    };
    script.iter().enumerate().map(swap).collect()
}

fn script(bytes: &mut Unstructured<'_>) -> Vec<Record> {
    let immediate = |addend| Operand {
        register: None,
        addend,
    };
    let first = Operand {
        register: Some(0),
        addend: 0,
    };
    // A block that is freed, for the first operands.
    let mut script = vec![
        Record::new("alloc", [immediate(1), Operand::default()]),
        Record::new("free", [first, Operand::default()]),
    ];
    while let Ok(record) = record(bytes, script.len()) {
        script.push(record);
    }
    script
}

fn record(bytes: &mut Unstructured<'_>, position: usize) -> Result<Record> {
    if bytes.is_empty() {
        return Err(arbitrary::Error::NotEnoughData);
    }
    let names: Vec<_> = operations().map(|row| row.0).collect();
    let name = *bytes.choose(&names)?;
    let mut operands = [operand(bytes, position)?, operand(bytes, position)?];
    // Enormous blocks are granted, and then cost time to clear.
    if name.ends_with("alloc") {
        let size = match bytes.int_in_range(0..=7)? {
            0 => *bytes.choose(&[0, -1, i64::MIN, 0x1_0000_0000, 0xffff_0001])?,
            1 => bytes.int_in_range(0..=40_000)?,
            _ => bytes.int_in_range(0..=255)?,
        };
        operands[0] = Operand {
            register: None,
            addend: size,
        };
    }
    Ok(Record::new(name, operands))
}

fn operand(bytes: &mut Unstructured<'_>, position: usize) -> Result<Operand> {
    let earlier = Some(bytes.int_in_range(0..=(position - 1).min(255))? as u16);
    let (register, addend) = match bytes.int_in_range(0..=7)? {
        0..=2 => (earlier, 0),
        3 => (earlier, bytes.int_in_range(-24..=39)?),
        4 => (earlier, bytes.int_in_range(0..=255)?),
        5 => (None, *bytes.choose(EDGES)?),
        6 => (None, bytes.int_in_range(0..=70_000)?),
        _ => (None, bytes.arbitrary()?),
    };
    Ok(Operand { register, addend })
}

/// Follows the script in the model, until it touches what is no block of its own.
fn follow(script: &[Record], results: &[i64]) {
    let mut heap = Heap::new(INPUT);
    for (record, &result) in script.iter().zip(results) {
        let operands = record.operands.map(|operand| {
            let base = operand.register.map_or(0, |at| results[usize::from(at)]);
            base.wrapping_add(operand.addend)
        });
        match heap.follow(record, operands, result) {
            Touch::Own => {}
            Touch::Foreign => return,
        }
    }
}

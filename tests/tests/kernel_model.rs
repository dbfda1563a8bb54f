//! Thousands of random kernel operations, run by a guest on every engine, with the kernel's half
//! and with the host's half of the memory, against a model and against each other.

use polyextism_tests::{
    engines,
    heap::{Heap, Touch},
    kernel::{Form, Kernel, Names, Operand, Record, operations},
    outcome::Outcome,
    random::Random,
};

/// Who allocates, frees and measures.
#[derive(Clone, Copy, Debug)]
enum Half {
    Kernel,
    Host,
    Both,
}

const INPUT: &[u8] = b"the input";

const HALVES: [Half; 3] = [Half::Kernel, Half::Host, Half::Both];

/// Under which names guests import the kernel, and how.
const NAMES_AND_FORMS: [(Names, Form); 3] = [
    (Names::Current, Form::Apart),
    (Names::Current, Form::Expanded),
    (Names::Legacy, Form::Referenced),
];

fn immediate(addend: i64) -> Operand {
    let register = None;
    Operand { register, addend }
}

fn result_of(record: usize, addend: i64) -> Operand {
    let register = Some(record as u16);
    Operand { register, addend }
}

fn call(name: &str, operands: &[Operand]) -> Record {
    let mut slots = [Operand::default(); 2];
    slots[..operands.len()].copy_from_slice(operands);
    Record::new(name, slots)
}

/// The same script with the operations of one half or of both.
fn by(half: Half, script: &[Record], random: &mut Random) -> Vec<Record> {
    let swap = |record: &Record| {
        let host = match half {
            Half::Kernel => false,
            Half::Host => true,
            Half::Both => random.below(2) == 1,
        };
        match (record.name(), host) {
            ("alloc", true) => Record::new("host_alloc", record.operands),
            ("free", true) => Record::new("host_free", record.operands),
            ("length", true) => Record::new("host_length", record.operands),
            _ => *record,
        }
    };
    script.iter().map(swap).collect()
}

/// Runs a script with every half on every engine; all results are the same.
fn run_everywhere(script: &[Record], input: &[u8], seed: u64) -> Vec<i64> {
    let mut first: Option<(String, Outcome, Vec<i64>)> = None;
    for choice in engines() {
        for (names, form) in NAMES_AND_FORMS {
            let kernel = Kernel::new(&choice, names, form).expect("the guest compiles");
            for half in HALVES {
                let script = by(half, script, &mut Random::new(seed));
                let (outcome, results) = kernel.run(&script, input).expect("the script runs");
                let who = format!("{choice:?} {names:?} {form:?} {half:?}");
                let Some((other, expected_outcome, expected)) = &first else {
                    first = Some((who, outcome, results));
                    continue;
                };
                assert_eq!(outcome, *expected_outcome, "{who} against {other}");
                for (position, (found, expected)) in results.iter().zip(expected).enumerate() {
                    assert_eq!(
                        found, expected,
                        "seed {seed}, record {position} {:?}: {who} against {other}",
                        script[position]
                    );
                }
                assert_eq!(results.len(), expected.len());
            }
        }
    }
    first.expect("there is an engine").2
}

/// What a guest may do: allocate, free what it allocated, read and write inside of its blocks.
fn well_behaved(random: &mut Random, length: usize) -> Vec<Record> {
    let mut script = Vec::new();
    let mut blocks: Vec<(usize, u64)> = Vec::new();
    while script.len() < length {
        let block = (!blocks.is_empty()).then(|| random.one_of(&blocks));
        match (random.below(100), block) {
            (0..40, _) | (_, None) => {
                let size = match random.below(20) {
                    0 => 1 + random.below(40_000),
                    1..5 => 1 + random.below(2_000),
                    _ => 1 + random.below(70),
                };
                blocks.push((script.len(), size));
                script.push(call("alloc", &[immediate(size as i64)]));
            }
            (40..65, Some((block, size))) => {
                blocks.retain(|(other, _)| *other != block);
                script.push(call("free", &[result_of(block, 0)]));
                if random.below(4) == 0 {
                    script.push(call("free", &[result_of(block, 0)]));
                }
                script.push(call("length", &[result_of(block, 0)]));
                _ = size;
            }
            (65..75, Some((block, _))) => {
                let name = random.one_of(&["length", "length_unsafe"]);
                script.push(call(name, &[result_of(block, 0)]));
            }
            (75..88, Some((block, size))) if size >= 8 => {
                let at = result_of(block, random.below(size - 7) as i64);
                let value = immediate(random.any() as i64);
                script.push(call("store_u64", &[at, value]));
            }
            (88..92, Some((block, size))) => {
                let at = result_of(block, random.below(size) as i64);
                let value = immediate(random.below(256) as i64);
                script.push(call("store_u8", &[at, value]));
            }
            (_, Some((block, size))) => {
                let at = result_of(block, random.below(size) as i64);
                script.push(call("load_u8", &[at]));
            }
        }
    }
    script
}

#[test]
fn blocks_are_separate_and_keep_their_bytes() {
    for seed in 1..=3 {
        let mut random = Random::new(seed);
        let script = well_behaved(&mut random, 4000);
        let results = run_everywhere(&script, INPUT, seed);
        let mut heap = Heap::new(INPUT);
        for (record, result) in script.iter().zip(&results) {
            let operands = record.operands.map(|operand| {
                let base = operand.register.map_or(0, |at| results[usize::from(at)]);
                base.wrapping_add(operand.addend)
            });
            assert_eq!(heap.follow(record, operands, *result), Touch::Own);
        }
    }
}

/// Anything a guest can do, with operands at every edge.
fn hostile(random: &mut Random, length: usize) -> Vec<Record> {
    const EDGES: &[i64] = &[
        0,
        1,
        15,
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
    let names: Vec<&str> = operations().map(|row| row.0).collect();
    let mut script = Vec::new();
    let mut blocks = Vec::new();
    while script.len() < length {
        let operand = |random: &mut Random, blocks: &[usize]| match random.below(10) {
            0..6 if !blocks.is_empty() => {
                let offset = match random.below(3) {
                    0 => 0,
                    1 => random.below(64) as i64 - 24,
                    _ => random.one_of(&[-16, -8, -4, 8, 16, 100]),
                };
                result_of(random.one_of(blocks), offset)
            }
            6 => immediate(random.any() as i64),
            7 => immediate(random.below(70_000) as i64),
            _ => immediate(random.one_of(EDGES)),
        };
        let name = match random.below(10) {
            0..3 => "alloc",
            3 => "free",
            4 => "store_u64",
            _ => random.one_of(&names),
        };
        let mut operands = [operand(random, &blocks), operand(random, &blocks)];
        match name {
            "reset" if random.below(8) > 0 => continue,
            // Enormous blocks are granted, and then cost time to clear.
            "alloc" | "host_alloc" => {
                blocks.push(script.len());
                let size = match random.below(8) {
                    0 => random.one_of(&[0, -1, i64::MIN, 0x1_0000_0000, 0xffff_0001]),
                    1 => random.below(60_000) as i64,
                    _ => random.below(200) as i64,
                };
                operands[0] = immediate(size);
            }
            _ => {}
        }
        script.push(Record::new(name, operands));
    }
    script
}

#[test]
fn whatever_a_guest_does_is_the_same_everywhere() {
    for seed in 100..112 {
        let mut random = Random::new(seed);
        let script = hostile(&mut random, 3000);
        let results = run_everywhere(&script, &[7; 100], seed);
        assert!(results.iter().any(|result| *result != 0));
    }
}

/// To free a block never grows the memory, whoever does it: there may be no room for the lists of freed blocks.
#[test]
fn a_full_memory_does_not_grow_for_what_is_freed() {
    // What guests can reach of a page, and of two.
    let (page, two) = (65_536 - 64, 2 * 65_536 - 64);
    let script = [
        call("alloc", &[immediate(40_960)]),
        call("alloc", &[immediate(20_480)]),
        call("alloc", &[immediate(3_584)]),
        call("free", &[result_of(0, 0)]),
        call("length", &[result_of(0, 0)]),
        call("memory_bytes", &[]),
        call("alloc", &[immediate(40_960)]),
        call("free", &[result_of(6, 0)]),
        call("alloc", &[immediate(40_960)]),
        call("memory_bytes", &[]),
    ];
    let results = run_everywhere(&script, INPUT, 1);
    assert_eq!(results[4..6], [0, page]);
    assert!(results[6] > results[2], "what was forgotten is not used");
    assert_eq!(results[8], results[6], "what is on a list is used again");
    assert_eq!(results[9], two);
}

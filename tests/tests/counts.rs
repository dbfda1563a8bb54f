//! Fuel counts what is executed: generated programs use what an interpreter counts, on every engine.
//!
//! `POLYEXTISM_SEED` is the first seed, `POLYEXTISM_MODULES` how many there are.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use polyextism::{
    Choice, Compiled, ErrorKind, Function, KernelForm, Manifest, Options, Plugin, Proposal, Trap,
    internal::set_fuel_portion, manifest::Wasm,
};
use polyextism_tests::{
    counted::{End, Machine, Program, TailCalls, generate, wrapped},
    differential::{Generated, Modules},
    engines,
    random::Random,
    settings::{number, seed},
};

/// How many modules, if nobody says it.
const MODULES: u64 = 1000;
/// How many other limits each is tried with, below what it needs.
const LIMITS: u64 = 2;
/// How many units guests get at once: usually more than these programs use, and so little that each look asks for more.
const PORTIONS: [i64; 3] = [100_000, 1, 10];
/// The dearest single instruction.
const GROW: u64 = 1000;
/// The host function, as the interpreter knows it.
const TICK: usize = 0;

/// How often guests called the host.
type Ticks = Arc<AtomicU64>;

fn compiled(choice: &Choice, wasm: &[u8], kernel: KernelForm) -> (Compiled, Ticks) {
    let ticks = Ticks::default();
    let counter = Arc::clone(&ticks);
    let options = Options::default()
        .with_functions(vec![Function::typed("tick", move |_, (): ()| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })])
        .with_fuel(u64::MAX)
        .with_kernel(kernel);
    let manifest = Manifest::new([Wasm::from(wasm.to_vec())]);
    let compiled = choice.compile(&manifest, &options).expect("it compiles");
    (compiled, ticks)
}

/// How a call ended: the kind of an error, and for one of the guest its number.
fn end(plugin: &mut Plugin, function: &str) -> Result<(), (ErrorKind, Option<i32>)> {
    let ended = plugin.call(function, b"").map(drop);
    ended.map_err(|error| (error.kind(), error.code()))
}

/// A program, how it ends, and what it executes.
struct Case {
    seed: u64,
    wasm: Vec<u8>,
    end: End,
    count: u64,
    /// What was executed when the host was called.
    ticks: Vec<u64>,
    /// By how much what is counted may differ if it traps: by what a function costs.
    slack: u64,
}

impl Case {
    fn new(seed: u64, tail_calls: TailCalls) -> Self {
        let wasm = generate(&mut Random::new(seed), tail_calls);
        let program = Program::read(&wasm).expect("it has nothing else");
        let mut machine = Machine::new(&program).expect("its segments fit");
        let end = machine.call("run");
        assert_ne!(end, End::TooLong, "seed {seed}");
        let calls = machine.calls().iter();
        Self {
            seed,
            end,
            count: machine.count(),
            ticks: calls
                .filter(|(function, _)| *function == TICK)
                .map(|(_, count)| *count)
                .collect(),
            slack: program.longest() * GROW,
            wasm,
        }
    }

    /// Returns what is counted, which is the same everywhere, also if it traps.
    fn check(&self, choice: &Choice, kernel: KernelForm) -> u64 {
        let (compiled, ticks) = compiled(choice, &self.wasm, kernel);
        let what = format!("{choice:?} {kernel:?} seed {}", self.seed);
        let run = |fuel, portion| {
            let mut plugin = Plugin::new(&compiled).expect("it starts");
            set_fuel_portion(&mut plugin, portion);
            plugin.set_fuel(Some(fuel)).expect("it counts");
            ticks.store(0, Ordering::Relaxed);
            let ended = end(&mut plugin, "run");
            let used = plugin.fuel_consumed().expect("it counts");
            (ended, used, ticks.load(Ordering::Relaxed))
        };
        let (ended, used, ticked) = run(u64::MAX, PORTIONS[0]);
        assert_eq!(ticked, self.ticks.len() as u64, "{what}");
        match (ended, self.end) {
            (Ok(()), End::Returned(0)) => assert_eq!(used, self.count, "{what}"),
            (Err((ErrorKind::ReturnCode(code), _)), End::Returned(value)) => {
                assert_eq!(code, value as i32, "{what}");
                assert_eq!(used, self.count, "{what}");
            }
            (Err((ErrorKind::Trap(_), _)), End::Trapped) => {
                let counted = around(self.count, self.slack);
                assert!(counted.contains(&used), "{what}: {used} of {counted:?}");
            }
            (ended, expected) => panic!("{what}: {ended:?}, expected {expected:?}"),
        }
        // What was counted is enough, and one less is not.
        let enough = match self.end {
            End::Trapped => self.count + self.slack,
            _ => used,
        };
        for portion in PORTIONS {
            let run = run(enough, portion);
            assert_eq!(run, (ended, used, ticked), "{what} {portion}");
        }
        let mut random = Random::new(self.seed);
        let others = (0..LIMITS).map(|_| random.below(used.max(1)));
        let less = used.checked_sub(1).into_iter().chain(others);
        let less: Vec<_> = less.filter(|fuel| *fuel < used).collect();
        for fuel in less {
            let portion = PORTIONS[random.below(PORTIONS.len() as u64) as usize];
            let (ended, used, ticked) = run(fuel, portion);
            assert_eq!(ended, Err((ErrorKind::OutOfFuel, None)), "{what} {fuel}");
            assert_eq!(used, fuel, "{what}");
            // The host is called as often as there is fuel for.
            let expected = self.ticks.iter().filter(|count| **count <= fuel).count();
            assert_eq!(ticked, expected as u64, "{what} {fuel}");
        }
        used
    }
}

/// What may be counted of a call that traps.
fn around(count: u64, slack: u64) -> RangeInclusive<u64> {
    count.saturating_sub(slack)..=count + slack
}

fn has_tail_calls(choice: &Choice) -> TailCalls {
    let proposals = choice.compiler().capabilities.proposals;
    match proposals.contains(&Proposal::TailCall) {
        true => TailCalls::Some,
        false => TailCalls::None,
    }
}

#[test]
fn generated_programs_use_what_they_execute() {
    let modules = number("POLYEXTISM_MODULES").unwrap_or(MODULES);
    let first = seed();
    let choices = engines();
    let (mut returned, mut executed, mut ticks) = (0, 0, 0);
    for seed in first..first + modules {
        for tail_calls in [TailCalls::None, TailCalls::Some] {
            let case = Case::new(seed, tail_calls);
            returned += u64::from(matches!(case.end, End::Returned(_)));
            executed += case.count;
            ticks += case.ticks.len();
            let mut used = Vec::new();
            for choice in &choices {
                if has_tail_calls(choice) == tail_calls {
                    used.push(case.check(choice, KernelForm::Fused));
                    if seed % 4 == 0 {
                        used.push(case.check(choice, KernelForm::Apart));
                    }
                }
            }
            let is_same = used.windows(2).all(|two| two[0] == two[1]);
            assert!(is_same, "seed {seed}: {used:?}");
        }
    }
    // They are worth it.
    assert!(returned > modules, "{returned} of {} returned", 2 * modules);
    assert!(
        executed > 200 * modules,
        "{executed} units in {modules} modules"
    );
    assert!(ticks as u64 > modules, "{ticks} calls of the host");
}

/// How calls of a module end and what they execute, one after another; up to one that nobody waits for.
fn calls(program: &Program<'_>, count: usize) -> Option<Vec<(End, u64)>> {
    let mut machine = Machine::new(program)?;
    let mut calls = Vec::new();
    for position in 0..count {
        let end = machine.call(&format!("call{position}"));
        if end == End::TooLong {
            break;
        }
        calls.push((end, machine.count()));
    }
    Some(calls)
}

/// The modules that engines are compared with: every instruction there is, in any order. What can be run of
/// them is compared call by call.
#[test]
fn modules_of_all_instructions_use_what_they_execute() {
    let modules = number("POLYEXTISM_MODULES").unwrap_or(MODULES);
    let first = seed();
    let mut written = Modules::from(first, modules, env!("CARGO_TARGET_TMPDIR"));
    let mut source = written.source();
    let choices = engines();
    let (mut compared, mut returned) = (0, 0);
    for seed in first..first + modules {
        let generated = Generated::read(&mut source, seed).expect("a module is written");
        let Some((wasm, count)) = generated
            .canonical()
            .and_then(|wasm| wrapped(wasm, &mut Random::new(seed)))
        else {
            continue;
        };
        let Some(program) = Program::read(&wasm) else {
            continue;
        };
        let Some(calls) = calls(&program, count) else {
            continue;
        };
        returned += calls.iter().filter(|(end, _)| *end != End::Trapped).count();
        for choice in &choices {
            compared += usize::from(compare(choice, seed, &wasm, &calls, program.longest()));
        }
    }
    assert!(compared as u64 > modules / 4, "{compared} of {modules}");
    assert!(returned as u64 > modules / 20, "{returned} calls returned");
}

/// Compares one module on one engine; whether the engine runs it.
fn compare(choice: &Choice, seed: u64, wasm: &[u8], calls: &[(End, u64)], longest: u64) -> bool {
    let what = format!("{choice:?} seed {seed}");
    let options = Options::default().with_fuel(u64::MAX);
    let manifest = Manifest::new([Wasm::from(wasm.to_vec())]);
    let compiled = match choice.compile(&manifest, &options) {
        Ok(compiled) => compiled,
        Err(error) if error.kind() == ErrorKind::Unsupported => return false,
        Err(error) => panic!("{what}: {error}"),
    };
    let fresh = || Plugin::new(&compiled).expect("its segments fit");
    let (mut plenty, mut enough) = (fresh(), fresh());
    set_fuel_portion(&mut enough, PORTIONS[1]);
    for (position, (expected, count)) in calls.iter().enumerate() {
        let function = format!("call{position}");
        let ended = end(&mut plenty, &function);
        let used = plenty.fuel_consumed().expect("it counts");
        match (ended, expected) {
            // How deep guests can call is a matter of each engine.
            (Err((ErrorKind::Trap(Trap::StackOverflow), _)), _) => break,
            (Ok(()), End::Returned(_)) => assert_eq!(used, *count, "{what} {function}"),
            (Err((ErrorKind::Trap(_), _)), End::Trapped) => {
                let counted = around(*count, longest * GROW);
                assert!(
                    counted.contains(&used),
                    "{what} {function}: {used}, not {counted:?}"
                );
            }
            (ended, expected) => panic!("{what} {function}: {ended:?}, expected {expected:?}"),
        }
        if used > 0 {
            let mut poor = fresh();
            for earlier in 0..position {
                let _ = end(&mut poor, &format!("call{earlier}"));
            }
            poor.set_fuel(Some(used - 1)).expect("it counts");
            let ended = end(&mut poor, &function);
            assert_eq!(
                ended,
                Err((ErrorKind::OutOfFuel, None)),
                "{what} {function}"
            );
        }
        let sufficient = match expected {
            End::Trapped => count + longest * GROW,
            _ => used,
        };
        enough.set_fuel(Some(sufficient)).expect("it counts");
        assert_eq!(end(&mut enough, &function), ended, "{what} {function}");
        assert_eq!(enough.fuel_consumed(), Some(used), "{what} {function}");
    }
    true
}

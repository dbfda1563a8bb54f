//! What an engine declares works, and what it does not declare is refused as `Unsupported`: for
//! every capability of every engine, at the narrow waist.

use std::{
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

use polyextism::{
    Choice, Error, ErrorKind, Host, Plugin, Profiler, Proposal,
    backend::{
        DynEngine, EntryId, InstanceLimits, Interruption, Linked, MemoryExport, ModuleId, Program,
    },
    internal::{AnyPrepared, DynInstance},
};
use polyextism_tests::{engines, plugin};

const GUEST: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "endless") (loop $again (br $again)))
  (func (export "quick") (result i32) (i32.const 7))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))
"#;

fn prepare(engine: &Arc<dyn DynEngine>) -> AnyPrepared {
    let wasm = wat::parse_str(GUEST).expect("the text is valid");
    let module = engine.compile(&wasm).expect("the module is valid");
    let program = Program {
        modules: vec![Linked {
            module,
            imports: Vec::new(),
        }],
        memories: vec![MemoryExport {
            module: ModuleId(0),
            name: "memory".into(),
        }],
    };
    engine.prepare(program).expect("the program is linked")
}

fn start(
    engine: &Arc<dyn DynEngine>,
    limits: &InstanceLimits,
) -> Result<Box<dyn DynInstance>, Error> {
    engine.instantiate(&prepare(engine), Host::default(), limits)
}

fn entry(instance: &mut Box<dyn DynInstance>, name: &str) -> EntryId {
    instance.entry(ModuleId(0), name).expect("it is exported")
}

fn unsupported<T>(result: Result<T, Error>, what: &str) {
    match result {
        Ok(_) => panic!("{what}: granted, although it is not declared"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}"),
    }
}

#[test]
fn an_engine_has_the_powers_of_its_compiler() {
    for choice in engines() {
        let declared = choice.compiler().capabilities;
        let interruption = match declared.interrupt {
            true => Interruption::On,
            false => Interruption::Off,
        };
        let all = choice.open(&choice.settings(interruption));
        assert_eq!(
            all.expect("as declared").capabilities(),
            declared,
            "{choice:?}"
        );
        let none = choice.open(&choice.settings(Interruption::Off));
        let none = none.expect("every engine can do less").capabilities();
        assert_eq!(none, declared.interrupt(false), "{choice:?}");
    }
}

#[test]
fn interruption() {
    for choice in engines() {
        let engine = choice.open(&choice.settings(Interruption::On));
        if !choice.compiler().capabilities.interrupt {
            unsupported(engine, &format!("{choice:?} interruption"));
            continue;
        }
        let engine = engine.expect("it is declared");
        let host = Host::default();
        host.alarm()
            .set_check(|| Err(Error::new(ErrorKind::Cancelled, "by the test")));
        let mut stopped = (engine.instantiate(&prepare(&engine), host, &InstanceLimits::default()))
            .expect("an instance");
        let mut sibling = start(&engine, &InstanceLimits::default()).expect("an instance");
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let asked = Arc::clone(&engine);
        let watchdog = std::thread::spawn(move || {
            while end.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                asked.request_check();
            }
        });
        for _ in 0..2 {
            let endless = entry(&mut stopped, "endless");
            let error = stopped.enter(endless).expect_err("it is stopped");
            // What it failed with waits in the host state; core takes it from there.
            assert_eq!(error.kind(), ErrorKind::HostFunction, "{choice:?}");
            let quick = entry(&mut sibling, "quick");
            assert_eq!(
                sibling.enter(quick).expect("only one is stopped"),
                7,
                "{choice:?}"
            );
        }
        drop(ended);
        watchdog.join().expect("it ends");
    }
}

#[test]
fn memory_limit() {
    for choice in engines() {
        let engine = choice.open(&choice.settings(Interruption::Off));
        let engine = engine.expect("it opens");
        let limit = |pages: u64| {
            InstanceLimits::default()
                .with_memory_pages(pages)
                .with_heap_pages(pages)
                .with_table_elements(1000)
        };
        if !choice.compiler().capabilities.memory_limit {
            unsupported(
                start(&engine, &limit(3)),
                &format!("{choice:?} memory limit"),
            );
            continue;
        }
        let mut instance = start(&engine, &limit(3)).expect("it is declared");
        let grow = entry(&mut instance, "grow");
        for expected in [1, 2, -1, -1] {
            assert_eq!(
                instance.enter(grow).expect("no trap"),
                expected,
                "{choice:?}"
            );
        }
        let error = start(&engine, &limit(0)).err().expect("it does not fit");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{choice:?}");
    }
}

/// Every proposal that the waist knows, with a module that needs it and outputs nothing but traps
/// if it computes something wrong.
fn proposals() -> [(Proposal, &'static str); 9] {
    [
        (
            Proposal::Simd,
            "(module (func (export \"f\")
               (if (i32.ne (i32.const 44)
                   (i32x4.extract_lane 3
                     (i32x4.add (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 40)))))
                 (then unreachable))))",
        ),
        (
            Proposal::TailCall,
            "(module
               (func $down (param i32) (result i32)
                 (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
                 (return_call $down (i32.sub (local.get 0) (i32.const 1))))
               (func (export \"f\")
                 (if (i32.ne (i32.const 5) (call $down (i32.const 1000000)))
                   (then unreachable))))",
        ),
        (
            Proposal::RelaxedSimd,
            "(module (func (export \"f\")
               (if (i32.ne (i32.const 12) (i32.trunc_f32_s (f32x4.extract_lane 0
                   (f32x4.relaxed_madd (f32x4.splat (f32.const 2)) (f32x4.splat (f32.const 5))
                     (f32x4.splat (f32.const 2))))))
                 (then unreachable))))",
        ),
        (
            Proposal::Memory64,
            "(module (memory i64 1) (table i64 1 funcref)
               (func (export \"f\")
                 (i64.store (i64.const 8) (i64.const 7))
                 (if (i64.ne (i64.const 7) (i64.load (i64.const 8))) (then unreachable))))",
        ),
        (
            Proposal::WideArithmetic,
            "(module (func (export \"f\") (local i64)
               (local.set 0 (i64.mul_wide_u (i64.const -1) (i64.const 3)))
               (if (i64.ne (local.get 0) (i64.const 2)) (then unreachable))
               drop))",
        ),
        (
            Proposal::Exceptions,
            "(module (tag $t (param i32)) (func $throw (throw $t (i32.const 7)))
               (func (export \"f\")
                 (if (i32.ne (i32.const 7) (block $caught (result i32)
                     (try_table (catch $t $caught) (call $throw)) (i32.const 0)))
                   (then unreachable))))",
        ),
        (
            Proposal::FunctionReferences,
            "(module (type $t (func (result i32))) (func $seven (type $t) (i32.const 7))
               (elem declare func $seven)
               (func (export \"f\")
                 (if (i32.ne (i32.const 7) (call_ref $t (ref.func $seven))) (then unreachable))))",
        ),
        (
            Proposal::Gc,
            "(module (type $s (struct (field (mut i32))))
               (func (export \"f\")
                 (if (i32.ne (i32.const 7) (struct.get $s 0 (struct.new $s (i32.const 7))))
                   (then unreachable))))",
        ),
        (
            Proposal::CustomPageSizes,
            "(module (memory 3 (pagesize 1))
               (func (export \"f\")
                 (if (i32.ne (i32.const 3) (memory.grow (i32.const 2))) (then unreachable))
                 (i32.store8 (i32.const 4) (i32.const 7))))",
        ),
    ]
}

#[test]
fn proposals_are_declared_or_refused() {
    for choice in engines() {
        let declared = choice.compiler().capabilities.proposals;
        for (proposal, guest) in proposals() {
            let made: Result<Plugin, Error> = plugin(&choice, guest, &[]);
            if !declared.contains(&proposal) {
                let what = proposal.name();
                let error = made.expect_err("it is not declared");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{choice:?} {what}");
                // The relaxed kind needs the other as well, which may be missing too.
                let also = match proposal == Proposal::RelaxedSimd {
                    true if !declared.contains(&Proposal::Simd) => "SIMD and no ",
                    _ => "",
                };
                let message = format!(
                    "engine `{}` has no {also}{what}, which module `main` needs",
                    choice.name()
                );
                assert_eq!(error.to_string(), message);
                continue;
            }
            made.expect("it is declared")
                .call("f", b"")
                .expect("it works");
        }
        let known = proposals().map(|(proposal, _)| proposal);
        assert!(
            declared.iter().all(|proposal| known.contains(proposal)),
            "{choice:?}"
        );
    }
}

#[test]
fn profilers_that_are_not_declared_are_refused() {
    for choice in engines() {
        let declared = choice.compiler().capabilities.profilers;
        for &profiler in Profiler::ALL {
            let mut settings = choice.settings(Interruption::Off);
            settings.profiler = Some(profiler);
            let opened = choice.open(&settings);
            match declared.contains(&profiler) {
                true => drop(opened.expect("it is declared")),
                false => unsupported(opened, &format!("{choice:?} {profiler:?}")),
            }
        }
    }
}

#[test]
fn an_unknown_compiler_is_refused() {
    for choice in engines() {
        let mut settings = choice.settings(Interruption::Off);
        settings.compiler = "no such compiler";
        unsupported((choice.backend().open)(&settings), &format!("{choice:?}"));
    }
}

/// A module or a program of one engine is refused by another of the same process.
#[test]
fn what_belongs_to_another_engine_is_refused() {
    let open = |choice: &Choice| {
        let engine = choice.open(&choice.settings(Interruption::Off));
        engine.expect("it opens")
    };
    for a in engines() {
        for b in engines()
            .iter()
            .filter(|b| b.backend().name != a.backend().name)
        {
            let program = prepare(&open(&a));
            let other = open(b).instantiate(&program, Host::default(), &InstanceLimits::default());
            let error = other.err().expect("it belongs to another engine");
            assert_eq!(error.kind(), ErrorKind::Argument, "{a:?} {b:?}");
        }
    }
}

//! The memory limit and interruption.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use polyextism_core::{
    backend::{DynEngine, Error, ErrorKind, Host, Import, InstanceLimits, Interruption, MemoryId},
    internal::DynInstance,
};

use super::{
    Case,
    support::{MEMORY, enter, export, host, limits, prepare, start},
};

pub(crate) const CASES: &[Case] = &[
    ("memory grows up to the limit and not further", |bench| {
        let mut instance = bench
            .limited(GROWS, 4)
            .expect("one page is within the limit");
        for (name, former) in [
            ("one", 1),
            ("none", 2),
            ("three", -1),
            ("two", 2),
            ("one", -1),
        ] {
            assert_eq!(enter(&mut *instance, name).ok(), Some(former), "{name}");
        }
        assert_eq!(instance.grow(MEMORY, 1), None);
        assert_eq!(instance.grow(MEMORY, 0), Some(4));
        assert_eq!(enter(&mut *instance, "none").ok(), Some(4));
        assert_eq!(instance.split(MEMORY).0.len(), 4 * 65536);
    }),
    (
        "the host grows memory up to the limit and not further",
        |bench| {
            let mut instance = bench
                .limited(GROWS, 4)
                .expect("one page is within the limit");
            for (pages, former) in [(1, Some(1)), (3, None), (2, Some(2)), (1, None)] {
                assert_eq!(instance.grow(MEMORY, pages), former, "{pages}");
            }
            assert_eq!(enter(&mut *instance, "one").ok(), Some(-1));
        },
    ),
    ("a refused growth costs nothing", |bench| {
        let mut instance = bench
            .limited(GROWS, 4)
            .expect("one page is within the limit");
        for _ in 0..3 {
            assert_eq!(enter(&mut *instance, "huge").ok(), Some(-1));
            assert_eq!(instance.grow(MEMORY, u64::MAX), None);
            assert_eq!(instance.grow(MEMORY, 65536), None);
        }
        assert_eq!(enter(&mut *instance, "one").ok(), Some(1));
        assert_eq!(enter(&mut *instance, "huge").ok(), Some(-1));
        assert_eq!(enter(&mut *instance, "two").ok(), Some(2));
        assert_eq!(enter(&mut *instance, "huge").ok(), Some(-1));
        assert_eq!(enter(&mut *instance, "one").ok(), Some(-1));
    }),
    (
        "a declared maximum is reached exactly, with and without a limit",
        |bench| {
            for limit in [None, Some(3), Some(100)] {
                let wat = GROWS.replace("1 100", "1 3");
                let mut instance = start(&bench.engine(), &wat, vec![], limit).expect("it starts");
                for (name, former) in [("three", -1), ("two", 1), ("one", -1), ("none", 3)] {
                    assert_eq!(
                        enter(&mut *instance, name).ok(),
                        Some(former),
                        "{name} {limit:?}"
                    );
                }
            }
        },
    ),
    ("the limit bounds the sum of all memories", |bench| {
        let first = r#"(module (memory (export "memory") 2) (memory $hidden 1)
            (func (export "hidden") (result i32) (memory.grow $hidden (i32.const 1))))"#;
        let second = r#"(module (import "a" "m" (memory $shared 1)) (memory (export "own") 3)
            (func (export "shared") (result i32) (memory.grow $shared (i32.const 1)))
            (func (export "own grow") (result i32) (memory.grow 1 (i32.const 1))))"#;
        let engine = bench.engine();
        let modules = [(first, vec![]), (second, vec![export(0, "memory")])];
        let program = prepare(&engine, &modules, &[(0, "memory"), (1, "own")]);
        let program = program.expect("the program is linked");
        let open = |pages| {
            let limits = limits(Some(pages));
            engine.instantiate(&program, Host::default(), &limits)
        };
        let error = open(5).err().expect("six pages are needed");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit);
        assert_eq!(
            error.to_string(),
            "the memories of the program need 6 pages at the start, the limit is 5"
        );
        let mut instance = open(10).expect("six pages are within the limit");
        let mut call = |module, name| {
            let entry = instance.entry(polyextism_core::backend::ModuleId(module), name);
            instance
                .enter(entry.expect("it is exported"))
                .expect("growing does not trap")
        };
        assert_eq!(call(0, "hidden"), 1);
        assert_eq!(call(1, "shared"), 2);
        assert_eq!(call(1, "own grow"), 3);
        assert_eq!(instance.grow(MemoryId(1), 2), None);
        assert_eq!(instance.grow(MemoryId(1), 1), Some(4));
        assert_eq!(instance.grow(MEMORY, 1), None);
        assert!(open(6).is_ok());
    }),
    ("each instance has a limit of its own", |bench| {
        let engine = bench.engine();
        let program = prepare(&engine, &[(GROWS, vec![])], &[(0, "memory")]);
        let program = program.expect("the program is linked");
        let open = |memory_pages| {
            let limits = limits(memory_pages);
            let instance = engine.instantiate(&program, Host::default(), &limits);
            instance.expect("one page is within the limit")
        };
        let (mut small, mut free, mut large) = (open(Some(1)), open(None), open(Some(3)));
        assert_eq!(small.grow(MEMORY, 1), None);
        assert_eq!(free.grow(MEMORY, 90), Some(1));
        assert_eq!(large.grow(MEMORY, 2), Some(1));
        assert_eq!(large.grow(MEMORY, 1), None);
    }),
    ("a host function grows memory within the limit", |bench| {
        let body = |mut caller: polyextism_core::Caller<'_>, slots: &mut [u64]| {
            slots[0] = caller.memory().0.len() as u64 / 65536;
            Ok(())
        };
        let wat = r#"(module (import "h" "size" (func $size (result i32)))
            (memory (export "memory") 1)
            (func (export "sizes") (result i32)
                (drop (memory.grow (i32.const 2)))
                (drop (memory.grow (i32.const 2)))
                (i32.add (call $size) (i32.mul (memory.size) (i32.const 10)))))"#;
        let imports = vec![host(&[], &[polyextism_core::backend::NumType::I32], body)];
        let mut instance = start(&bench.engine(), wat, imports, Some(4)).expect("it starts");
        assert_eq!(enter(&mut *instance, "sizes").ok(), Some(33));
    }),
    (
        "a guest that is asked to checks with its host, and only it is stopped",
        |bench| {
            if !bench.compiler.capabilities.interrupt {
                return;
            }
            let engine = bench.open(Interruption::On).expect("it is declared");
            let (mut stopped, stop) = attended(&engine, SPINS, vec![]);
            let (mut neighbour, _) = attended(&engine, SPINS, vec![]);
            let over = Arc::new(AtomicBool::new(false));
            let neighbour = thread::spawn({
                let over = Arc::clone(&over);
                move || {
                    let mut rounds = 0;
                    while !over.load(Ordering::SeqCst) || rounds == 0 {
                        assert_eq!(enter(&mut *neighbour, "work").ok(), Some(1000));
                        rounds += 1;
                    }
                }
            });
            for _ in 0..5 {
                stop.store(true, Ordering::SeqCst);
                asked(&*engine, || {
                    let error = enter(&mut *stopped, "spin").expect_err("it is stopped");
                    assert_eq!(error.kind(), ErrorKind::HostFunction);
                });
                stop.store(false, Ordering::SeqCst);
                assert_eq!(enter(&mut *stopped, "work").ok(), Some(1000));
            }
            over.store(true, Ordering::SeqCst);
            neighbour.join().expect("the neighbour is not disturbed");
        },
    ),
    (
        "a guest that is asked during a host function checks afterwards",
        |bench| {
            if !bench.compiler.capabilities.interrupt {
                return;
            }
            let engine = bench.open(Interruption::On).expect("it is declared");
            let wat = r#"(module (import "h" "wait" (func $wait)) (memory (export "memory") 1)
            (func (export "run") (loop $l (call $wait) (br $l))))"#;
            let wait = |_: polyextism_core::Caller<'_>, _: &mut [u64]| {
                thread::sleep(Duration::from_millis(1));
                Ok(())
            };
            let (mut instance, stop) = attended(&engine, wat, vec![host(&[], &[], wait)]);
            stop.store(true, Ordering::SeqCst);
            asked(&*engine, || {
                let error = enter(&mut *instance, "run").expect_err("it never ends itself");
                assert_eq!(error.kind(), ErrorKind::HostFunction);
            });
        },
    ),
];

/// An instance whose host stops it while the flag is set.
fn attended(
    engine: &Arc<dyn DynEngine>,
    wat: &str,
    imports: Vec<Import>,
) -> (Box<dyn DynInstance>, Arc<AtomicBool>) {
    let program = prepare(engine, &[(wat, imports)], &[(0, "memory")]);
    let program = program.expect("the program is linked");
    let host = Host::default();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    host.alarm()
        .set_check(move || match flag.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::Cancelled, "the flag is set")),
            false => Ok(()),
        });
    let instance = engine.instantiate(&program, host, &InstanceLimits::default());
    (instance.expect("it starts"), stop)
}

/// Runs `call` and has the engine request checks from another thread until it ends.
fn asked(engine: &dyn DynEngine, call: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(2));
                engine.request_check();
            }
        });
        call();
        over.store(true, Ordering::SeqCst);
    });
}

const GROWS: &str = r#"(module (memory (export "memory") 1 100)
    (func (export "none") (result i32) (memory.grow (i32.const 0)))
    (func (export "one") (result i32) (memory.grow (i32.const 1)))
    (func (export "two") (result i32) (memory.grow (i32.const 2)))
    (func (export "three") (result i32) (memory.grow (i32.const 3)))
    (func (export "huge") (result i32) (memory.grow (i32.const -1))))"#;

const SPINS: &str = r#"(module (memory (export "memory") 1)
    (func (export "spin") (loop $l (br $l)))
    (func (export "work") (result i32) (local $n i32)
        (loop $l
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $n) (i32.const 1000))))
        (local.get $n)))"#;

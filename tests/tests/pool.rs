//! Pools: a bounded number of instances, which never hand on what they should not, on every engine.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, Compiled, Error, ErrorKind, Function, Manifest, Options, Pool, PooledPlugin,
    Reuse, Wasi,
};
use polyextism_tests::engines;

/// Far more than anything here takes.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// Counts its calls in a global and in its memory, says how often it was initialised, and ends in
/// every way.
const GUEST: &str = r#"(module
  (import "extism:host/user" "fails" (func $fails))
  (import "extism:host/user" "inside" (func $inside))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 100)))
    (i32.add (global.get $calls) (i32.load (i32.const 64))))
  (func (export "inside") (call $inside))
  (func (export "ok"))
  (func (export "code") (result i32) (i32.const 7))
  (func (export "error") (result i32) (call $error_set (call $alloc (i64.const 3))) (i32.const 1))
  (func (export "trap") (unreachable))
  (func (export "exit") (call $exit (i32.const 3)))
  (func (export "fails") (call $fails))
  (func $deep (export "deep") (call $deep))
  (func (export "endless") (loop $l (br $l))))"#;

fn compiled(choice: &Choice, inside: impl Fn() + Send + Sync + 'static) -> Compiled {
    let fails = Function::typed(
        "fails",
        |_: &mut Caller<'_>, (): ()| -> polyextism::Result<()> {
            Err(Error::new(ErrorKind::HostFunction, "on purpose"))
        },
    );
    let inside = Function::typed("inside", move |_: &mut Caller<'_>, (): ()| {
        inside();
        Ok(())
    });
    let options = Options::default()
        .with_functions(vec![fails, inside])
        .with_wasi(Wasi::default());
    let mut manifest = Manifest::of(GUEST.as_bytes());
    manifest
        .config
        .insert("who".to_owned(), "nobody".to_owned());
    choice.compile(&manifest, &options).expect("it compiles")
}

fn pool(choice: &Choice, max: usize, reuse: Reuse) -> Pool {
    let max = NonZeroUsize::new(max).expect("not 0");
    Pool::with(&compiled(choice, || ()), max, reuse)
}

fn lent(pool: &Pool) -> PooledPlugin {
    pool.get(PATIENCE).expect("there is an instance")
}

/// What the guest's own count comes to: 101 for each call of the instance.
fn count(plugin: &mut PooledPlugin) -> Option<i32> {
    plugin.call("count", b"").expect_err("a code").code()
}

#[test]
fn no_more_instances_than_allowed_under_32_threads() {
    const THREADS: usize = 32;
    const ROUNDS: usize = 20;
    for choice in engines() {
        for reuse in [Reuse::Never, Reuse::Guest] {
            let running = Arc::new(AtomicUsize::new(0));
            let most = Arc::new(AtomicUsize::new(0));
            let (here, seen) = (Arc::clone(&running), Arc::clone(&most));
            let compiled = compiled(&choice, move || {
                seen.fetch_max(here.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::sleep(Duration::from_micros(200));
                here.fetch_sub(1, SeqCst);
            });
            let max = NonZeroUsize::new(3).expect("not 0");
            let pool = Pool::with(&compiled, max, reuse);
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let pool = pool.clone();
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let mut plugin = lent(&pool);
                            assert!(pool.instances() <= 3);
                            plugin.call("inside", b"").expect("it returns");
                            if (thread + round).is_multiple_of(5) {
                                plugin.call("trap", b"").expect_err("it traps");
                            }
                        }
                    });
                }
            });
            let most = most.load(SeqCst);
            assert!((2..=3).contains(&most), "{choice:?} {reuse:?}: {most}");
            let left = pool.instances();
            assert!(left <= if reuse == Reuse::Never { 0 } else { 3 }, "{left}");
        }
    }
}

#[test]
fn who_waits_too_long_gets_an_error_and_later_an_instance() {
    for choice in engines() {
        let pool = pool(&choice, 2, Reuse::Never);
        let held = (lent(&pool), lent(&pool));
        for (wait, text) in [
            (Duration::ZERO, "0 s"),
            (Duration::from_millis(80), "80 ms"),
        ] {
            let start = Instant::now();
            let error = pool.get(Some(wait)).expect_err("all are lent");
            assert!(start.elapsed() >= wait);
            assert_eq!(error.kind(), ErrorKind::Timeout);
            let expect = format!("all instances of the pool (2) were in use for {text}");
            assert_eq!(error.to_string(), expect);
        }
        let stop = pool.get_while(None, || Err(Error::new(ErrorKind::Cancelled, "enough")));
        assert_eq!(stop.expect_err("it stops").kind(), ErrorKind::Cancelled);
        let waiting = thread::spawn({
            let pool = pool.clone();
            move || lent(&pool).call("ok", b"").map(<[u8]>::len)
        });
        thread::sleep(Duration::from_millis(20));
        drop(held.0);
        let length = waiting.join().expect("it ends").expect("it returns");
        assert_eq!(length, 0);
        assert_eq!(pool.instances(), 1);
        drop(held.1);
        assert_eq!(pool.instances(), 0);
    }
}

#[test]
fn who_came_first_is_served_first() {
    let choice = engines().remove(0);
    let pool = pool(&choice, 1, Reuse::Never);
    let held = lent(&pool);
    let (sender, order) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..6)
        .map(|number| {
            let (pool, sender) = (pool.clone(), sender.clone());
            let (waits, waiting) = std::sync::mpsc::channel();
            let thread = thread::spawn(move || {
                let told = || {
                    let _ = waits.send(());
                    Ok(())
                };
                let _plugin = pool.get_while(PATIENCE, told).expect("in time");
                sender.send(number).expect("somebody listens");
            });
            // It has looked after its affairs, so it is in the queue.
            waiting.recv().expect("it waits");
            thread
        })
        .collect();
    drop(held);
    for thread in threads {
        thread.join().expect("it ends");
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

/// What one borrower leaves, the next one does not find; memories only if that was asked for.
#[test]
fn nothing_leaks_from_one_borrower_to_the_next() {
    for choice in engines() {
        for (reuse, second) in [(Reuse::Never, 101), (Reuse::Guest, 202)] {
            let pool = pool(&choice, 1, reuse);
            let mut plugin = lent(&pool);
            let (id, old) = (plugin.id(), plugin.cancel_handle());
            assert_eq!(count(&mut plugin), Some(101));
            plugin.set_timeout(Some(Duration::ZERO));
            let host = plugin.host();
            host.vars_mut().set("mine", b"secret").expect("it fits");
            let mine = ("who".to_owned(), Some("me".to_owned()));
            host.update_config([mine, ("more".to_owned(), Some(String::new()))]);
            host.set_context(Some(Box::new(7_u8)));
            drop(plugin);

            let mut plugin = lent(&pool);
            assert_ne!(plugin.id(), id);
            assert_eq!(plugin.timeout(), None);
            let host = plugin.host();
            assert_eq!(host.vars().iter().count(), 0);
            let config: Vec<_> = host.config().iter().collect();
            assert_eq!(config, [(&"who".to_owned(), &"nobody".to_owned())]);
            assert!(host.context::<u8>().is_none());
            assert_eq!(count(&mut plugin), Some(second), "{choice:?} {reuse:?}");

            // The handle of the borrower before is without power over this one.
            thread::scope(|scope| {
                let call = scope.spawn(|| {
                    let function = plugin.function("endless").expect("it is exported");
                    let limit = Some(Duration::from_millis(60));
                    plugin.call_within(function, b"", limit).map(drop)
                });
                while !call.is_finished() {
                    assert!(!old.cancel());
                    thread::sleep(Duration::from_millis(1));
                }
                let error = call.join().expect("no panic").expect_err("endless");
                assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?} {reuse:?}");
            });
        }
    }
}

/// Whoever returns is lent again, whatever it returned; whoever was stopped is replaced.
#[test]
fn an_instance_that_did_not_return_is_replaced() {
    let endings = [
        ("ok", true),
        ("code", true),
        ("error", true),
        ("nobody", true),
        ("trap", false),
        ("exit", false),
        ("fails", false),
        ("deep", false),
        ("endless", false),
    ];
    for choice in engines() {
        let pool = pool(&choice, 1, Reuse::Guest);
        for (name, stays) in endings {
            let mut plugin = lent(&pool);
            let before = count(&mut plugin);
            plugin.set_timeout(Some(Duration::from_secs(2)));
            let _ = plugin.call(name, b"");
            drop(plugin);
            assert_eq!(pool.instances(), usize::from(stays), "{choice:?} {name}");
            let after = count(&mut lent(&pool));
            let expect = if stays {
                before.map(|n| n + 101)
            } else {
                Some(101)
            };
            assert_eq!(after, expect, "{choice:?} {name}");
        }
        // A panic of the borrower.
        let borrower = pool.clone();
        let panicked = thread::spawn(move || {
            let _plugin = lent(&borrower);
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        panicked.join().expect_err("it panics");
        assert_eq!(pool.instances(), 0);
        assert_eq!(count(&mut lent(&pool)), Some(101), "{choice:?}");
    }
}

/// An instance outlives its pool, and an instance of another plug-in is not lent in its place.
#[test]
fn instances_outlive_their_pool_and_do_not_change_it() {
    for choice in engines() {
        let first = pool(&choice, 1, Reuse::Guest);
        let mut plugin = lent(&first);
        drop(first);
        assert_eq!(count(&mut plugin), Some(101));
        drop(plugin);

        let (first, second) = (
            pool(&choice, 1, Reuse::Guest),
            pool(&choice, 1, Reuse::Guest),
        );
        let (plugin, place) = lent(&first).into_parts();
        let (other, other_place) = lent(&second).into_parts();
        place.give_back(other);
        assert_eq!(first.instances(), 0);
        other_place.give_back(plugin);
        assert_eq!(second.instances(), 0);
        let (plugin, place) = lent(&first).into_parts();
        drop(plugin);
        assert_eq!(first.instances(), 1);
        drop(place);
        assert_eq!(first.instances(), 0);
    }
}

/// What cannot be made does not use up a place.
#[test]
fn an_instance_that_cannot_be_made_leaves_its_place() {
    let wat = r#"(module (memory (export "memory") 1) (data (i32.const 65536) "x"))"#;
    for choice in engines() {
        let compiled = choice
            .compile(&Manifest::of(wat.as_bytes()), &Options::default())
            .expect("it compiles");
        let pool = Pool::with(&compiled, NonZeroUsize::MIN, Reuse::Guest);
        for _ in 0..3 {
            let error = pool.get(PATIENCE).expect_err("the segment does not fit");
            assert_eq!(error.kind().name(), "trap", "{choice:?}");
            assert_eq!(pool.instances(), 0);
        }
        assert!(Pool::new(&compiled).max_instances().get() >= 1);
    }
}

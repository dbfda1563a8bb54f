//! Callbacks of the host program that panic: the panic is an error of the call, or passes through to the program, and
//! nothing stays locked, lent or counted.

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use polyextism::{
    Choice, Compiled, Compiling, Error, ErrorKind, Function, LogLevel, LogSink, Manifest, Options,
    Plugin, Pool, Reuse,
    backend::{NumType::I64, Signature},
};
use polyextism_tests::engines;

/// Far longer than anything here takes.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

const GUEST: &str = r#"
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "log_error" (func $log (param i64)))
  (import "host" "f" (func $f (result i64)))
  (func (export "log") (call $log (call $alloc (i64.const 3))))
  (func (export "host") (drop (call $f)))
  (func (export "nothing")))"#;

/// Panics when it is dropped, if it is the first one.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0.fetch_add(1, SeqCst) == 0 && !thread::panicking() {
            panic!("of a drop");
        }
    }
}

fn function(body: impl Fn() -> u64 + Send + Sync + 'static) -> Function {
    let signature = Signature::new(&[], &[I64]);
    Function::new("f", signature, move |_, slots| {
        slots[0] = body();
        Ok(())
    })
    .with_namespace("host")
}

fn options(function: Function) -> Options {
    Options::default().with_functions(vec![function])
}

fn compile(choice: &Choice, options: &Options) -> Result<Compiled, Error> {
    choice.compile(&Manifest::of(GUEST.as_bytes()), options)
}

/// What `body` does, quietly: the panic that is left over, if there is one.
fn panics(body: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// A plug-in, and whether everything else works.
fn works(choice: &Choice, plugin: &mut Plugin) {
    plugin.call("nothing", b"").expect("it can be called again");
    let compiled = compile(choice, &options(function(|| 1))).expect("others compile");
    let mut other = Plugin::new(&compiled).expect("others can be made");
    other.call("host", b"").expect("others can be called");
}

#[test]
fn in_a_host_function_and_a_log_sink() {
    for choice in engines() {
        let panicking = options(function(|| panic!("of a host function")));
        let compiled = compile(&choice, &panicking).expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("it can be made");
        let sink = LogSink::new(LogLevel::Error, |_, _| panic!("of a sink"));
        plugin.host().set_log_sink(Some(sink));
        for (name, text) in [("host", "of a host function"), ("log", "of a sink")] {
            let error = plugin.call(name, b"").expect_err("it panics");
            assert_eq!(error.kind(), ErrorKind::HostFunction, "{choice:?} {name}");
            let whole = format!("{error:?}");
            assert!(whole.contains(text), "{choice:?} {name}: {whole}");
            works(&choice, &mut plugin);
        }
    }
}

#[test]
fn in_what_is_asked_while_something_is_waited_for() {
    for choice in engines() {
        let asked = Arc::new(AtomicUsize::new(0));
        let check = {
            let asked = asked.clone();
            move || -> Result<(), Error> {
                asked.fetch_add(1, SeqCst);
                panic!("of a check")
            }
        };
        let checked =
            options(function(|| 1)).with_compiling(Compiling::default().with_check(check));
        let panicked = panics(|| drop(compile(&choice, &checked)));
        assert_eq!(panicked, asked.load(SeqCst) > 0, "{choice:?}");

        let compiled = compile(&choice, &options(function(|| 1))).expect("it compiles");
        let pool = Pool::with(&compiled, NonZeroUsize::MIN, Reuse::default());
        let lent = pool.get(LONG).expect("it is there");
        let waited = panics(|| drop(pool.get_while(LONG, || panic!("of a check"))));
        assert!(waited, "{choice:?}: the check is asked");
        drop(lent);
        let mut again = pool.get(LONG).expect("the place is free again");
        works(&choice, &mut again);
        assert_eq!(pool.instances(), 1, "{choice:?}");
    }
}

#[test]
fn while_an_instance_is_lent() {
    for choice in engines() {
        let compiled = compile(&choice, &options(function(|| 1))).expect("it compiles");
        let pool = Pool::with(&compiled, NonZeroUsize::MIN, Reuse::default());
        let panicked = panics(|| {
            let mut lent = pool.get(LONG).expect("it is there");
            lent.call("nothing", b"").expect("it can be called");
            panic!("of the borrower");
        });
        assert!(panicked);
        let mut again = pool.get(LONG).expect("it came back");
        works(&choice, &mut again);
        // Who forgets what was lent has it for ever.
        std::mem::forget(again);
        let error = pool.get(Some(Duration::ZERO)).map(drop);
        let error = error.expect_err("there is no other one");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}");
    }
}

#[test]
fn in_what_frees_the_data_of_a_host_function() {
    for choice in engines() {
        let count = Arc::new(AtomicUsize::new(0));
        let bomb = Bomb(count.clone());
        let owning = function(move || u64::from(Arc::strong_count(&bomb.0) > 0));
        let compiled = compile(&choice, &options(owning)).expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("it can be made");
        plugin.call("host", b"").expect("it can be called");
        drop(compiled);
        assert!(panics(|| drop(plugin)), "{choice:?}: nobody else has it");
        assert_eq!(count.load(SeqCst), 1, "{choice:?}: it is freed once");
        let compiled = compile(&choice, &options(function(|| 1))).expect("others compile");
        works(
            &choice,
            &mut Plugin::new(&compiled).expect("others can be made"),
        );
    }
}

#[test]
fn while_another_panic_unwinds() {
    struct Calls<'a>(&'a mut Plugin, &'a mut bool);

    impl Drop for Calls<'_> {
        fn drop(&mut self) {
            *self.1 = self.0.call("nothing", b"").is_ok() && self.0.call("host", b"").is_err();
        }
    }

    for choice in engines() {
        let panicking = options(function(|| panic!("of a host function")));
        let compiled = compile(&choice, &panicking).expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("it can be made");
        let mut called = false;
        let panicked = panics(|| {
            let _calls = Calls(&mut plugin, &mut called);
            panic!("of the program");
        });
        assert!(
            panicked && called,
            "{choice:?}: calls work while a panic unwinds"
        );
        works(&choice, &mut plugin);
    }
}

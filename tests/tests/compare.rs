//! `compare` finds what differs, whatever it is, and nothing else.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use polyextism::{
    Caller, Error, ErrorKind, Function, LogLevel, Manifest, Options, Output, Proposal, Wasi,
    compare,
    comparison::{self, Aspect, Call, Report, Run, Setup, Unsupported, Verdict},
};
use polyextism_tests::engines;

/// Hands to its user what the host function returns, and writes random bytes to both streams.
const GUEST: &str = r#"
(module
  (import "extism:host/user" "host" (func $host (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $input (result i64)))
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/env" "get_log_level" (func $level (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\08\00\00\00")
  (func $print (param $stream i32)
    (drop (call $random (i32.const 16) (i32.const 8)))
    (drop (call $write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "host") (local $block i64)
    (local.set $block (call $host))
    (call $output (local.get $block) (call $length (local.get $block))))
  (func (export "echo") (call $output (call $offset) (call $input)))
  (func (export "log") (call $log (call $offset)))
  (func (export "level") (result i32) (call $level))
  (func (export "code") (result i32) (i32.const 7))
  (func (export "trap") unreachable)
  (func (export "grow") (drop (memory.grow (i32.const 2))))
  (func (export "stdout") (call $print (i32.const 1)))
  (func (export "stderr") (call $print (i32.const 2))))
"#;

/// What a host function does when it is called for the n-th time, by all engines together.
type Act = fn(&mut Caller<'_>, u8) -> Result<u64, Error>;

fn setup(act: Act, seed: Option<u64>) -> Setup {
    let turn = Arc::new(AtomicU8::new(0));
    let host = Function::typed("host", move |caller, ()| {
        act(caller, turn.fetch_add(1, Ordering::Relaxed))
    });
    let capture = Output::Capture { limit: 1024 };
    let wasi = Wasi::default()
        .with_stdout(capture)
        .with_stderr(capture)
        .with_seed(seed);
    Setup::default().with_options(
        Options::default()
            .with_functions(vec![host])
            .with_wasi(wasi),
    )
}

fn report(setup: &Setup, calls: &[Call]) -> Report {
    compare(&Manifest::of(GUEST.as_bytes()), calls, setup).expect("there is something to compare")
}

fn aspects(report: &Report) -> Vec<(Option<usize>, Aspect)> {
    let differences = report.differences().iter();
    differences.map(|one| (one.call, one.aspect)).collect()
}

fn steps(run: &Run) -> &[comparison::Step] {
    run.steps.as_deref().expect("the plug-in starts")
}

fn nothing(_: &mut Caller<'_>, _: u8) -> Result<u64, Error> {
    Ok(0)
}

#[test]
fn engines_agree() {
    let names = [
        "host", "log", "level", "echo", "trap", "code", "grow", "stdout", "stderr", "missing",
        "echo",
    ];
    let calls = names.map(|name| Call::new(name, "text"));
    let act: Act = |caller, _| {
        let host = caller.host();
        let set = host.vars_mut().set("k", "value");
        set.map_err(|error| Error::new(ErrorKind::HostFunction, error.to_string()))?;
        host.log(LogLevel::Debug, "from the host");
        caller.write(b"answer")
    };
    let report = report(&setup(act, Some(1)), &calls);
    assert!(report.is_equal(), "{report}");
    assert_eq!(report.runs().len(), engines().len());
    for (run, choice) in report.runs().iter().zip(engines()) {
        assert_eq!(run.engine, choice.name());
        let steps = steps(run);
        let outcome = |position: usize| {
            let step: &comparison::Step = &steps[position];
            let outcome = step.outcome.as_deref();
            outcome.map_err(|error| (error.kind().name(), error.code()))
        };
        assert_eq!(outcome(0), Ok(&b"answer"[..]));
        let line = |step: &comparison::Step| {
            let lines = step.log.iter();
            let lines = lines.map(|line| (line.level, line.text.clone()));
            lines.collect::<Vec<_>>()
        };
        let host_line = (LogLevel::Debug, "from the host".to_owned());
        assert_eq!(line(&steps[0]), [host_line]);
        assert_eq!(steps[0].vars["k"], b"value");
        // Lines belong to their call, variables stay.
        assert_eq!(line(&steps[1]), [(LogLevel::Info, "text".to_owned())]);
        assert_eq!(steps[1].vars.len(), 1);
        // Trace, because the lowest level is wanted.
        assert_eq!(outcome(2), Ok(&b""[..]));
        assert_eq!(outcome(3), Ok(&b"text"[..]));
        assert_eq!(outcome(4), Err(("trap", None)));
        assert_eq!(outcome(5), Err(("return-code", Some(7))));
        assert_eq!(steps[6].memory_bytes - steps[5].memory_bytes, 2 << 16);
        assert_eq!((steps[7].stdout.len(), steps[7].stderr.len()), (8, 0));
        assert_eq!((steps[8].stdout.len(), steps[8].stderr.len()), (0, 8));
        assert_eq!(outcome(9), Err(("unknown-function", None)));
        assert_eq!(outcome(10), Ok(&b"text"[..]));
    }
}

/// A host function that does not do the same for each engine is found out in every aspect.
#[test]
fn what_differs_is_found() {
    let cases: [(&str, Aspect, Act); 7] = [
        ("host", Aspect::Outcome, |caller, turn| {
            caller.write(&[turn])
        }),
        ("host", Aspect::Outcome, |caller, turn| {
            caller.write(&vec![b'x'; 1000 + usize::from(turn)])
        }),
        ("host", Aspect::Outcome, |_, turn| match turn {
            0 => Err(Error::new(ErrorKind::HostFunction, "only once")),
            _ => Ok(0),
        }),
        ("host", Aspect::Log, |caller, turn| {
            caller.host().log(LogLevel::Trace, &turn.to_string());
            Ok(0)
        }),
        ("host", Aspect::Vars, |caller, turn| {
            let set = caller.host().vars_mut().set("k", [turn]);
            set.expect("there is room");
            Ok(0)
        }),
        ("stdout", Aspect::Stdout, nothing),
        ("stderr", Aspect::Stderr, nothing),
    ];
    for (function, aspect, act) in cases {
        let calls = [Call::new("echo", "same"), Call::new(function, "")];
        let report = report(&setup(act, None), &calls);
        assert_eq!(aspects(&report), [(Some(1), aspect)], "{report}");
        let values = &report.differences()[0].values;
        let names: Vec<_> = values.iter().map(|(name, _)| name.clone()).collect();
        let all: Vec<_> = engines().iter().map(|choice| choice.name()).collect();
        assert_eq!(names, all);
        let texts: BTreeSet<_> = values.iter().map(|(_, text)| text).collect();
        assert!(texts.len() > 1, "the texts show it: {values:?}");
        let table = report.to_string();
        let place = format!("difference in 2 {function}: {}", aspect.name());
        assert!(table.contains(&place), "{table}");
    }
}

#[test]
fn log_lines_below_the_level_do_not_count() {
    let act: Act = |caller, turn| {
        caller.host().log(LogLevel::Info, &turn.to_string());
        Ok(0)
    };
    let setup = (setup(act, None)).with_log_level(LogLevel::Warn);
    let report = report(&setup, &[Call::new("host", ""), Call::new("level", "")]);
    assert!(report.is_equal(), "{report}");
    for run in report.runs() {
        assert!(steps(run)[0].log.is_empty());
        let level = steps(run)[1].outcome.as_ref();
        let level = level.expect_err("3 is the code of `warn`");
        assert_eq!(level.code(), Some(3));
    }
}

#[test]
fn engines_that_cannot_run_the_plug_in() {
    const SIMD: &str = r#"(module (func (export "f") (drop (v128.const i64x2 0 0))))"#;
    let able = |choice: &polyextism::Choice| {
        let proposals = choice.compiler().capabilities.proposals;
        proposals.contains(&Proposal::Simd)
    };
    let (able, unable): (Vec<_>, Vec<_>) = engines().into_iter().partition(able);
    assert!(
        !able.is_empty() && !unable.is_empty(),
        "{able:?} {unable:?}"
    );
    let all: Vec<_> = able.iter().chain(&unable).copied().collect();
    let cases = [
        (&all, Unsupported::Differs, Verdict::Different),
        (&all, Unsupported::LeftOut, Verdict::Equal),
        (&able, Unsupported::Differs, Verdict::Equal),
        (&unable, Unsupported::Differs, Verdict::NotRun),
        (&unable, Unsupported::LeftOut, Verdict::NotRun),
    ];
    for (engines, unsupported, verdict) in cases {
        let setup = Setup::default().with_unsupported(unsupported);
        let manifest = Manifest::of(SIMD.as_bytes());
        let report = comparison::compare_on(engines, &manifest, &[Call::new("f", "")], &setup);
        let report = report.expect("there is something to compare");
        assert_eq!(report.verdict(), verdict, "{report}");
        assert_eq!(report.is_equal(), verdict == Verdict::Equal);
        let expected = match verdict {
            Verdict::Different => vec![(None, Aspect::Start)],
            _ => vec![],
        };
        assert_eq!(aspects(&report), expected);
        for (run, choice) in report.runs().iter().zip(engines) {
            let kind = run.steps.as_ref().err().map(Error::kind);
            let cannot = unable.iter().any(|other| other.name() == choice.name());
            assert_eq!(kind, cannot.then_some(ErrorKind::Unsupported));
        }
    }
}

#[test]
fn a_plug_in_that_does_not_link_does_so_nowhere() {
    let manifest = Manifest::of(&b"(module (import \"a\" \"b\" (func)))"[..]);
    let report = compare(&manifest, &[Call::new("f", "")], &Setup::default());
    let report = report.expect("there is something to compare");
    assert!(
        !report.is_equal() && report.differences().is_empty(),
        "{report}"
    );
    assert_eq!(report.verdict(), Verdict::NotRun);
    let text = report.to_string();
    assert!(
        text.starts_with("not run, because no engine could make the plug-in: "),
        "{text}"
    );
    for run in report.into_runs() {
        let error = run.steps.expect_err("there is no such module");
        assert_eq!(error.kind(), ErrorKind::Link);
    }
}

#[test]
fn nothing_cannot_be_compared() {
    let manifest = Manifest::of(GUEST.as_bytes());
    let setup = setup(nothing, None);
    let no_calls = compare(&manifest, &[], &setup).map(drop);
    let calls = [Call::new("echo", "")];
    let no_engines = comparison::compare_on(&[], &manifest, &calls, &setup).map(drop);
    for (refused, what) in [(no_calls, "calls"), (no_engines, "engines")] {
        let error = refused.expect_err("it would prove nothing");
        assert_eq!(error.kind(), ErrorKind::Argument);
        let message =
            format!("`{what}` is empty, at least one is needed: nothing would be compared");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn logs_of_any_length_are_bounded() {
    let act: Act = |caller, _| {
        let line = "l".repeat(polyextism::LogSink::LINE_LIMIT);
        for _ in 0..70 {
            caller.host().log(LogLevel::Info, &line);
        }
        Ok(0)
    };
    let report = report(&setup(act, None), &[Call::new("host", "")]);
    assert!(report.is_equal(), "{report}");
    for run in report.runs() {
        let step = &steps(run)[0];
        assert_eq!((step.log.len(), step.lost_lines), (64, 6));
    }
}

#[test]
fn tables_have_a_width() {
    let act: Act = |caller, turn| {
        let text = format!("{turn}\u{1b}[31m\n").repeat(500);
        caller.host().log(LogLevel::Info, &text);
        caller.write(text.as_bytes())
    };
    let name = "nowhere".repeat(100);
    let calls = [Call::new("host", "i".repeat(1000)), Call::new(name, "")];
    let table = report(&setup(act, None), &calls).to_string();
    for line in table.lines() {
        assert!(line.chars().count() <= 120, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    for choice in engines() {
        assert!(table.contains(&choice.name()), "{table}");
    }
}

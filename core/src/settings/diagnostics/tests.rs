//! How settings and environment variables combine.

use std::{ffi::OsString, path::PathBuf};

use super::{Diagnostics, Resolved, Setting};
use crate::base::{
    capabilities::{Capabilities, Profiler},
    error::{ErrorKind, Result},
};

const ABLE: Capabilities = Capabilities::NONE
    .backtrace(true)
    .profilers(&[Profiler::Perf]);

fn resolve(asked: &Diagnostics, has: Capabilities, variables: &[(&str, &str)]) -> Result<Resolved> {
    asked.resolve_with("e", has, |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

fn here(name: &str) -> PathBuf {
    std::path::absolute(name).expect("the current folder is there")
}

#[test]
fn the_environment_fills_in() {
    let variables = &[
        ("EXTISM_COREDUMP", "core"),
        ("EXTISM_MEMDUMP", "memory"),
        ("EXTISM_PROFILE", "perf"),
    ];
    let all = Resolved {
        core_dump: Some(here("core")),
        memory_dump: Some(here("memory")),
        profiler: Some(Profiler::Perf),
    };
    let asked = Diagnostics::default();
    let found = resolve(&asked, ABLE, variables).expect("all is possible");
    assert_eq!(found, all);

    let asked = Diagnostics {
        core_dump: Setting::On("mine".into()),
        memory_dump: Setting::Off,
        profiler: Setting::Off,
    };
    let mine = Resolved {
        core_dump: Some(here("mine")),
        ..Resolved::default()
    };
    let found = resolve(&asked, ABLE, variables).expect("all is possible");
    assert_eq!(found, mine);

    let empty = &variables.map(|(name, _)| (name, ""));
    let found = resolve(&Diagnostics::default(), ABLE, empty).expect("nothing is asked for");
    assert_eq!(found, Resolved::default());
}

#[test]
fn what_an_engine_cannot_do_is_refused_if_the_program_asks() {
    let cases = [
        (
            Diagnostics {
                core_dump: Setting::On("core".into()),
                ..Diagnostics::default()
            },
            ("EXTISM_COREDUMP", "core"),
            "engine `e` has no core dumps",
        ),
        (
            Diagnostics {
                profiler: Setting::On(Profiler::JitDump),
                ..Diagnostics::default()
            },
            ("EXTISM_PROFILE", "jitdump"),
            "engine `e` has no profiler `jitdump`",
        ),
    ];
    for (asked, variable, message) in cases {
        let error = resolve(&asked, Capabilities::NONE, &[]).expect_err(message);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.to_string(), message);
        let asked = resolve(&Diagnostics::default(), Capabilities::NONE, &[variable]);
        assert_eq!(asked.expect("it is ignored"), Resolved::default());
    }
    let asked = Diagnostics {
        memory_dump: Setting::On("memory".into()),
        ..Diagnostics::default()
    };
    let found = resolve(&asked, Capabilities::NONE, &[]).expect("every engine can");
    assert_eq!(found.memory_dump, Some(here("memory")));
}

#[test]
fn mistakes_are_named() {
    let field = |name: &str| format!("diagnostics: {name}");
    let variable = |name: &str| format!("the environment variable {name}");
    let cases = [
        ("", "it is no path of a file"),
        ("nowhere/core", "its folder is not there"),
        ("..", "it is no path of a file"),
        ("src", "there is something that is no file"),
    ];
    for (path, why) in cases {
        let asked = Diagnostics {
            core_dump: Setting::On(path.into()),
            ..Diagnostics::default()
        };
        let error = resolve(&asked, ABLE, &[]).expect_err(why);
        assert_eq!(error.kind(), ErrorKind::Argument);
        let message = format!("{} is `{path}`: {why}", field("core_dump"));
        assert_eq!(error.to_string(), message);
        if path.is_empty() {
            continue;
        }
        let asked = Diagnostics::default();
        let error = resolve(&asked, ABLE, &[("EXTISM_MEMDUMP", path)]).expect_err(why);
        let message = format!("{} is `{path}`: {why}", variable("EXTISM_MEMDUMP"));
        assert_eq!(error.to_string(), message);
    }
    let asked = Diagnostics::default();
    let error = resolve(&asked, ABLE, &[("EXTISM_PROFILE", "gprof")]).expect_err("no such");
    let why = "it is perf, jitdump or vtune";
    let message = format!("{} is `gprof`: {why}", variable("EXTISM_PROFILE"));
    assert_eq!(error.to_string(), message);
}

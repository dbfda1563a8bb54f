//! What is fuzzed, in every build: the kept inputs, and a short run over mutations of them.
//!
//! The run is the same each time; `POLYEXTISM_SEED` chooses another one and `POLYEXTISM_RUNS` a longer
//! one. A failure says by which bytes, and leaves them in a file. For hours, guided by coverage, the same
//! functions run under libFuzzer: see `tests/fuzz/README.md`.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use polyextism_tests::{
    files::home,
    fuzz::{TARGETS, Target},
    mutate::mutate,
    random::Random,
    settings::{number, seed},
};

fn target(name: &str) -> Target {
    let target = TARGETS.iter().find(|target| target.name == name);
    *target.expect("a target has that name")
}

/// Runs one input; `who` says where it comes from.
fn run(target: &Target, bytes: &[u8], who: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    if outcome.is_err() {
        let name = target.name;
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failed-{name}"));
        std::fs::write(&file, bytes).expect("the input can be written");
        panic!("{name} fails by {who}; the input is in {}", file.display());
    }
}

/// The kept inputs, then mutations of them.
fn fuzz(name: &str) {
    let target = target(name);
    let kept = target.kept();
    for (file, bytes) in &kept {
        run(&target, bytes, file);
    }
    let inputs: Vec<&[u8]> = kept.iter().map(|(_, bytes)| &**bytes).collect();
    let seed = seed();
    let mut random = Random::new(seed);
    for position in 0..number("POLYEXTISM_RUNS").unwrap_or_else(|| target.runs.into()) {
        let bytes = mutate(&inputs, &mut random, target.longest);
        let who = format!("run {position} of the seed {seed}");
        run(&target, &bytes, &who);
    }
}

#[test]
fn kernel() {
    fuzz("kernel");
}

#[test]
fn manifest() {
    fuzz("manifest");
}

#[test]
fn module() {
    fuzz("module");
}

#[test]
fn session() {
    fuzz("session");
}

#[test]
#[cfg(feature = "smith")]
fn smith() {
    fuzz("smith");
}

/// A target that libFuzzer does not run, or a binary that runs none, would go unnoticed.
#[test]
fn every_target_has_a_binary() {
    let names = TARGETS.iter().map(|target| target.name.to_owned());
    // The last needs a feature.
    let names: BTreeSet<_> = names.chain(["smith".to_owned()]).collect();
    let folder = home().join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let binaries = files.map(|file| {
        let path = file.expect("the folder can be read").path();
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let name = path.file_stem().expect("it has a name").to_string_lossy();
        assert!(text.contains(&format!("fuzz::{name}::run(")), "{text}");
        name.into_owned()
    });
    assert_eq!(binaries.collect::<BTreeSet<_>>(), names);
}

//! The invariants of ARCHITECTURE.md that a look at the sources and at `Cargo.lock` can enforce.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use polyextism_tests::files::repository;
use serde_json::Value;

const ENGINES: &[&str] = &["wasmtime", "wasmer", "wasmi"];

/// The files that may contain `unsafe`: the memories of wasmer, their view and its `Send`, the host functions of
/// wasmtime, what loads compiled code, what counts forks, Python's handlers of fatal signals, and the border of the C
/// library: its exports, its pointers, and the functions that it calls.
const UNSAFE: &[&str] = &[
    "backend-wasmer/src/artifact.rs",
    "backend-wasmer/src/flag.rs",
    "backend-wasmer/src/instance.rs",
    "backend-wasmer/src/memories.rs",
    "backend-wasmer/src/memories/image.rs",
    "backend-wasmtime/src/artifact.rs",
    "backend-wasmtime/src/flag.rs",
    "backend-wasmtime/src/host.rs",
    "c/src/border.rs",
    "c/src/callback.rs",
    "c/src/exports.rs",
    "core/src/flag.rs",
    "core/src/process.rs",
    "python/src/faults.rs",
];

/// What not every backend has: compiled code as bytes, a second engine behind the first one, memories that are kept
/// for further instances, the way round a mistake of one engine, and a compiler that is a choice of whoever builds.
const OWN: &[&str] = &[
    "src/artifact.rs",
    "src/engines.rs",
    "src/flag.rs",
    "src/memories.rs",
    "src/memories/elsewhere.rs",
    "src/memories/image.rs",
    "src/program.rs",
    "src/select.rs",
    "src/singlepass.rs",
];

/// The Rust files of a folder of the repository, as paths from its root.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let path = path.strip_prefix(repository()).expect("it lies there");
                files.push(path.to_owned());
            }
        }
    }
    assert!(!files.is_empty(), "no sources in {folder}");
    files
}

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text without comments. Text in quotes may contain `//`; what is lost then is no code.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        Some(comment) => &line[..comment],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of a text: letters, digits and underscores.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect()
}

#[test]
fn core_names_no_engine() {
    for path in sources("core/src") {
        let code = code(&read(&path)).to_lowercase();
        let folder = Path::new("core/src/wasi");
        let wasi = path == folder.with_extension("rs") || path.starts_with(folder);
        for engine in ENGINES {
            let named = code.match_indices(engine).map(|(at, _)| &code[at..]);
            let mut named = named.filter(|rest| !(wasi && rest.starts_with("wasmtime_wasi")));
            assert_eq!(named.next(), None, "{} names {engine}", path.display());
        }
    }
}

#[test]
fn only_the_root_package_names_every_engine() {
    for folder in [
        "src",
        "core/src",
        "benches/src",
        "c/src",
        "python/src",
        "tests/src",
    ] {
        for path in sources(folder) {
            let code = code(&read(&path));
            let root = path == Path::new("src/lib.rs");
            let gaps = path == Path::new("tests/src/gaps.rs");
            for engine in ENGINES {
                let krate = format!("polyextism_{engine}");
                let found = words(&code).contains(krate.as_str());
                assert!(root || gaps || !found, "{} uses {krate}", path.display());
            }
        }
    }
}

#[test]
fn a_backend_contains_no_word_of_plugins() {
    for engine in ENGINES {
        for path in sources(&format!("backend-{engine}/src")) {
            let text = read(&path).to_lowercase().replace("polyextism", "");
            for word in ["extism", "plugin", "plug-in", "manifest", "kernel"] {
                assert!(!text.contains(word), "{} says `{word}`", path.display());
            }
        }
    }
}

#[test]
fn backends_have_the_same_files() {
    let files = |engine: &str| {
        let folder = format!("backend-{engine}");
        let files = sources(&format!("{folder}/src")).into_iter();
        let files = files.map(|path| {
            path.strip_prefix(&folder)
                .expect("it lies there")
                .to_owned()
        });
        let files = files.filter(|path| !OWN.contains(&path.to_str().expect("names are text")));
        files.collect::<BTreeSet<_>>()
    };
    for engine in ENGINES {
        assert_eq!(files(ENGINES[0]), files(engine));
    }
}

/// The key of the compile cache has what the engine says itself, where there is compiled code to keep.
#[test]
fn versions_that_decide_about_code_are_not_typed() {
    for engine in ENGINES {
        let folder = repository().join(format!("backend-{engine}/src"));
        let backend = read(folder.join("lib.rs"));
        let typed = backend.contains("    version: \"");
        let keeps = folder.join("artifact.rs").exists();
        assert_ne!(typed, keeps, "{engine}");
    }
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let folders = [
        "src",
        "core",
        "backend-wasmtime",
        "backend-wasmer",
        "backend-wasmi",
        "python",
        "c",
        "benches",
    ];
    let mut found = 0;
    for path in folders.iter().flat_map(|folder| sources(folder)) {
        let code = code(&read(&path));
        let unsafe_ = words(&code).contains("unsafe");
        let allowed = UNSAFE.iter().any(|allowed| path == Path::new(allowed));
        assert!(!unsafe_ || allowed, "{} contains `unsafe`", path.display());
        found += usize::from(unsafe_);
    }
    assert!(found > 0, "the search finds nothing at all");
}

#[test]
fn files_say_what_they_are() {
    let folders = [
        "src",
        "core",
        "backend-wasmtime",
        "backend-wasmer",
        "backend-wasmi",
        "python/src",
        "c",
        "benches",
        "tests/src",
        "tests/tests",
    ];
    for path in folders.iter().flat_map(|folder| sources(folder)) {
        let text = read(&path);
        assert!(text.starts_with("//!"), "{} has no head", path.display());
    }
}

/// The last column of the README's table of differences names a case, or `FILE::FUNCTION`, or why there
/// is no test.
#[test]
fn differences_between_engines_are_pinned() {
    let readme = read("README.md");
    let (_, table) = readme
        .split_once("### Differences between engines")
        .expect("it is there");
    let (table, _) = table.split_once("\n### ").expect("it ends");
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let named = cells[cells.len() - 1];
        let test = named
            .split('`')
            .nth(1)
            .unwrap_or_else(|| panic!("no test: {row}"));
        is_there(test, row);
    }
}

/// `FILE::FUNCTION` is a test of Rust or Python, and `FILE` has something in it.
fn is_there(test: &str, row: &str) {
    let Some((file, function)) = test.split_once("::") else {
        return assert!(!read(test).is_empty(), "{test} is empty: {row}");
    };
    let text = read(file);
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let (head, mark) = match file.ends_with(".py") {
        true => (format!("def {function}("), "def test_"),
        false => (format!("fn {function}("), "#[test]"),
    };
    let at = lines.iter().position(|line| line.starts_with(&head));
    let at = at.unwrap_or_else(|| panic!("{test} is not there: {row}"));
    // In Rust the attributes stand before it, in Python the name says it.
    let attributes = lines[..at].iter().rev();
    let attributes = attributes.take_while(|line| line.starts_with("#["));
    let is_test = [&lines[at]].into_iter().chain(attributes);
    assert!(
        is_test.into_iter().any(|line| line.starts_with(mark)),
        "{test} is no test: {row}"
    );
}

/// The last column of each row of `tests/ATTACKS.md` names tests, or says why there is none.
#[test]
fn attacks_are_pinned() {
    let text = read("tests/ATTACKS.md");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<_> = rows.filter(|row| !row.starts_with("| attack |")).collect();
    assert!(rows.len() > 60, "{rows:?}");
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, named] = cells[..] else {
            panic!("three columns: {row}");
        };
        if named.starts_with("not tested: ") {
            continue;
        }
        let tests: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests.into_iter().filter(|test| !test.contains(' ')) {
            let file = test.split("::").next().expect("there is a first part");
            let folder = match file {
                file if file.ends_with(".wat") || file.ends_with(".script") => "tests/cases/",
                file if file.contains('/') => "",
                file if file.ends_with(".py") => "python/tests/",
                _ => "tests/tests/",
            };
            is_there(&format!("{folder}{test}"), row);
        }
    }
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

fn dependencies<'a>(metadata: &'a Value, package: &str) -> Vec<&'a str> {
    let packages = metadata["packages"].as_array().expect("a list");
    let package = packages.iter().find(|other| other["name"] == package);
    let dependencies = package.expect("it is a member")["dependencies"].as_array();
    // Tests and benchmarks may have peers that the package itself must not know.
    let names = dependencies.expect("a list").iter();
    let names = names.filter(|dependency| dependency["kind"] != "dev");
    names.map(|d| d["name"].as_str().expect("a name")).collect()
}

#[test]
fn packages_depend_on_what_they_may() {
    let metadata = metadata();
    for package in [
        "polyextism-core",
        "polyextism-python",
        "polyextism-c",
        "polyextism-benches",
    ] {
        for name in dependencies(&metadata, package) {
            let engine = ENGINES.iter().any(|engine| name.ends_with(engine));
            assert!(!engine, "{package} depends on {name}");
        }
    }
    for engine in ENGINES {
        let names = dependencies(&metadata, &format!("polyextism-{engine}"));
        assert!(names.contains(engine), "{names:?}");
        let others = ENGINES.iter().filter(|other| *other != engine);
        for other in others {
            assert!(
                !names.contains(other),
                "the backend of {engine} depends on {other}"
            );
        }
    }
}

/// The versions of a package in `Cargo.lock`.
fn locked(package: &str) -> Vec<[u64; 3]> {
    let lock = read("Cargo.lock");
    let mut lines = lock.lines();
    let mut versions = Vec::new();
    while let Some(line) = lines.next() {
        if line == format!("name = \"{package}\"") {
            let version = lines
                .next()
                .and_then(|line| line.strip_prefix("version = \""));
            let version = version.expect("the version follows").trim_end_matches('"');
            let mut numbers = version.split(['.', '-', '+']).map(str::parse);
            versions.push([(); 3].map(|()| numbers.next().expect("three").expect("numbers")));
        }
    }
    versions
}

#[test]
fn there_is_one_wasmtime_and_it_is_patched() {
    let metadata = metadata();
    for package in ["wasmtime", "wasmtime-wasi", "wiggle"] {
        let versions = locked(package);
        let patched = versions.iter().all(|version| *version >= [48, 0, 8]);
        assert!(patched, "{package}: {versions:?}");
        // The peer of the benchmarks, behind a feature, has one of its own. Nothing else may.
        let built = metadata["packages"].as_array().expect("a list").iter();
        let built = built.filter(|other| other["name"] == package);
        let built: Vec<_> = built.map(|package| &package["version"]).collect();
        let [Value::String(version)] = &built[..] else {
            panic!("{package}: {built:?}");
        };
        assert!(
            version.starts_with("48."),
            "the WASI surface is frozen to the 48 line, this is {version}"
        );
    }
    assert_eq!(locked("wasmer").len(), 1);
}

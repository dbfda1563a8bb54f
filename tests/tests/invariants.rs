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
/// wasmtime and its memories where address space is scarce, what loads compiled code, what counts forks, Python's
/// handlers of fatal signals and of threads that it ends, and the border of the C library: its exports, its pointers,
/// and the functions that it calls.
const UNSAFE: &[&str] = &[
    "backend-wasmer/src/artifact.rs",
    "backend-wasmer/src/flag.rs",
    "backend-wasmer/src/instance.rs",
    "backend-wasmer/src/memories.rs",
    "backend-wasmer/src/memories/image.rs",
    "backend-wasmtime/src/artifact.rs",
    "backend-wasmtime/src/flag.rs",
    "backend-wasmtime/src/host.rs",
    "backend-wasmtime/src/movable.rs",
    "c/src/border.rs",
    "c/src/callback.rs",
    "c/src/exports.rs",
    "core/src/deadline/flag.rs",
    "core/src/process/per_process.rs",
    "python/src/faults.rs",
    "python/src/parking.rs",
];

/// What not every backend has: compiled code as bytes, a second engine behind the first one, memories that are kept
/// for further instances, the way round a mistake of one engine, what one lacks, and a compiler that is a choice of whoever builds.
const OWN: &[&str] = &[
    "src/artifact.rs",
    "src/calls.rs",
    "src/engines.rs",
    "src/exceptions.rs",
    "src/heap.rs",
    "src/flag.rs",
    "src/fuel.rs",
    "src/memories.rs",
    "src/memories/elsewhere.rs",
    "src/memories/image.rs",
    "src/movable.rs",
    "src/program.rs",
    "src/mended.rs",
    "src/singlepass.rs",
];

/// The folders of the backends.
fn backends() -> impl Iterator<Item = String> {
    ENGINES.iter().map(|engine| format!("backend-{engine}"))
}

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
    for path in ["core/src", "transform/src"].into_iter().flat_map(sources) {
        let code = code(&read(&path)).to_lowercase();
        let folders = ["core/src/host/wasi", "core/src/services/wasi"];
        let wasi = folders.iter().any(|folder| path.starts_with(folder));
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
        "transform/src",
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
fn backends_use_one_list_of_core() {
    for path in backends().flat_map(|folder| sources(&format!("{folder}/src"))) {
        let code = code(&read(&path));
        let mut uses = code.split("polyextism_core::").skip(1);
        let other = uses.find(|rest| !rest.starts_with("backend"));
        assert_eq!(other, None, "{} uses more than `backend`", path.display());
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
    let folders = ["src", "core", "transform", "python", "c", "benches"];
    let folders = folders.into_iter().map(str::to_owned).chain(backends());
    let mut found = 0;
    for path in folders.flat_map(|folder| sources(&folder)) {
        let code = code(&read(&path));
        let unsafe_ = words(&code).contains("unsafe");
        let allowed = UNSAFE.iter().any(|allowed| path == Path::new(allowed));
        assert!(!unsafe_ || allowed, "{} contains `unsafe`", path.display());
        found += usize::from(unsafe_);
    }
    assert!(found > 0, "the search finds nothing at all");
}

/// What guests hand over may have gigabytes: it is copied by `core/src/kernel/taken.rs`, and by `python/src/bytes.rs` for
/// Python, where it can fail.
#[test]
fn bytes_of_guests_are_taken_in_one_place() {
    let core = sources("core/src/services/env");
    let core = core
        .into_iter()
        .chain(["core/src/services/function.rs".into()]);
    let core = core.map(|path| (path, &[".to_vec()", ".to_owned()", "into_owned()"][..]));
    let python = sources("python/src").into_iter();
    let python = python.filter(|path| path != Path::new("python/src/bytes.rs"));
    let python = python.map(|path| (path, &["PyBytes::new(", "PyByteArray::new("][..]));
    for (path, copies) in core.chain(python) {
        let code = code(&read(&path)).replace(char::is_whitespace, "");
        let tests = code.find("#[cfg(test)]").unwrap_or(code.len());
        for copy in copies {
            let found = code[..tests].contains(copy);
            assert!(!found, "{} has `{copy}`", path.display());
        }
    }
}

#[test]
fn files_say_what_they_are() {
    let folders = [
        "src",
        "core",
        "transform",
        "python/src",
        "c",
        "benches",
        "tests/src",
        "tests/tests",
    ];
    let folders = folders.into_iter().map(str::to_owned).chain(backends());
    for path in folders.flat_map(|folder| sources(&folder)) {
        let text = read(&path);
        assert!(text.starts_with("//!"), "{} has no head", path.display());
    }
}

/// The last column of the table of differences in `docs/engines.md` names a case, or `FILE::FUNCTION`, or why there
/// is no test.
#[test]
fn differences_between_engines_are_pinned() {
    let page = read("docs/engines.md");
    let (_, table) = page
        .split_once("## Differences between engines")
        .expect("it is there");
    let (table, _) = table.split_once("\n## ").expect("it ends");
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

/// The layers of core: a folder imports from itself and from those before it.
const LAYERS: &[&str] = &[
    "base",
    "process",
    "deadline",
    "settings",
    "manifest",
    "http",
    "cache",
    "host",
    "kernel",
    "engine",
    "services",
    "module",
    "build",
    "live",
    "comparison",
];
/// Files beside the folders, which only hand on what is in them.
const FACES: &[&str] = &["lib.rs", "backend.rs", "contents.rs", "internal.rs"];

/// The folders of core that a text names in paths that begin with `crate::`, in trees of braces as well.
fn imported(code: &str) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        let Some(tree) = rest.strip_prefix('{') else {
            folders.insert(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = 0;
        for (position, char) in tree.char_indices() {
            match char {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    folders.insert(first_word(tree[item..position].trim_start()));
                    item = position + 1;
                    if char == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    folders.remove("");
    folders
}

fn first_word(text: &str) -> String {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

#[test]
fn imported_folders_are_found() {
    let code = "use crate::{base::{a::B, c}, host::D,}; crate::kernel::E; use crate::http;";
    let found: Vec<_> = imported(code).into_iter().collect();
    assert_eq!(found, ["base", "host", "http", "kernel"]);
}

#[test]
fn core_imports_in_one_direction() {
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut checked = 0;
    for path in sources("core/src") {
        let inside = path.strip_prefix("core/src").expect("it lies there");
        let folder = inside.iter().next().and_then(|name| name.to_str());
        let folder = folder.expect("names are text");
        let is_test = path.to_str().expect("names are text").contains("tests");
        if FACES.contains(&folder) || is_test {
            continue;
        }
        let own = layer(folder).unwrap_or_else(|| panic!("`{folder}` is in no layer"));
        let text = read(&path);
        let text = text.split("#[cfg(test)]\nmod tests {").next();
        for import in imported(&code(text.expect("a split has a first part"))) {
            let other = layer(&import);
            let other = other
                .unwrap_or_else(|| panic!("{}: `crate::{import}` is no layer", path.display()));
            assert!(
                other <= own,
                "{} imports `{import}`, which is above `{folder}`",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 100, "the search finds nothing");
}

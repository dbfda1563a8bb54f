//! `extism.h` beside the library: the same functions, and nothing that a compiler of C99 or C++11 complains about.

mod common;

use std::{collections::BTreeSet, process::Command};

use common::{compile, compiles_cpp, folder, library, run, scratch};

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(folder().join("include/extism.h")).expect("it is there");
    // Comments name functions, and declarations have no brackets before their name.
    let mut code = String::new();
    let mut rest = &header[..];
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("comments end").1;
    }
    code.push_str(rest);
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '('));
    let functions = words.filter_map(|word| {
        word.strip_suffix('(')
            .or_else(|| Some(word.split_once('(')?.0))
    });
    let functions = functions.filter(|name| name.starts_with("extism_"));
    functions.map(str::to_owned).collect()
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library()))
    .expect("there is `nm`");
    let symbols: BTreeSet<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    let declared = declared();
    let declared: BTreeSet<_> = declared.iter().map(String::as_str).collect();
    assert_eq!(symbols, declared);
    let official = declared
        .iter()
        .filter(|name| !name.starts_with("extism_poly_"));
    assert_eq!(official.count(), 33);
}

#[test]
fn the_library_has_a_name_for_the_linker() {
    let dynamic =
        run(Command::new("readelf").arg("-d").arg(library())).expect("there is `readelf`");
    assert!(
        dynamic.contains("Library soname: [libextism.so.1]"),
        "{dynamic}"
    );
}

#[test]
fn compilers_have_no_complaints() {
    let scratch = scratch("header");
    let text = "#include \"extism.h\"\n#include \"extism.h\"\n\
                int main(void) { return sizeof(ExtismVal) == 16 && EXTISM_PTR == 1 ? EXTISM_SUCCESS : 1; }\n";
    for (compiler, extension, standard) in [
        ("cc", "c", "-std=c99"),
        ("cc", "c", "-std=c11"),
        ("c++", "cc", "-std=c++11"),
        ("c++", "cc", "-std=c++17"),
    ] {
        if compiler == "c++" && !compiles_cpp() {
            continue;
        }
        let source = scratch.join(format!("header.{extension}"));
        std::fs::write(&source, text).expect("the target folder can be written");
        let program = scratch.join(format!("header{standard}"));
        compile(
            compiler,
            &program,
            &[standard, "-Wconversion", "-Wshadow"],
            &[source],
        );
        run(&mut Command::new(&program)).expect("the sizes are right");
    }
}

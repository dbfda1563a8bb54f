//! The examples: the same plug-in from four languages, which all say the same, on every engine; and the programs of the
//! documentation.
//!
//! Ruby and PHP are run where they and their foreign-function interfaces are installed.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use common::{compile, compiles_cpp, folder, library, run, scratch, with_engine};

const EXPECTED: &str = "\
count_vowels: {\"count\":3,\"total\":3,\"vowels\":\"aeiouAEIOU\"}
call_host: AS got: HELLO, WORLD!
call_host: code -1, host-function: this text is refused
";

fn example(name: &str) -> PathBuf {
    folder().join("examples").join(name)
}

fn plugin() -> PathBuf {
    folder().join("../tests/guests/assemblyscript/as_pdk.wasm")
}

/// The engines that are built in.
static ENGINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let program = scratch("engines").join("engines");
    let source = program.with_extension("c");
    let text = "#include <stdio.h>\n#include \"extism.h\"\nint main(void) {\n\
                for (ExtismSize i = 0; i < extism_poly_engine_count(); i++) puts(extism_poly_engine_name(i));\n\
                return 0;\n}\n";
    std::fs::write(&source, text).expect("the target folder can be written");
    link("cc", "-std=c99", &source, &program);
    let names = run(&mut Command::new(&program)).expect("there are engines");
    names.lines().map(str::to_owned).collect()
});

/// Links a program with the library as an installed one is, under the name that it gives itself.
fn link(compiler: &str, standard: &str, source: &Path, program: &Path) {
    let place = program.parent().expect("programs lie in folders");
    let name = place.join("libextism.so.1");
    let _ = std::fs::remove_file(&name);
    std::os::unix::fs::symlink(library(), &name).expect("the target folder can be written");
    let (name, place) = (
        name.to_str().expect("it is text"),
        place.to_str().expect("it is text"),
    );
    let rpath = format!("-Wl,-rpath,{place}");
    compile(
        compiler,
        program,
        &[standard, name, &rpath],
        &[source.to_owned()],
    );
}

fn says_the_same(command: &dyn Fn(&str) -> Command) {
    for engine in &*ENGINES {
        let said = run(command(engine).arg(plugin())).unwrap_or_else(|failure| failure);
        assert_eq!(said, EXPECTED, "{engine}");
    }
}

#[test]
fn c() {
    let program = scratch("example-c").join("vowels");
    link("cc", "-std=c99", &example("vowels.c"), &program);
    says_the_same(&|engine| with_engine(&program, engine));
}

/// The programs of the documentation, and that its other pieces are C.
#[test]
fn documentation() {
    let page = std::fs::read_to_string(folder().join("../docs/c.md")).expect("it is there");
    let blocks = page.split("```c\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("```").expect("blocks end").0);
    let (programs, pieces): (Vec<_>, Vec<_>) =
        blocks.partition(|block| block.contains("int main("));
    let place = scratch("documentation");
    let written = |name: String, text: &str| {
        let source = place.join(name).with_extension("c");
        std::fs::write(&source, text).expect("the target folder can be written");
        source
    };
    let says = ["hello\n", "HELLO\n"];
    assert_eq!(programs.len(), says.len());
    for (number, (block, says)) in programs.iter().zip(says).enumerate() {
        let source = written(format!("program{number}"), block);
        let program = source.with_extension("");
        link("cc", "-std=c99", &source, &program);
        for engine in &*ENGINES {
            let said = run(&mut with_engine(&program, engine));
            assert_eq!(said.as_deref(), Ok(says), "{engine}");
        }
    }
    // What the pieces are given.
    let head = "#include <stddef.h>\n#include \"extism.h\"\n\
                void piece(const uint8_t *wasm, ExtismSize size, ExtismPlugin *plugin) {\n\
                char *why = NULL;\n(void)wasm, (void)size, (void)plugin, (void)why;\n";
    for (number, block) in pieces.into_iter().enumerate() {
        let block = block.replace("ExtismPlugin *plugin = ", "plugin = ");
        let source = written(format!("piece{number}"), &format!("{head}{block}\n}}\n"));
        let object = source.with_extension("o");
        let flags = ["-std=c99", "-c", "-Wno-unused-variable"];
        compile("cc", &object, &flags, &[source]);
    }
}

#[test]
fn cpp() {
    if !compiles_cpp() {
        return;
    }
    let program = scratch("example-cpp").join("vowels");
    link("c++", "-std=c++11", &example("vowels.cc"), &program);
    says_the_same(&|engine| with_engine(&program, engine));
}

/// Runs an example where its interpreter can do so, and says where not.
#[expect(
    clippy::print_stderr,
    reason = "whoever looks for the test wants to know"
)]
fn interpreted(name: &str, interpreter: &[&str], probe: &[&str]) {
    let can = run(Command::new(interpreter[0]).args(probe));
    if let Err(why) = can {
        eprintln!(
            "{name} is not run: {interpreter:?} cannot run it here ({})",
            why.trim()
        );
        return;
    }
    says_the_same(&|engine| {
        let mut command = with_engine(interpreter[0], engine);
        command
            .args(&interpreter[1..])
            .arg(example(name))
            .env("EXTISM_LIBRARY", library());
        command
    });
}

#[test]
fn ruby() {
    interpreted("vowels.rb", &["ruby"], &["-e", "require 'ffi'"]);
}

#[test]
fn php() {
    let php = ["php", "-d", "ffi.enable=true"];
    interpreted(
        "vowels.php",
        &php,
        &["-r", "exit(extension_loaded('FFI') ? 0 : 1);"],
    );
}

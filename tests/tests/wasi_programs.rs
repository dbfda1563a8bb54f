//! Commands with a WASI libc: the same output, errors and exit codes on every engine. Programs that
//! nobody here wrote come from registry packages; `python/tests/test_wasi_programs.py` runs them.

use std::{collections::BTreeMap, fs, path::Path};

use polyextism::{
    Choice, Clock, ErrorKind, Manifest, Options, Output, Plugin, Wasi,
    manifest::{Source, Wasm},
};
use polyextism_tests::{engines, files, wasi::folder};

/// The C command with a folder and what it is given.
fn command(choice: &Choice, test: &str, args: &[&str], stdin: &[u8]) -> Plugin {
    let name = format!("program-{test}-{}", choice.name().replace(':', "-"));
    let root = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
    let data = Path::new(&root).join("data");
    fs::create_dir(&data).expect("it can be made");
    fs::write(Path::new(&root).join("secret"), "secret").expect("it can be written");
    let path = files::home().join("guests/c/c_zig_wasi_command.wasm");
    let mut manifest = Manifest::of(Wasm::from(Source::Path(path)));
    let data = data.to_str().expect("the path is plain").to_owned();
    manifest.allowed_paths = Some(BTreeMap::from([(data, "/data".to_owned())]));
    let wasi = Wasi::default()
        .with_args(args.iter().map(|arg| (*arg).to_owned()).collect())
        .with_env(vec![("HOME".to_owned(), "/data".to_owned())])
        .with_stdin(stdin.to_vec())
        .with_stdout(Output::CAPTURE)
        .with_stderr(Output::CAPTURE)
        .with_clock(Clock::Fixed(1_700_000_000_000_000_000));
    let options = Options::default().with_wasi(wasi);
    let compiled = choice.compile(&manifest, &options);
    Plugin::new(&compiled.expect("the command compiles")).expect("it can be instantiated")
}

const STDOUT: &str = "\
mkdir: ok
words: about all and dogs every fox lazy over quick the the
position: 53
stat: ok
size: 62
rename: ok
truncate: ok
entry: other.txt
rmdir: Directory not empty
unlink: ok
rmdir: ok
outside: Operation not permitted
absolute: No such file or directory
float: 1.414214 3.33333e+99 1
home: /data
time: Tue Nov 14 22:13:20 2023
sleep: ok
";

#[test]
fn files_and_text() {
    let text = b"the quick fox\nover all the lazy dogs  and\tabout every";
    for choice in engines() {
        for code in [0, 7] {
            let args = ["files", "/data", &code.to_string()];
            let mut plugin = command(&choice, "files", &args, text);
            let kind = plugin
                .call("_start", b"")
                .map(<[u8]>::len)
                .map_err(|error| error.kind());
            let expected = match code {
                0 => Ok(0),
                code => Err(ErrorKind::Exit(code)),
            };
            let stderr = String::from_utf8(plugin.stderr()).expect("it is text");
            assert_eq!(kind, expected, "{choice:?}: {stderr}");
            let stdout = String::from_utf8(plugin.stdout()).expect("it is text");
            assert_eq!(stdout, STDOUT, "{choice:?}");
            assert_eq!(stderr, "11 words\n", "{choice:?}");
        }
    }
}

#[test]
fn mistakes_of_its_user() {
    for choice in engines() {
        for (args, code, stderr) in [
            (&["files"][..], 2, "two arguments are needed, not 0\n"),
            (
                &["files", "/nothing", "0"],
                3,
                "chdir: No such file or directory\n",
            ),
        ] {
            let mut plugin = command(&choice, "mistakes", args, b"");
            let error = plugin.call("_start", b"").expect_err("it fails");
            assert_eq!(error.kind(), ErrorKind::Exit(code), "{choice:?}");
            assert_eq!(plugin.stderr(), stderr.as_bytes(), "{choice:?}");
        }
    }
}

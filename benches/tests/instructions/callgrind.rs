//! Runs this program under callgrind and reads what it counted. It knows nothing of what is run.

use std::{env, fs, io, path::Path, process::Command};

/// Why nothing can be counted here, if so.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("the recorded counts are those of x86-64 Linux".into());
    }
    match Command::new("valgrind").arg("--version").output() {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some("valgrind is missing; install the package valgrind".into())
        }
        Err(error) => Some(format!("valgrind does not run: {error}")),
    }
}

/// The instructions of each call of `function`, with all that it calls, in order. The program is told what
/// to do by an environment variable.
///
/// # Panics
/// If the program fails, or if valgrind does not find the function.
pub(crate) fn totals((variable, value): (&str, &str), function: &str) -> Vec<u64> {
    let program = env::current_exe().expect("this program is a file");
    let folder = env::temp_dir().join(format!("callgrind-{}-{value}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room for temporary files");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        // Engines write code, and write it again where they had written some.
        .arg("--smc-check=all-non-file")
        .arg(format!("--callgrind-out-file={}/out", folder.display()))
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--dump-after={function}"))
        .arg(program)
        .env(variable, value)
        .output()
        .expect("valgrind was found");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{value}: {errors}");
    let totals: Vec<_> = (1..)
        .map(|part| folder.join(format!("out.{part}")))
        .map_while(|file| total(&file))
        .collect();
    fs::remove_dir_all(&folder).expect("it is ours");
    assert!(!totals.is_empty(), "callgrind does not find {function}");
    totals
}

/// What one file counts, or `None` if there is no such file.
fn total(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    let total = lines.find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.parse().ok());
    Some(total.unwrap_or_else(|| panic!("{} has no total", file.display())))
}

//! The WebAssembly specification's test suite on every engine.
//!
//! Trials are named `<engine>::spec/<set>/<file>`. Each runs in a process of its own, so that an engine
//! that ends its process is a result like any other. What is known to fail is listed in `tests/spec`,
//! with the reason; `BLESS=1` rewrites these lists and the tables that are made of them. Sets that need
//! what no engine has, or that are part of a later version, are run by `--include-ignored` only.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use libtest_mimic::{Arguments, Trial};
use polyextism::Choice;
use polyextism_tests::{
    engines, files as place,
    spec::{
        self, Verdict,
        files::{self, File},
        known::Known,
        table,
    },
};

/// The first argument of a process that runs one script.
const ONE: &str = "--one-script";
/// How long a script may take.
const PATIENCE: Duration = Duration::from_secs(300);

type Verdicts = Vec<(usize, Verdict)>;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() == Some(ONE) {
        let [engine, path] = [(); 2].map(|()| given.next().expect("two more are given"));
        return one(&engine, Path::new(&path));
    }
    let bless = std::env::var_os("BLESS").is_some();
    let learnt = Arc::new(Mutex::new(BTreeMap::<(String, String), Verdicts>::new()));
    let mut trials = vec![Trial::test("spec/table", move || Ok(tables(bless)?))];
    let scripts: Vec<_> = files::all().into_iter().map(Arc::new).collect();
    for choice in engines() {
        let engine = choice.name();
        let known = Arc::new(Known::of(&engine));
        for file in &scripts {
            let (engine, file, known, learnt) = (
                engine.clone(),
                Arc::clone(file),
                Arc::clone(&known),
                Arc::clone(&learnt),
            );
            let name = format!("{engine}::spec/{}", file.name());
            let later = !file.is_always_run();
            let trial = Trial::test(name, move || {
                let verdicts = apart(&engine, &file)?;
                let checked = known.check(&file.name(), &verdicts);
                if bless {
                    let mut learnt = learnt.lock().expect("no trial panics with it");
                    learnt.insert((engine, file.name()), verdicts);
                    return Ok(());
                }
                Ok(checked?)
            });
            trials.push(trial.with_ignored_flag(later));
        }
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    if bless {
        let learnt = learnt.lock().expect("no trial panics with it");
        let names: Vec<_> = scripts.iter().map(|file| file.name()).collect();
        for choice in engines() {
            let engine = choice.name();
            let mut known = Known::of(&engine);
            for ((_, file), verdicts) in learnt.iter().filter(|((of, _), _)| *of == engine) {
                known.learn(file, verdicts);
            }
            known.tidy(&names);
            known.write(&engine);
        }
        if let Err(why) = tables(bless) {
            panic!("{why}");
        }
    }
    conclusion.exit_code()
}

/// Runs a script in this process, and prints a line for each directive.
fn one(engine: &str, path: &Path) -> ExitCode {
    let text = place::text(path);
    let choice: Choice = polyextism::engine(engine).expect("the parent knows the engines");
    let mut out = io::stdout().lock();
    let ended = spec::run(choice, &text, |line, verdict| {
        let (word, why) = match &verdict {
            Verdict::Passed => ("passed", ""),
            Verdict::Refused(what) => ("refused", &**what),
            Verdict::Failed(why) => ("failed", &**why),
        };
        let why = why.replace('\n', " ");
        writeln!(out, "{line} {word} {why}").expect("the parent listens");
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a script in a process of its own. What it does not get to has failed.
fn apart(engine: &str, file: &File) -> Result<Verdicts, String> {
    let lines = spec::directives(&file.text())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args([ONE, engine])
        .arg(&file.path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let out = child.stdout.take().expect("it is piped");
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    let mut verdicts = Vec::new();
    let mut late = false;
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(line) => verdicts.push(parse(&line).ok_or_else(|| format!("what is `{line}`?"))?),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                late = true;
                let _ = child.kill();
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    reader.join().map_err(|_| "the reader panicked")?;
    let ran = verdicts.len();
    if !verdicts.iter().map(|(line, _)| line).eq(&lines[..ran]) {
        return Err("the directives that ran are not those of the script".to_owned());
    }
    match status.success() && ran < lines.len() {
        true => Err(format!("{ran} of {} directives ran", lines.len())),
        false => {
            let why = match late {
                true => "the script does not end".to_owned(),
                false => format!("the process ended with {status}"),
            };
            let rest = lines[ran..]
                .iter()
                .map(|line| (*line, Verdict::Failed(why.clone())));
            verdicts.extend(rest);
            Ok(verdicts)
        }
    }
}

fn parse(line: &str) -> Option<(usize, Verdict)> {
    let mut words = line.splitn(3, ' ');
    let number = words.next()?.parse().ok()?;
    let (word, why) = (words.next()?, words.next()?.to_owned());
    let verdict = match word {
        "passed" => Verdict::Passed,
        "refused" => Verdict::Refused(why),
        "failed" => Verdict::Failed(why),
        _ => return None,
    };
    Some((number, verdict))
}

/// Compares the tables with what is known, or rewrites them.
fn tables(bless: bool) -> Result<(), String> {
    let readme = place::repository().join("README.md");
    let results = place::home().join("spec/README.md");
    for (path, table) in [(readme, table::overview()), (results, table::details())] {
        let text = place::text(&path);
        let (start, end) = ("<!-- spec -->\n", "<!-- /spec -->");
        let parts = text.split_once(start).and_then(|(before, rest)| {
            let (found, after) = rest.split_once(end)?;
            Some((before, found, after))
        });
        let (before, found, after) =
            parts.ok_or_else(|| format!("{}: no table", path.display()))?;
        if found == table {
            continue;
        }
        if !bless {
            return Err(format!(
                "{}: the table is old, BLESS=1 makes a new one",
                path.display()
            ));
        }
        let text = [before, start, &table, end, after].concat();
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
    }
    Ok(())
}

//! The WebAssembly specification's test suite on every engine.
//!
//! Trials are named `<engine>::spec/<set>/<file>`. They run in other processes, so that an engine that
//! ends its process is a result like any other. What is known to fail is listed in `tests/spec`,
//! with the reason; `BLESS=1` rewrites these lists and the tables that are made of them.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
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

/// The first argument of a process that runs scripts.
const SERVE: &str = "--serve";
/// What such a process prints after each script.
const END: &str = "end";
/// How long a script may take.
const PATIENCE: Duration = Duration::from_secs(300);

type Verdicts = Vec<(usize, Verdict)>;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() == Some(SERVE) {
        return serve(&given.next().expect("the engine is given"));
    }
    let bless = std::env::var_os("BLESS").is_some();
    let learnt = Arc::new(Mutex::new(BTreeMap::<(String, String), Verdicts>::new()));
    let mut trials = vec![Trial::test("spec/table", move || Ok(tables(bless)?))];
    let scripts: Vec<_> = files::all().into_iter().map(Arc::new).collect();
    for choice in engines() {
        let engine = choice.name();
        let known = Arc::new(Known::of(&engine));
        let idle = Arc::new(Idle::default());
        for file in &scripts {
            let (engine, file, known, learnt) = (
                engine.clone(),
                Arc::clone(file),
                Arc::clone(&known),
                Arc::clone(&learnt),
            );
            let idle = Arc::clone(&idle);
            let name = format!("{engine}::spec/{}", file.name());
            let trial = Trial::test(name, move || {
                let verdicts = apart(&engine, &idle, &file)?;
                let checked = known.check(&file.name(), &verdicts);
                if bless {
                    let mut learnt = learnt.lock().expect("no trial panics with it");
                    learnt.insert((engine, file.name()), verdicts);
                    return Ok(());
                }
                Ok(checked?)
            });
            trials.push(trial);
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

/// Runs the scripts whose paths come in, and prints a line for each directive, and one at the end of each
/// script.
fn serve(engine: &str) -> ExitCode {
    let choice: Choice = polyextism::engine(engine).expect("the parent knows the engines");
    let mut out = io::stdout().lock();
    for path in io::stdin().lines() {
        let path = path.expect("the parent writes text");
        let text = place::text(Path::new(&path));
        let ended = spec::run(choice, &text, |line, verdict| {
            let (word, why) = match &verdict {
                Verdict::Passed => ("passed", ""),
                Verdict::Refused(what) => ("refused", &**what),
                Verdict::Failed(why) => ("failed", &**why),
            };
            let why = why.replace('\n', " ");
            writeln!(out, "{line} {word} {why}").expect("the parent listens");
        });
        if let Err(why) = ended {
            let _ = writeln!(io::stderr(), "{path}: {why}");
            return ExitCode::FAILURE;
        }
        writeln!(out, "{END}").expect("the parent listens");
    }
    ExitCode::SUCCESS
}

/// A process that runs scripts on an engine, one after the other.
struct Worker {
    child: Child,
    paths: ChildStdin,
    lines: mpsc::Receiver<String>,
}

/// The workers of an engine that have nothing to do.
type Idle = Mutex<Vec<Worker>>;

impl Worker {
    fn new(engine: &str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE, engine])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().expect("it is piped");
        let paths = child.stdin.take().expect("it is piped");
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.try_for_each(|line| tell.send(line).ok())
        });
        Ok(Self {
            child,
            paths,
            lines,
        })
    }

    /// Runs a script; what it does not get to because the process ends, or does not, says why.
    fn run(&mut self, file: &File) -> Result<(Verdicts, Option<String>), String> {
        writeln!(self.paths, "{}", file.path.display()).map_err(|error| error.to_string())?;
        let mut verdicts = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line == END => return Ok((verdicts, None)),
                Ok(line) => {
                    verdicts.push(parse(&line).ok_or_else(|| format!("what is `{line}`?"))?)
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let killed = self.child.kill().and_then(|()| self.child.wait());
                    killed.map_err(|error| error.to_string())?;
                    return Ok((verdicts, Some("the script does not end".to_owned())));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(|error| error.to_string())?;
                    return Ok((verdicts, Some(format!("the process ended with {status}"))));
                }
            }
        }
    }
}

/// Runs a script in another process. What it does not get to has failed.
fn apart(engine: &str, idle: &Idle, file: &File) -> Result<Verdicts, String> {
    let lines = spec::directives(&file.text())?;
    let worker = idle.lock().expect("no trial panics with it").pop();
    let mut worker = match worker {
        Some(worker) => worker,
        None => Worker::new(engine).map_err(|error| error.to_string())?,
    };
    let (mut verdicts, died) = worker.run(file)?;
    let ran = verdicts.len();
    if !verdicts.iter().map(|(line, _)| line).eq(&lines[..ran]) {
        return Err("the directives that ran are not those of the script".to_owned());
    }
    match died {
        None if ran < lines.len() => Err(format!("{ran} of {} directives ran", lines.len())),
        None => {
            idle.lock().expect("no trial panics with it").push(worker);
            Ok(verdicts)
        }
        Some(why) => {
            let rest = lines[ran..].iter();
            verdicts.extend(rest.map(|line| (*line, Verdict::Failed(why.clone()))));
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
    let page = place::repository().join("docs/specification.md");
    let results = place::home().join("spec/README.md");
    for (path, table) in [(page, table::overview()), (results, table::details())] {
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

//! Plug-in cases: WebAssembly text with directives in `;;!` comments.
//!
//! ```text
//! ;;! wasi                          WASI is on; also: wasi arg "…", wasi env KEY = "…",
//!                                   wasi stdin "…", wasi capture BYTES, wasi clock N, wasi seed N
//! ;;! config KEY = "…"              an entry of the configuration
//! ;;! max-pages N                   memory.max_pages of the manifest; also max-var-bytes
//! ;;! fuel N                        what each call may use
//! ;;! timeout-ms N                  how long each call may take, of the manifest
//! ;;! function KIND [as NAME] [in NAMESPACE]    a host function of offers.rs
//! ;;! needs simd "…"                without that power, loading is refused with this message
//! ;;! module NAME                   the text from here on is that module; `-` for no name
//! ;;! bytes "…"                     these bytes are the module, whatever text there is
//! ;;! cut N                         the module's binary ends after N bytes
//! ;;! load                          compiles and links; implied
//! ;;! new                           makes an instance; implied before the first call
//! ;;! init  reset                   initialises; resets the kernel memory
//! ;;! call NAME ["input"]           calls a function
//! ;;! exists NAME                   asks whether a function can be called
//! ;;! stdout  stderr                looks at captured output
//! ;;! fuel-consumed                 looks at what the last call has used
//! ;;! var KEY  set-var KEY = "…"    looks at or changes a variable from outside
//! ;;! = …                           how the step before ends, as outcome.rs writes it
//! ;;% include NAME                  the text of include/NAME.wat
//! ```
//! Only steps that return nothing may go without an expectation: they are to succeed. `{engine}`
//! in an expectation stands for the engine's name. This file knows no engine.

use std::path::{Path, PathBuf};

use polyextism::{Clock, Output, Wasi};

use crate::{
    files,
    quote::{unquote, unquote_all},
};

/// A case as its file says it.
#[derive(Debug, Default)]
pub struct Case {
    /// What the plug-in is given.
    pub setting: Setting,
    /// What is done with it.
    pub steps: Vec<Step>,
    lines: Vec<String>,
}

/// What the plug-in is given.
#[derive(Debug, Default)]
pub struct Setting {
    /// The modules, in the order of the manifest.
    pub modules: Vec<Module>,
    /// What WASI is given, if it is on.
    pub wasi: Option<Wasi>,
    /// The configuration.
    pub config: Vec<(String, String)>,
    /// The limit on pages.
    pub max_pages: Option<u32>,
    /// The limit on variables.
    pub max_var_bytes: Option<u64>,
    /// What each call may use, if the guests are to count it.
    pub fuel: Option<u64>,
    /// How long each call may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The host functions, as offers.rs reads them.
    pub functions: Vec<String>,
    /// A power that the case needs, and the message without it.
    pub needs: Option<(String, String)>,
}

/// A module of the manifest.
#[derive(Debug, Default)]
pub struct Module {
    /// Its name.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// Its bytes, if they are not made from the text.
    pub bytes: Option<Vec<u8>>,
    /// Where its binary ends.
    pub cut: Option<usize>,
}

/// One thing that is done.
#[derive(Debug)]
pub struct Step {
    /// What.
    pub action: Action,
    /// How it is to end.
    pub expected: Option<String>,
    /// Positions of the lines of the step and of the expectation in the file.
    lines: Option<(usize, Option<usize>)>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table at the head of the file says it")]
pub enum Action {
    Load,
    New,
    Init,
    Reset,
    Call(String, Vec<u8>),
    Exists(String),
    Stdout,
    Stderr,
    FuelConsumed,
    Var(String),
    SetVar(String, Vec<u8>),
}

impl Action {
    /// Whether the step returns something, so that it needs an expectation.
    pub fn returns(&self) -> bool {
        matches!(
            self,
            Self::Call(..)
                | Self::Exists(_)
                | Self::Stdout
                | Self::Stderr
                | Self::FuelConsumed
                | Self::Var(_)
        )
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// What is wrong, with the number of the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut case = Self::default();
        case.setting.modules.push(Module::default());
        for (number, line) in text.lines().enumerate() {
            case.lines.push(line.to_owned());
            case.line(line)
                .map_err(|why| format!("line {}: {why}", number + 1))?;
        }
        if case.setting.modules.len() > 1 {
            let before = case.setting.modules.remove(0);
            let is_text = |line: &str| !line.trim().is_empty() && !line.starts_with(";;");
            if before.text.lines().any(is_text) {
                return Err("text before the first module".to_owned());
            }
        }
        match case.steps.is_empty() {
            true => Err("the case does nothing".to_owned()),
            false => Ok(case),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(name) = line.trim().strip_prefix(";;% include ") {
            let path = files::home().join(format!("cases/include/{}.wat", name.trim()));
            let module = self.module();
            module.text.push_str(&files::text(&path));
            module.text.push('\n');
            return Ok(());
        }
        let Some(directive) = line.trim().strip_prefix(";;!") else {
            let module = self.module();
            module.text.push_str(line);
            module.text.push('\n');
            return Ok(());
        };
        let directive = directive.trim();
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        let rest = rest.trim();
        if let Some(expected) = directive.strip_prefix("= ") {
            return self.expect(expected);
        }
        let setting = &mut self.setting;
        match word {
            "wasi" => wasi(setting.wasi.get_or_insert_default(), rest)?,
            "config" => {
                let (key, value) = assignment(rest)?;
                setting.config.push((key, text(value)?));
            }
            "max-pages" => setting.max_pages = Some(number(rest)?),
            "max-var-bytes" => setting.max_var_bytes = Some(number(rest)?),
            "fuel" => setting.fuel = Some(number(rest)?),
            "timeout-ms" => setting.timeout_ms = Some(number(rest)?),
            "function" => setting.functions.push(rest.to_owned()),
            "needs" => {
                let (power, message) = rest.split_once(' ').ok_or("what, and the message")?;
                setting.needs = Some((power.to_owned(), text(unquote_all(message)?)?));
            }
            "module" => setting.modules.push(Module {
                name: (rest != "-").then(|| rest.to_owned()),
                ..Module::default()
            }),
            "bytes" => self.module().bytes = Some(unquote_all(rest)?),
            "cut" => self.module().cut = Some(number(rest)?),
            _ => self.step(word, rest)?,
        }
        Ok(())
    }

    fn module(&mut self) -> &mut Module {
        let last = self.setting.modules.last_mut();
        last.expect("there is one from the start")
    }

    fn step(&mut self, word: &str, rest: &str) -> Result<(), String> {
        let action = match word {
            "load" => Action::Load,
            "new" => Action::New,
            "init" => Action::Init,
            "reset" => Action::Reset,
            "stdout" => Action::Stdout,
            "stderr" => Action::Stderr,
            "fuel-consumed" => Action::FuelConsumed,
            "exists" => Action::Exists(rest.to_owned()),
            "var" => Action::Var(rest.to_owned()),
            "set-var" => {
                let (key, value) = assignment(rest)?;
                Action::SetVar(key, value)
            }
            "call" => match rest.split_once(' ') {
                None => Action::Call(rest.to_owned(), Vec::new()),
                Some((name, input)) => Action::Call(name.to_owned(), unquote_all(input)?),
            },
            _ => return Err(format!("unknown directive `{word}`")),
        };
        let mut implied = |wanted: Action| {
            let is_there = self.steps.iter().any(|step| step.action == wanted);
            if !is_there && action != wanted {
                self.steps.push(Step {
                    action: wanted,
                    expected: None,
                    lines: None,
                });
            }
        };
        implied(Action::Load);
        if action != Action::Load {
            implied(Action::New);
        }
        self.steps.push(Step {
            action,
            expected: None,
            lines: Some((self.lines.len() - 1, None)),
        });
        Ok(())
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        let step = self.steps.last_mut().ok_or("no step comes before")?;
        if step.expected.is_some() {
            return Err("the step has an expectation already".to_owned());
        }
        step.expected = Some(expected.to_owned());
        if let Some((_, line)) = &mut step.lines {
            *line = Some(self.lines.len() - 1);
        }
        Ok(())
    }

    /// The text of the case with other expectations, one for each step; `None` leaves it.
    pub fn with_expectations(&self, expectations: &[Option<String>]) -> String {
        let mut lines: Vec<Vec<String>> = self.lines.iter().map(|l| vec![l.clone()]).collect();
        for (step, expectation) in self.steps.iter().zip(expectations) {
            let (Some((at, old)), Some(expectation)) = (step.lines, expectation) else {
                continue;
            };
            let line = format!(";;! = {expectation}");
            match old {
                Some(old) => lines[old] = vec![line],
                None => lines[at].push(line),
            }
        }
        lines.concat().join("\n") + "\n"
    }
}

/// The groups of plug-in cases: every folder of `cases/` that has some.
///
/// # Panics
/// If the folder cannot be read.
pub fn groups() -> Vec<(String, Vec<PathBuf>)> {
    let entries = std::fs::read_dir(files::home().join("cases"));
    let mut names: Vec<_> = entries
        .expect("the folder of the cases can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .map(|path: PathBuf| files::stem(Path::new(&path)).to_owned())
        .filter(|name| name != "include" && name != "kernel")
        .collect();
    names.sort();
    let group = |name: String| {
        let files = files::cases(&name, "wat");
        (name, files)
    };
    names.into_iter().map(group).collect()
}

fn wasi(wasi: &mut Wasi, rest: &str) -> Result<(), String> {
    let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "" => {}
        "arg" => wasi.args.push(text(unquote_all(value)?)?),
        "env" => {
            let (key, value) = assignment(value)?;
            wasi.env.push((key, text(value)?));
        }
        "stdin" => wasi.stdin = unquote_all(value)?,
        "capture" => {
            let limit = number(value)?;
            (wasi.stdout, wasi.stderr) = (Output::Capture { limit }, Output::Capture { limit });
        }
        "clock" => wasi.clock = Clock::Fixed(number(value)?),
        "seed" => wasi.seed = Some(number(value)?),
        _ => return Err(format!("unknown setting of WASI `{word}`")),
    }
    Ok(())
}

fn assignment(text: &str) -> Result<(String, Vec<u8>), String> {
    let (key, value) = text.split_once('=').ok_or("`key = \"value\"` is needed")?;
    let key = match key.trim().starts_with('"') {
        true => self::text(unquote(key.trim())?.0)?,
        false => key.trim().to_owned(),
    };
    Ok((key, unquote_all(value)?))
}

fn text(bytes: impl Into<Vec<u8>>) -> Result<String, String> {
    String::from_utf8(bytes.into()).map_err(|error| error.to_string())
}

fn number<N: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

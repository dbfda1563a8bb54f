//! The conformance suite: every case under `cases/` as a trial on an engine.
//!
//! Who runs the trials decides on which engines: `tests/conformance.rs` on all that are built in,
//! `tests/broken.rs` on one that is broken on purpose.

use std::sync::{Arc, OnceLock};

use polyextism::{Choice, KernelForm};

use crate::{
    case::{self, Case},
    files,
    kernel::{Form, Kernel, Names},
    outcome::Outcome,
    run,
    script::{self, Script},
};

/// One case on one engine.
pub struct Trial {
    /// The name of the engine.
    pub engine: String,
    /// The folder of the case.
    pub group: String,
    /// Its name in there.
    pub case: String,
    /// Runs it: every difference, a line each.
    pub run: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

/// Every case on every one of these engines, deterministic: there is one expectation for all.
///
/// # Panics
/// If the scripts of the kernel cannot be understood. A plug-in case that cannot fails its trials.
pub fn trials(engines: &[Choice]) -> Vec<Trial> {
    let engines: Vec<_> = engines
        .iter()
        .map(|choice| choice.deterministic())
        .collect();
    let mut trials = Vec::new();
    kernel_trials(&engines, &mut trials);
    plugin_trials(&engines, &mut trials);
    trials
}

/// Each script runs under both sets of names, and reaches the kernel in every way.
fn kernel_trials(engines: &[Choice], trials: &mut Vec<Trial>) {
    let scripts: Vec<(String, Arc<Script>)> = files::cases("kernel", "script")
        .iter()
        .flat_map(|path| {
            let file = files::stem(path);
            let scripts = script::parse(&files::text(path));
            let scripts = scripts.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            scripts
                .into_iter()
                .map(move |script| (format!("{file}: {}", script.name), script.into()))
        })
        .collect();
    for &choice in engines {
        for names in Names::ALL {
            for form in Form::ALL {
                let kernel = Arc::new(OnceLock::new());
                let suffix = match form {
                    Form::Expanded => "",
                    Form::Referenced => " (referenced)",
                    Form::Apart => " (apart)",
                };
                for (name, script) in &scripts {
                    let (kernel, script) = (kernel.clone(), script.clone());
                    trials.push(Trial {
                        engine: choice.name(),
                        group: "kernel".to_owned(),
                        case: format!("{}/{name}{suffix}", names.namespace()),
                        run: Box::new(move || run_script(&choice, names, form, &kernel, &script)),
                    });
                }
            }
        }
    }
}

fn run_script(
    choice: &Choice,
    names: Names,
    form: Form,
    kernel: &OnceLock<Result<Kernel, Outcome>>,
    script: &Script,
) -> Result<(), String> {
    let kernel = kernel
        .get_or_init(|| Kernel::new(choice, names, form).map_err(|error| Outcome::failed(&error)))
        .as_ref()
        .map_err(|outcome| format!("the guest was not compiled: {outcome}"))?;
    match kernel.run(&script.records, &script.input) {
        Ok((outcome, results)) => script.check(&outcome, &results),
        Err(error) => Err(format!("the script could not be run: {error:?}")),
    }
}

/// Where the kernel is in the plug-ins, and what the names of those trials end with.
const FORMS: [(KernelForm, &str); 2] = [(KernelForm::Fused, ""), (KernelForm::Apart, " (apart)")];

fn plugin_trials(engines: &[Choice], trials: &mut Vec<Trial>) {
    for (group, paths) in case::groups() {
        for path in paths {
            let case = Case::parse(&files::text(&path));
            let case = Arc::new(case.map_err(|why| format!("{}: {why}", path.display())));
            for &choice in engines {
                for (form, suffix) in FORMS {
                    let case = case.clone();
                    trials.push(Trial {
                        engine: choice.name(),
                        group: group.clone(),
                        case: format!("{}{suffix}", files::stem(&path)),
                        run: Box::new(move || match case.as_ref() {
                            Ok(case) => run::check(case, &choice, form),
                            Err(why) => Err(why.clone()),
                        }),
                    });
                }
            }
        }
    }
}

/// Rewrites the expectations of the plug-in cases by what this engine does. A case that cannot be
/// understood is left for its trial to tell.
///
/// # Panics
/// If a file cannot be written.
pub fn bless(engine: &Choice) {
    for path in case::groups().into_iter().flat_map(|(_, paths)| paths) {
        let blessed = Case::parse(&files::text(&path));
        let blessed = blessed.and_then(|case| run::bless(&case, &engine.deterministic()));
        if let Ok(text) = blessed {
            std::fs::write(&path, text).expect("the file of the case can be written");
        }
    }
}

//! Every case on every engine: one expectation for all of them.
//!
//! Trials are named `<engine>::<group>/<case>`. `BLESS=1` rewrites the expectations of the plug-in
//! cases by what the first engine does; every engine is compared with them all the same.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Trial};
use polyextism::{Choice, KernelForm};
use polyextism_tests::{
    case::{self, Case},
    engines, files,
    kernel::{Form, Kernel, Names},
    outcome::Outcome,
    run,
    script::{self, Script},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    kernel_trials(&mut trials);
    plugin_trials(&mut trials);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Each script runs under both sets of names, and reaches the kernel in every way.
fn kernel_trials(trials: &mut Vec<Trial>) {
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
    for choice in engines() {
        for names in Names::ALL {
            for form in Form::ALL {
                let kernel = Arc::new(OnceLock::new());
                for (name, script) in &scripts {
                    let (kernel, script) = (kernel.clone(), script.clone());
                    let engine = choice.name();
                    let namespace = names.namespace();
                    let form_name = match form {
                        Form::Expanded => "",
                        Form::Referenced => " (referenced)",
                        Form::Apart => " (apart)",
                    };
                    trials.push(Trial::test(
                        format!("{engine}::kernel/{namespace}/{name}{form_name}"),
                        move || Ok(run_script(&choice, names, form, &kernel, &script)?),
                    ));
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

fn plugin_trials(trials: &mut Vec<Trial>) {
    let bless = std::env::var_os("BLESS").is_some();
    let engines = engines();
    for (group, paths) in case::groups() {
        for path in paths {
            let read = || Case::parse(&files::text(&path));
            let named = |why| format!("{}: {why}", path.display());
            let mut case = read().map_err(named);
            if bless && let Ok(old) = &case {
                case = run::bless(old, &engines[0])
                    .map_err(named)
                    .and_then(|text| {
                        std::fs::write(&path, text).map_err(|error| named(error.to_string()))?;
                        read().map_err(named)
                    });
            }
            let case = Arc::new(case);
            for choice in engines.clone() {
                for (form, suffix) in FORMS {
                    let case = case.clone();
                    let (engine, file) = (choice.name(), files::stem(&path));
                    let name = format!("{engine}::{group}/{file}{suffix}");
                    trials.push(Trial::test(name, move || match case.as_ref() {
                        Ok(case) => Ok(run::check(case, &choice, form)?),
                        Err(why) => Err(why.into()),
                    }));
                }
            }
        }
    }
}

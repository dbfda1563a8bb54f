//! Runs a plug-in case on an engine and compares it with what the case expects.

use polyextism::{
    Choice, Compiled, Error, ErrorKind, KernelForm, Manifest, Options, Plugin, Proposal,
    manifest::Wasm,
};

use crate::{
    case::{Action, Case, Module, Setting, Step},
    gaps::{EXTERNREF, SEVERAL_RESULTS, lacks},
    offers,
    outcome::Outcome,
};

/// Runs a case: how each step ended, up to the first that leaves no plug-in.
///
/// # Errors
/// If the case itself cannot be understood.
pub fn run(case: &Case, choice: &Choice, form: KernelForm) -> Result<Vec<Outcome>, String> {
    let (manifest, mut options) = prepare(&case.setting)?;
    options.kernel = form;
    let mut compiled: Option<Compiled> = None;
    let mut plugin: Option<Plugin> = None;
    let mut outcomes = Vec::new();
    for step in &case.steps {
        let outcome = match &step.action {
            Action::Load => match choice.compile(&manifest, &options) {
                Ok(made) => {
                    compiled = Some(made);
                    Outcome::Nothing
                }
                Err(error) => Outcome::failed(&error),
            },
            Action::New => {
                let Some(compiled) = &compiled else { break };
                match Plugin::new(compiled) {
                    Ok(made) => {
                        plugin = Some(made);
                        Outcome::Nothing
                    }
                    Err(error) => Outcome::failed(&error),
                }
            }
            action => {
                let Some(plugin) = &mut plugin else { break };
                act(plugin, action)
            }
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn act(plugin: &mut Plugin, action: &Action) -> Outcome {
    let done = |result: Result<(), Error>| match result {
        Ok(()) => Outcome::Nothing,
        Err(error) => Outcome::failed(&error),
    };
    match action {
        Action::Load | Action::New => Outcome::Nothing,
        Action::Init => done(plugin.initialize()),
        Action::Reset => {
            plugin.reset();
            Outcome::Nothing
        }
        Action::Call(name, input) => Outcome::of(plugin.call(name, input)),
        Action::Exists(name) => Outcome::Ok(plugin.function_exists(name).to_string().into()),
        Action::Stdout => Outcome::Ok(plugin.stdout()),
        Action::Stderr => Outcome::Ok(plugin.stderr()),
        Action::FuelConsumed => match plugin.fuel_consumed() {
            Some(units) => Outcome::Ok(units.to_string().into()),
            None => Outcome::Nothing,
        },
        Action::Var(key) => match plugin.host().vars().get(key) {
            Some(value) => Outcome::Ok(value.to_vec()),
            None => Outcome::Nothing,
        },
        Action::SetVar(key, value) => {
            let set = plugin.host().vars_mut().set(key.as_str(), value.as_slice());
            done(set.map_err(|error| Error::new(ErrorKind::Argument, error.to_string())))
        }
    }
}

/// Runs a case and compares every step.
///
/// # Errors
/// Every difference, a line each.
pub fn check(case: &Case, choice: &Choice, form: KernelForm) -> Result<(), String> {
    let outcomes = run(case, choice, form)?;
    if let Some((power, message)) = &case.setting.needs
        && !has(choice, power)?
    {
        let message = message.replace("{engine}", &choice.name());
        let expected = Outcome::Error {
            kind: ErrorKind::Unsupported.name().to_owned(),
            message,
        };
        return match &outcomes[..] {
            [found] if *found == expected => Ok(()),
            found => Err(format!(
                "without {power} loading ends with\n  {found:?}\nnot with\n  {expected}"
            )),
        };
    }
    let mut differences = Vec::new();
    for (position, step) in case.steps.iter().enumerate() {
        let expected = match &step.expected {
            Some(expected) => expected.replace("{engine}", &choice.name()),
            None if step.action.returns() => "an expectation, which the case lacks".to_owned(),
            None => Outcome::Nothing.to_string(),
        };
        let found = outcomes.get(position).map(Outcome::to_string);
        let found = found.unwrap_or_else(|| "no plug-in, because it could not be made".to_owned());
        if found != expected {
            differences.push(format!(
                "{:?} ended with\n  {found}\nnot with\n  {expected}",
                step.action
            ));
        }
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join("\n")),
    }
}

/// The text of a case with the expectations that an engine meets.
///
/// # Errors
/// If the case itself cannot be understood.
pub fn bless(case: &Case, choice: &Choice) -> Result<String, String> {
    if let Some((power, _)) = &case.setting.needs
        && !has(choice, power)?
    {
        return Ok(case.with_expectations(&[]));
    }
    let outcomes = run(case, choice, KernelForm::Fused)?;
    let expectation = |(step, outcome): (&Step, &Outcome)| {
        let plain = !step.action.returns() && step.expected.is_none();
        let own_name = format!("engine `{}`", choice.name());
        let found = outcome.to_string();
        let found = found.replace(&own_name, "engine `{engine}`");
        (!(plain && outcome.is_ok())).then_some(found)
    };
    let expectations: Vec<_> = case.steps.iter().zip(&outcomes).map(expectation).collect();
    Ok(case.with_expectations(&expectations))
}

/// Whether an engine declares a power.
fn has(choice: &Choice, power: &str) -> Result<bool, String> {
    let capabilities = choice.compiler().capabilities;
    Ok(match power {
        "interrupt" => capabilities.interrupt,
        "memory-limit" => capabilities.memory_limit,
        EXTERNREF | SEVERAL_RESULTS => !lacks(choice, power),
        _ => match Proposal::named(power) {
            Some(proposal) => capabilities.proposals.contains(&proposal),
            None => return Err(format!("unknown power `{power}`")),
        },
    })
}

fn prepare(setting: &Setting) -> Result<(Manifest, Options), String> {
    let mut manifest = Manifest::default();
    manifest.config = setting.config.iter().cloned().collect();
    manifest.timeout_ms = setting.timeout_ms;
    manifest.memory.max_pages = setting.max_pages;
    manifest.memory.max_var_bytes = setting.max_var_bytes;
    for module in &setting.modules {
        let mut wasm = Wasm::from(bytes(module)?);
        wasm.name.clone_from(&module.name);
        manifest.wasm.push(wasm);
    }
    let functions = setting.functions.iter().map(|text| offers::function(text));
    let options = Options::default()
        .with_functions(functions.collect::<Result<_, _>>()?)
        .with_wasi(setting.wasi.clone())
        .with_fuel(setting.fuel);
    Ok((manifest, options))
}

fn bytes(module: &Module) -> Result<Vec<u8>, String> {
    if let Some(bytes) = &module.bytes {
        return Ok(bytes.clone());
    }
    match module.cut {
        None => Ok(module.text.clone().into_bytes()),
        Some(cut) => {
            let mut binary = wat::parse_str(&module.text).map_err(|error| error.to_string())?;
            binary.truncate(cut);
            Ok(binary)
        }
    }
}

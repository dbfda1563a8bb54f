//! Runs the directives of a script, and says of each how it ended.
//!
//! Invariant: there is one verdict for each directive, whatever happens; what one leaves behind
//! never keeps the next from being run.

use std::{collections::BTreeMap, sync::Arc};

use polyextism::{Choice, Error, ErrorKind, Trap, internal::inspect::Value};
use wast::{
    QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::Id,
};

use super::{
    Verdict,
    stage::{Ended, Live, Module, Stage},
    values,
};

/// Traps by the words that the suite has for them; the first that fit count. A message may go on after
/// these.
const TRAPS: &[(&str, &[Trap])] = &[
    ("cast failure", &[Trap::CastFailure]),
    ("out of bounds array access", &[Trap::ArrayOutOfBounds]),
    ("indirect call type mismatch", &[Trap::BadSignature]),
    ("indirect call", &[Trap::BadSignature, Trap::NullElement]),
    ("integer divide by zero", &[Trap::DivideByZero]),
    ("integer overflow", &[Trap::IntegerOverflow]),
    ("invalid conversion to integer", &[Trap::BadConversion]),
    // Of a function, a structure and so on.
    ("null ", &[Trap::NullReference]),
    ("out of bounds memory access", &[Trap::MemoryOutOfBounds]),
    ("out of bounds table access", &[Trap::TableOutOfBounds]),
    (
        "out of bounds",
        &[Trap::MemoryOutOfBounds, Trap::TableOutOfBounds],
    ),
    ("unaligned atomic", &[Trap::UnalignedAtomic]),
    ("undefined", &[Trap::TableOutOfBounds]),
    ("uninitialized", &[Trap::NullElement]),
    ("unreachable", &[Trap::Unreachable]),
];

/// The lines of the directives of a script, in order.
///
/// # Errors
/// If it is no script.
pub fn directives(text: &str) -> Result<Vec<usize>, String> {
    parsed(text, |script| {
        script
            .directives
            .iter()
            .map(|directive| line(text, directive))
            .collect()
    })
}

/// Runs a script on an engine; `tell` gets the line and the verdict of each directive as it ends.
///
/// # Errors
/// If it is no script, or if the engine cannot be looked into.
pub fn run(choice: Choice, text: &str, mut tell: impl FnMut(usize, Verdict)) -> Result<(), String> {
    let stage = Stage::new(choice).map_err(|error| described(&error))?;
    let mut script = Script {
        stage,
        current: Module::Absent("there is no module yet".to_owned()),
        named: BTreeMap::new(),
        definitions: BTreeMap::new(),
    };
    parsed(text, |wast| {
        for directive in wast.directives {
            tell(line(text, &directive), script.directive(directive));
        }
    })
}

fn parsed<T>(text: &str, then: impl FnOnce(Wast<'_>) -> T) -> Result<T, String> {
    // The suite has names that look like others on purpose.
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let wast = parser::parse::<Wast<'_>>(&buffer).map_err(|error| error.to_string())?;
    Ok(then(wast))
}

fn line(text: &str, directive: &WastDirective<'_>) -> usize {
    directive.span().linecol_in(text).0 + 1
}

/// An error with its sources, in one line.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Script {
    stage: Stage,
    /// The last module.
    current: Module,
    named: BTreeMap<String, Module>,
    /// What is defined but not alive, by name, and the last one without; else why it is not there.
    definitions: BTreeMap<Option<String>, Result<Vec<u8>, Module>>,
}

impl Script {
    fn directive(&mut self, directive: WastDirective<'_>) -> Verdict {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                let made = bytes(&mut module).and_then(|wasm| self.stage.add(&wasm));
                self.define(name, made)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(owned);
                let wasm = bytes(&mut module);
                let read = wasm.and_then(|wasm| self.stage.read(&wasm).map(|_| wasm));
                let (wasm, verdict) = match read {
                    Ok(wasm) => (Ok(wasm), Verdict::Passed),
                    Err(ended) => {
                        let (module, verdict) = absent(ended);
                        (Err(module), verdict)
                    }
                };
                self.definitions.insert(None, wasm.clone());
                self.definitions.insert(name, wasm);
                verdict
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let made = match self.definitions.get(&module.map(owned)) {
                    Some(Ok(wasm)) => self.stage.add(wasm),
                    Some(Err(Module::Refused(why))) => Err(Ended::Refused(why.clone())),
                    Some(Err(_)) => Err(Ended::Absent("its definition is not there".to_owned())),
                    None => Err(Ended::Absent("there is no such definition".to_owned())),
                };
                self.define(instance, made)
            }
            WastDirective::Register { name, module, .. } => {
                let module = self.module(module);
                self.stage.register(name, module.clone());
                match module {
                    Module::Live(_) => Verdict::Passed,
                    Module::Refused(why) => Verdict::Refused(why),
                    Module::Absent(why) => Verdict::Failed(why),
                }
            }
            WastDirective::Invoke(invoke) => match self.invoke(&invoke) {
                Ok(_) => Verdict::Passed,
                Err(ended) => verdict_of(ended),
            },
            WastDirective::AssertReturn { exec, results, .. } => match self.execute(exec) {
                Ok(found) if values::all_match(&results, &found) => Verdict::Passed,
                Ok(found) => {
                    let found: Vec<_> = found.iter().map(Value::to_string).collect();
                    Verdict::Failed(format!("gives {}", found.join(" ")))
                }
                Err(ended) => verdict_of(ended),
            },
            WastDirective::AssertTrap { exec, message, .. } => {
                let wanted = TRAPS.iter().find(|(words, _)| message.starts_with(words));
                let ended = self.execute(exec).map(drop);
                match wanted {
                    Some((_, traps)) => wants(
                        &traps
                            .iter()
                            .copied()
                            .map(ErrorKind::Trap)
                            .collect::<Vec<_>>(),
                        ended,
                    ),
                    None => match ended {
                        Err(Ended::Refused(why)) => Verdict::Refused(why),
                        _ => Verdict::Failed(format!("`{message}` is no trap that is known here")),
                    },
                }
            }
            WastDirective::AssertExhaustion { call, .. } => {
                let ended = self.invoke(&call).map(drop);
                wants(&[ErrorKind::Trap(Trap::StackOverflow)], ended)
            }
            WastDirective::AssertMalformed { mut module, .. }
            | WastDirective::AssertInvalid { mut module, .. }
            | WastDirective::AssertMalformedCustom { mut module, .. }
            | WastDirective::AssertInvalidCustom { mut module, .. } => {
                let ended = bytes(&mut module).and_then(|wasm| self.stage.read(&wasm).map(drop));
                wants(&[ErrorKind::InvalidModule], ended)
            }
            WastDirective::AssertUnlinkable { module, .. } => {
                let wasm = bytes(&mut QuoteWat::Wat(module));
                wants(
                    &[ErrorKind::Link],
                    wasm.and_then(|wasm| self.stage.link(&wasm)),
                )
            }
            WastDirective::AssertException { exec, .. } => {
                let ended = self.execute(exec).map(drop);
                wants(&[ErrorKind::Trap(Trap::UncaughtException)], ended)
            }
            WastDirective::AssertSuspension { exec, .. } => match self.execute(exec) {
                Err(Ended::Refused(why)) => Verdict::Refused(why),
                _ => Verdict::Failed("no engine here suspends".to_owned()),
            },
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                Verdict::Refused("threads".to_owned())
            }
        }
    }

    /// The module that the script has just made is the current one, and has a name.
    fn define(&mut self, name: Option<Id<'_>>, made: Result<Arc<Live>, Ended>) -> Verdict {
        let (module, verdict) = match made {
            Ok(live) => (Module::Live(live), Verdict::Passed),
            Err(ended) => absent(ended),
        };
        if let Some(name) = name {
            self.named.insert(owned(name), module.clone());
        }
        self.current = module;
        verdict
    }

    fn module(&self, name: Option<Id<'_>>) -> Module {
        match name {
            None => self.current.clone(),
            Some(name) => match self.named.get(name.name()) {
                Some(module) => module.clone(),
                None => Module::Absent(format!("there is no module `{}`", name.name())),
            },
        }
    }

    fn live(&self, name: Option<Id<'_>>) -> Result<Arc<Live>, Ended> {
        match self.module(name) {
            Module::Live(live) => Ok(live),
            Module::Refused(why) => Err(Ended::Refused(why)),
            Module::Absent(why) => Err(Ended::Absent(why)),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Value>, Ended> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let wasm = bytes(&mut QuoteWat::Wat(module))?;
                self.stage.add(&wasm).map(|_| Vec::new())
            }
            WastExecute::Get { module, global, .. } => {
                let id = self.live(module)?.id;
                Ok(vec![self.stage.inspect().global(id, global)?])
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Value>, Ended> {
        let id = self.live(invoke.module)?.id;
        let args = invoke.args.iter().map(values::argument);
        let args = args.collect::<Option<Vec<_>>>();
        let args = args.ok_or_else(|| Ended::Absent("an argument cannot be made".to_owned()))?;
        Ok(self.stage.inspect().call(id, invoke.name, &args)?)
    }
}

fn owned(id: Id<'_>) -> String {
    id.name().to_owned()
}

/// The module as it is handed to core: what the suite quotes stays text.
fn bytes(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, Ended> {
    match module.to_test() {
        Ok(QuoteWatTest::Binary(bytes)) => Ok(bytes),
        // An empty text is a module of the suite's, but not of core's.
        Ok(QuoteWatTest::Text(text)) if text.trim_ascii().is_empty() => Ok(b"(module)".to_vec()),
        Ok(QuoteWatTest::Text(text)) => Ok(text),
        Err(error) => Err(Ended::Absent(format!(
            "it cannot be assembled: {}",
            error.message()
        ))),
    }
}

/// A module that could not be made.
fn absent(ended: Ended) -> (Module, Verdict) {
    match ended {
        Ended::Refused(why) => (Module::Refused(why.clone()), Verdict::Refused(why)),
        ended => {
            let verdict = verdict_of(ended);
            let why = format!("its module is not there: {verdict:?}");
            (Module::Absent(why), verdict)
        }
    }
}

fn verdict_of(ended: Ended) -> Verdict {
    match ended {
        Ended::Refused(why) => Verdict::Refused(why),
        Ended::Error(error) => {
            Verdict::Failed(format!("{}: {}", error.kind().name(), described(&error)))
        }
        Ended::Absent(why) => Verdict::Failed(why),
    }
}

/// Whether something ended as the suite wants it.
fn wants(kinds: &[ErrorKind], ended: Result<(), Ended>) -> Verdict {
    match ended {
        Err(Ended::Error(error)) if kinds.contains(&error.kind()) => Verdict::Passed,
        Ok(()) => Verdict::Failed("it is taken".to_owned()),
        Err(ended) => verdict_of(ended),
    }
}

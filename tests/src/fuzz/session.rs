//! What a host does with live plug-ins, in any order: calls, resets, variables, configuration, time
//! limits, cancellations, new instances. Two plug-ins of one program share nothing.
//!
//! A model says what each step returns. It knows the rules for plug-ins of docs/abi.md, not how core
//! keeps them.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use arbitrary::{Result, Unstructured};
use polyextism::{
    Compiled, Error, ErrorKind, Function, Manifest, Options, Plugin, Trap, manifest::Memory,
};

/// What a variable costs beside its key and value, in bytes.
const OVERHEAD: usize = 48;

/// The limits of the programs: bytes of variables, and pages.
const LIMITS: &[(Option<u64>, Option<u32>)] =
    &[(None, None), (Some(0), Some(4)), (Some(200), Some(4))];

/// The bytes of variables that a plug-in may have if nobody says it.
const DEFAULT_VAR_BYTES: u64 = 1 << 20;

const FUNCTIONS: &[&str] = &[
    "echo",
    "lend",
    "count",
    "trap",
    "var_set",
    "var_get",
    "config_get",
    "fail",
    "code",
    "reverse",
    "refuse",
    "fill",
    "no such function",
];

/// Keys of variables and of the configuration; a guest can ask for any other.
const KEYS: &[&str] = &["", "a", "b", "key", "a longer key"];

static PROGRAMS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let choice = polyextism::engines().next().expect("an engine is built in");
    let compile = |&(max_var_bytes, max_pages): &(Option<u64>, Option<u32>)| {
        let manifest = Manifest::of(include_bytes!("session.wat").to_vec())
            .with_config("a", "first")
            .with_config("b", "")
            .with_memory(
                Memory::default()
                    .with_max_pages(max_pages)
                    .with_max_var_bytes(max_var_bytes),
            );
        let options = Options::default().with_functions(functions());
        choice.compile(&manifest, &options).expect("it compiles")
    };
    LIMITS.iter().map(compile).collect()
});

/// Host functions that use what a caller has.
fn functions() -> Vec<Function> {
    let reverse = Function::bytes("reverse", |caller, bytes| {
        let spare = caller.write(b"spare")?;
        let _ = caller.host().vars_mut().set("reversed", bytes);
        caller.set_error("taken away")?;
        caller.clear_error();
        caller.free(spare);
        caller.free(spare);
        Ok(bytes.iter().rev().copied().collect())
    });
    let refuse = Function::typed("refuse", |_, ()| -> polyextism::Result<()> {
        Err(Error::new(ErrorKind::HostFunction, "refused"))
    });
    vec![reverse, refuse]
}

/// The first byte chooses the limits, the others the steps.
pub fn run(bytes: &[u8]) {
    let Some((limits, rest)) = bytes.split_first() else {
        return;
    };
    let position = usize::from(*limits) % LIMITS.len();
    let mut sessions = [Session::new(position), Session::new(position)];
    let mut bytes = Unstructured::new(rest);
    while !bytes.is_empty() {
        let Ok(session) = bytes.choose_index(sessions.len()) else {
            return;
        };
        if sessions[session].step(&mut bytes).is_err() {
            return;
        }
    }
}

/// A live plug-in and what the model knows of it.
struct Session {
    position: usize,
    plugin: Plugin,
    vars: BTreeMap<String, Vec<u8>>,
    config: BTreeMap<String, String>,
    calls: u64,
    timeout: Option<Duration>,
}

impl Session {
    fn new(position: usize) -> Self {
        let config = [("a", "first"), ("b", "")];
        let config = config.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            position,
            plugin: Plugin::new(&PROGRAMS[position]).expect("there is memory"),
            vars: BTreeMap::new(),
            config: config.into(),
            calls: 0,
            timeout: None,
        }
    }

    fn step(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        match bytes.int_in_range(0..=15)? {
            0 => self.plugin.reset(),
            1 => self.set_var(bytes)?,
            2 => {
                let key = key(bytes)?;
                let removed = self.plugin.host().vars_mut().remove(&key);
                assert_eq!(removed, self.vars.remove(&key), "{key}");
            }
            3 => self.compare(),
            4 => {
                let (key, value) = (key(bytes)?, bytes.arbitrary::<Option<&str>>()?);
                let value = value.map(str::to_owned);
                let update = [(key.clone(), value.clone())];
                self.plugin.host().update_config(update);
                match value {
                    Some(value) => self.config.insert(key, value),
                    None => self.config.remove(&key),
                };
            }
            5 => {
                let hour = Duration::from_secs(3600);
                self.timeout = *bytes.choose(&[None, Some(hour), Some(Duration::ZERO)])?;
                self.plugin.set_timeout(self.timeout);
                assert_eq!(self.plugin.timeout(), self.timeout);
            }
            6 => assert!(!self.plugin.cancel_handle().cancel(), "no call is running"),
            7 => *self = Self::new(self.position),
            8 => {
                let initialized = self.plugin.initialize();
                assert!(initialized.is_ok() || self.timeout == Some(Duration::ZERO));
            }
            _ => {
                let function = *bytes.choose(FUNCTIONS)?;
                let length = bytes.int_in_range(0..=64)?.min(bytes.len());
                let input = bytes.bytes(length)?;
                self.call(function, input);
            }
        }
        Ok(())
    }

    /// Everything that can be seen from outside.
    fn compare(&mut self) {
        let host = self.plugin.host();
        let vars = host.vars().iter();
        let vars = vars.map(|(key, value)| (key.to_owned(), value.to_vec()));
        assert_eq!(vars.collect::<BTreeMap<_, _>>(), self.vars);
        assert_eq!(host.vars().len(), self.vars.len());
        assert_eq!(*host.config(), self.config);
        if let (_, Some(pages)) = LIMITS[self.position] {
            let bytes = self.plugin.memory_bytes();
            assert!(bytes <= u64::from(pages) << 16, "{bytes} bytes");
        }
    }

    fn set_var(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        let (key, value) = (key(bytes)?, bytes.arbitrary::<&[u8]>()?);
        let set = self.plugin.host().vars_mut().set(key.as_str(), value);
        assert_eq!(set.is_ok(), self.model_set(&key, value), "{set:?}");
        Ok(())
    }

    /// What the variables may take.
    fn var_bytes(&self) -> u64 {
        LIMITS[self.position].0.unwrap_or(DEFAULT_VAR_BYTES)
    }

    /// Sets a variable in the model; returns whether there is room.
    fn model_set(&mut self, key: &str, value: &[u8]) -> bool {
        let limit = self.var_bytes();
        let others = self.vars.iter().filter(|(other, _)| *other != key);
        let cost = |key: &str, value: &[u8]| key.len() + value.len() + OVERHEAD;
        let others: usize = others.map(|(key, value)| cost(key, value)).sum();
        let fits = limit > 0 && (others + cost(key, value)) as u64 <= limit;
        if fits {
            self.vars.insert(key.to_owned(), value.to_vec());
        }
        fits
    }

    fn call(&mut self, function: &str, input: &[u8]) {
        let expected = self.model_call(function, input);
        let outcome = self.plugin.call(function, input);
        let found = outcome.map(<[u8]>::to_vec).map_err(|error| error.kind());
        match (function, &found) {
            // Whether there is enough memory is not the model's business.
            ("fill", Err(ErrorKind::ReturnCode(1))) => assert!(LIMITS[self.position].1.is_some()),
            _ => assert_eq!(found, expected, "{function}({input:?})"),
        }
    }

    /// What a call returns.
    fn model_call(&mut self, function: &str, input: &[u8]) -> Result<Vec<u8>, ErrorKind> {
        if !self.plugin.function_exists(function) {
            assert_eq!(function, "no such function");
            return Err(ErrorKind::UnknownFunction);
        }
        if self.timeout == Some(Duration::ZERO) {
            return Err(ErrorKind::Timeout);
        }
        let text = str::from_utf8(input).map_err(|_| ErrorKind::HostFunction);
        match function {
            "echo" | "lend" => Ok(input.to_vec()),
            "count" => {
                self.calls += 1;
                Ok(self.calls.to_le_bytes().to_vec())
            }
            "trap" => {
                self.calls += 1;
                Err(ErrorKind::Trap(Trap::Unreachable))
            }
            // What the store cannot have as a key is not looked at.
            "var_get" if input.len() as u64 > self.var_bytes() => Ok(Vec::new()),
            "var_get" => Ok(self.vars.get(text?).cloned().unwrap_or_default()),
            "config_get" => {
                let value = self.config.get(text?).cloned();
                Ok(value.unwrap_or_default().into_bytes())
            }
            "var_set" => self.model_var_set(input),
            "fail" if input.is_empty() => Err(ErrorKind::ReturnCode(3)),
            "fail" => Err(ErrorKind::Guest),
            "code" => match input.first() {
                None | Some(0) => Ok(Vec::new()),
                Some(code) => Err(ErrorKind::ReturnCode(i32::from(*code))),
            },
            "reverse" => {
                self.model_set("reversed", input);
                Ok(input.iter().rev().copied().collect())
            }
            "refuse" => Err(ErrorKind::HostFunction),
            "fill" => Ok(Vec::new()),
            other => panic!("the model does not know `{other}`"),
        }
    }

    fn model_var_set(&mut self, input: &[u8]) -> Result<Vec<u8>, ErrorKind> {
        let Some((length, rest)) = input.split_first() else {
            return Ok(Vec::new());
        };
        let (key, value) = rest.split_at(usize::from(*length).min(rest.len()));
        let disabled = self.var_bytes() == 0;
        if key.len() as u64 > self.var_bytes() {
            return match value.is_empty() && !disabled {
                true => Ok(Vec::new()),
                false => Err(ErrorKind::HostFunction),
            };
        }
        let key = str::from_utf8(key).map_err(|_| ErrorKind::HostFunction)?;
        match value {
            // The null handle removes the variable.
            [] if !disabled => {
                self.vars.remove(key);
                Ok(Vec::new())
            }
            _ if self.model_set(key, value) => Ok(Vec::new()),
            _ => Err(ErrorKind::HostFunction),
        }
    }
}

fn key(bytes: &mut Unstructured<'_>) -> Result<String> {
    Ok((*bytes.choose(KEYS)?).to_owned())
}

//! The calls that are measured, as data: what goes in, and what has to come out.
//!
//! Invariant: a call that is measured is checked before and after, so no figure is that of a wrong
//! result.

use std::time::Duration;

use polyextism::{Choice, Compiled, FunctionHandle, Plugin};

use crate::guests::{ASSEMBLYSCRIPT, BLOCKS, BYTES, C, CALLS, Guest};

/// A time limit that no call reaches, for what a deadline costs.
pub const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

/// The sizes of inputs, and how ids name them.
const SIZES: [(&str, usize); 6] = [
    ("0", 0),
    ("64", 64),
    ("1k", 1 << 10),
    ("64k", 64 << 10),
    ("1m", 1 << 20),
    ("16m", 16 << 20),
];

/// A call that is measured.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name in ids of benchmarks.
    pub id: String,
    /// The module.
    pub guest: &'static Guest,
    /// The function that is called.
    pub function: &'static str,
    /// Its input.
    pub input: Vec<u8>,
    /// What its output is.
    pub output: Output,
    /// The time limit.
    pub limit: Option<Duration>,
    /// What one call gets done.
    pub work: Work,
}

/// What an output has to be.
#[derive(Clone, Debug)]
pub enum Output {
    /// These bytes.
    Is(Vec<u8>),
    /// These bytes and others after them, which depend on earlier calls.
    StartsWith(Vec<u8>),
    /// These bytes, on the standard output.
    Written(Vec<u8>),
}

/// What one call gets done, for rates.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// So many things, such as calls of a host function.
    Things(u64),
    /// So many bytes of input.
    Bytes(u64),
}

impl Case {
    pub(crate) fn new(id: &str, guest: &'static Guest, function: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            guest,
            function,
            input: Vec::new(),
            output: Output::Is(Vec::new()),
            limit: None,
            work: Work::Things(1),
        }
    }

    pub(crate) fn input(self, input: Vec<u8>) -> Self {
        Self { input, ..self }
    }

    pub(crate) fn output(self, output: Output) -> Self {
        Self { output, ..self }
    }

    pub(crate) fn number(self, output: u64) -> Self {
        self.output(Output::Is(output.to_le_bytes().to_vec()))
    }

    /// The same with a time limit.
    #[must_use]
    pub fn limit(self, limit: Option<Duration>) -> Self {
        Self { limit, ..self }
    }

    fn work(self, work: Work) -> Self {
        Self { work, ..self }
    }

    /// The call, ready to be made on an engine.
    ///
    /// # Panics
    /// If the engine cannot make it, or if its output is wrong.
    pub fn subject(&self, engine: &Choice) -> Subject<'_> {
        let compiled = self.guest.compile(engine);
        let compiled = compiled.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        self.subject_of(&compiled)
    }

    /// As [`Case::subject`], on an instance of a compiled guest.
    ///
    /// # Panics
    /// As there.
    pub fn subject_of(&self, compiled: &Compiled) -> Subject<'_> {
        let plugin = Plugin::new(compiled);
        let plugin = plugin.unwrap_or_else(|error| panic!("{}: {error}", self.id));
        let function = plugin.function(self.function);
        let mut subject = Subject {
            case: self,
            function: function.expect("the guest has the function"),
            plugin,
        };
        subject.check();
        subject
    }

    /// Compares an output.
    ///
    /// # Panics
    /// If it is wrong.
    pub fn check(&self, found: &[u8]) {
        let right = match &self.output {
            Output::Is(expected) | Output::Written(expected) => found == expected,
            Output::StartsWith(expected) => found.starts_with(expected),
        };
        let start = String::from_utf8_lossy(&found[..found.len().min(100)]);
        assert!(right, "{}: wrong output {start:?}", self.id);
    }
}

/// A case on an engine.
#[derive(Debug)]
pub struct Subject<'a> {
    case: &'a Case,
    function: FunctionHandle,
    plugin: Plugin,
}

impl Subject<'_> {
    /// Makes the call. Returns the length of its output.
    ///
    /// # Panics
    /// If it fails.
    #[inline]
    pub fn call(&mut self) -> usize {
        let Case { input, limit, .. } = self.case;
        let output = self.plugin.call_within(self.function, input, *limit);
        output.expect("it succeeded before").len()
    }

    /// As [`Subject::call`], by the name of the function; only for cases without a limit.
    ///
    /// # Panics
    /// If it fails.
    #[inline]
    pub fn call_by_name(&mut self, name: &str) -> usize {
        let output = self.plugin.call(name, &self.case.input);
        output.expect("it succeeded before").len()
    }

    /// Makes the call and compares its output.
    ///
    /// # Panics
    /// If it is wrong.
    pub fn check(&mut self) {
        let Case { input, limit, .. } = self.case;
        let output = self.plugin.call_within(self.function, input, *limit);
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", self.case.id));
        match self.case.output {
            Output::Is(_) | Output::StartsWith(_) => self.case.check(output),
            Output::Written(_) => self.case.check(&self.plugin.stdout()),
        }
    }
}

/// Calls that do nothing, and calls that move bytes.
pub fn calls() -> Vec<Case> {
    let mut cases = vec![
        noop(),
        Case::new("noop-deadline", &CALLS, "noop").limit(HOUR),
    ];
    for (name, size) in SIZES {
        let input: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let by_words = sum_of_words(&input);
        let by_bytes = input.iter().map(|&byte| u64::from(byte)).sum();
        let case = |kind: &str, function| {
            let case = Case::new(&format!("{kind}-{name}"), &BYTES, function);
            case.input(input.clone()).work(Work::Bytes(size as u64))
        };
        let same = || Output::Is(input.clone());
        cases.push(case("echo", "echo").output(same()));
        cases.push(case("echo-bytes", "echo_bytes").output(same()));
        cases.push(case("consume", "consume").number(by_words));
        cases.push(case("consume-bytes", "consume_bytes").number(by_bytes));
    }
    cases
}

/// A call that does nothing.
pub fn noop() -> Case {
    Case::new("noop", &CALLS, "noop")
}

/// An echo of 64 bytes.
pub fn echo_64() -> Case {
    let mut cases = calls().into_iter();
    let case = cases.find(|case| case.id == "echo-64");
    case.expect("it is one of the sizes")
}

/// A thousand calls of a host function from a number to a number.
pub fn host_numbers() -> Case {
    let case = Case::new("i64-x1000", &CALLS, "host");
    case.number(1000).work(Work::Things(1000))
}

/// Calls of host functions.
pub fn host() -> Vec<Case> {
    let block: Vec<u8> = (0..64).collect();
    let blocks = Case::new("block64-x1000", &CALLS, "host_block");
    let deadline = Case::new("i64-x1000-deadline", &CALLS, "host");
    vec![
        host_numbers(),
        deadline.limit(HOUR).number(1000).work(Work::Things(1000)),
        blocks
            .input(block.clone())
            .output(Output::Is(block))
            .work(Work::Things(1000)),
    ]
}

/// Guests that work.
pub fn work() -> Vec<Case> {
    let vowels = |id: &str, guest, repeats: usize| {
        let input = "Hello, World! ".repeat(repeats).into_bytes();
        let count = format!("{{\"count\":{},", 3 * repeats);
        let work = Work::Bytes(input.len() as u64);
        Case::new(id, guest, "count_vowels")
            .input(input)
            .output(Output::StartsWith(count.into_bytes()))
            .work(work)
    };
    let sum = (0..1000).sum();
    vec![
        vowels("count-vowels-1k", &C, 73),
        vowels("count-vowels-1k-deadline", &C, 73).limit(HOUR),
        vowels("count-vowels-64k", &C, 4681),
        vowels("count-vowels-as-1k", &ASSEMBLYSCRIPT, 73),
        Case::new("blocks-churn-x1000", &BLOCKS, "churn")
            .number(sum)
            .work(Work::Things(1000)),
        Case::new("blocks-pile-x1000", &BLOCKS, "pile")
            .number(1000)
            .work(Work::Things(1000)),
    ]
}

fn sum_of_words(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|&byte| u64::from(byte));
    words.chain(rest).fold(0, u64::wrapping_add)
}

//! What is to be measured, as users say it.

use std::path::PathBuf;

const HELP: &str = "\
usage: guests [--engines NAME,...] [--guests NAME,...] [--rounds N] [--layouts N]
              [--ways NAME,...] [--candidate NAME=FOLDER]... [--cpython FILE] [--json FILE]
  --engines    of wasmtime, wasmtime:winch, wasmer, wasmer:singlepass, wasmi; wasmtime,wasmer if not given
  --guests     all if not given
  --rounds     rounds of a guest (10)
  --layouts    in how many layouts the code of each side is measured (2, and 1 of programs)
  --ways       of raw, epochs, plain, deadline, fuel and candidates; all if not given
  --candidate  a folder with GUEST.wasm files, made of those in benches/guests; each is run by the engine alone
  --cpython    the module of CPython for WASI, which is not measured without
  --json       a file for the seconds of each guest on each side";

/// What is to be measured.
pub(crate) struct Arguments {
    pub(crate) engines: Vec<String>,
    guests: Vec<String>,
    ways: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) layouts: Option<usize>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) cpython: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

/// Modules that some other step has made of the guests.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) folder: PathBuf,
}

impl Arguments {
    /// Reads them.
    ///
    /// # Errors
    /// What users should know, if they cannot be understood.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            engines: list("wasmtime,wasmer"),
            guests: Vec::new(),
            ways: Vec::new(),
            rounds: 10,
            layouts: None,
            candidates: Vec::new(),
            cpython: None,
            json: None,
        };
        // `cargo bench` adds it.
        let mut words = words.filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let value = words.next().ok_or(HELP)?;
            match &*word {
                "--engines" => read.engines = list(&value),
                "--guests" => read.guests = list(&value),
                "--ways" => read.ways = list(&value),
                "--rounds" => read.rounds = value.parse().map_err(|_| HELP)?,
                "--layouts" => read.layouts = Some(value.parse().map_err(|_| HELP)?),
                "--candidate" => {
                    let (name, folder) = value.split_once('=').ok_or(HELP)?;
                    read.candidates.push(Candidate {
                        name: name.to_owned().leak(),
                        folder: folder.into(),
                    });
                }
                "--cpython" => read.cpython = Some(value.into()),
                "--json" => read.json = Some(value.into()),
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(read)
    }

    /// Whether a guest is to be measured.
    pub(crate) fn has(&self, guest: &str) -> bool {
        self.guests.is_empty() || self.guests.iter().any(|name| name == guest)
    }

    /// Whether guests are to be run in that way.
    pub(crate) fn runs(&self, way: &str) -> bool {
        self.ways.is_empty() || self.ways.iter().any(|name| name == way)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

//! Modules of real compilers that use exceptions or garbage collection: the same output, errors and fuel on every engine
//! that has what they need, wherever the kernel is; engines that lack it say so. Sources and recipes lie in `guests/`.

use std::sync::{Arc, Mutex};

use polyextism::{
    Choice, Clock, ErrorKind, Function, KernelForm, Manifest, Options, Plugin, Proposal, Wasi,
    backend::{NumType, Signature},
    manifest::{Source, Wasm},
};
use polyextism_tests::{engines, files, outcome::Outcome};

/// A module, and what becomes of calls of it.
struct Real {
    path: &'static str,
    needs: &'static [Proposal],
    /// A module that calls it, where it exports what the host cannot call.
    main: Option<&'static str>,
    /// Function, input and outcome.
    steps: &'static [(&'static str, &'static str, &'static str)],
    /// What it writes through host functions.
    written: &'static str,
}

const LUA: &[(&str, &str, &str)] = &[
    ("eval", "return 1 + 2", r#"ok "3""#),
    ("eval", "return host('three is 3')", r#"ok "three is 42""#),
    (
        "eval",
        "kept = {} for word in ('the quick brown fox'):gmatch('%a+') do kept[#kept + 1] = word:upper() end",
        r#"ok "nil""#,
    ),
    ("eval", "return table.concat(kept, '-')", r#"ok "THE-QUICK-BROWN-FOX""#),
    // Each error goes by `longjmp` through several functions of C.
    (
        "eval",
        "local n = 0 for i = 1, 500 do local ok, e = pcall(error, 'x' .. i) if not ok then n = n + #e end end return n",
        r#"ok "1892""#,
    ),
    (
        "eval",
        "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end error('over', 0) end)
         local sum = co() + co() + co() return sum .. ' ' .. select(2, pcall(co)) .. select(2, pcall(co))",
        r#"ok "6 overcannot resume dead coroutine""#,
    ),
    (
        "eval",
        "return select(2, xpcall(function() local t = nil; return t.x end, function(m) return 'seen: ' .. m end))",
        r#"ok "seen: [string \"input\"]:1: attempt to index a nil value (local 't')""#,
    ),
    ("eval", "return nonsense(", r#"error guest(code 1) "[string \"input\"]:1: unexpected symbol near <eof>""#),
    ("eval", "return #kept", r#"ok "4""#),
];

const REAL: &[Real] = &[
    Real {
        path: "lua/lua.wasm",
        needs: &[Proposal::Exceptions],
        main: None,
        steps: LUA,
        written: "",
    },
    Real {
        path: "lua/lua_legacy.wasm",
        needs: &[Proposal::Exceptions],
        main: None,
        steps: LUA,
        written: "",
    },
    Real {
        path: "moonbit/words.wasm",
        needs: &[Proposal::Gc, Proposal::FunctionReferences],
        main: None,
        steps: &[
            (
                "words",
                "the quick brown fox jumps over the lazy dog; The dog, the dog ",
                r#"ok "The 1\nbrown 1\ndog 3\nfox 1\njumps 1\nlazy 1\nover 1\nquick 1\nthe 3\n""#,
            ),
            ("words", "", r#"ok """#),
            ("words", "12 & 13", r#"ok """#),
            ("words", "a b a", r#"ok "a 2\nb 1\n""#),
        ],
        written: "",
    },
    Real {
        path: "porffor/shapes.wasm",
        needs: &[Proposal::Exceptions, Proposal::Simd],
        main: Some(
            r#"(module (import "guest" "m" (func $m (result f64 i32)))
              (func (export "run") (call $m) drop drop))"#,
        ),
        steps: &[(
            "run",
            "",
            r#"error trap(uncaught-exception) "the guest trapped: uncaught exception""#,
        )],
        written: "49\nRangeError: negative\nTypeError: a line has no area\nTypeError: undefined is not a function\n",
    },
];

impl Real {
    fn manifest(&self) -> Manifest {
        let path = files::home().join("guests").join(self.path);
        let guest = Wasm::from(Source::Path(path));
        match self.main {
            None => Manifest::of(guest),
            Some(main) => {
                let main = Wasm::data(main.as_bytes().to_vec());
                Manifest::new([guest.with_name("guest"), main.with_name("main")])
            }
        }
    }

    fn fits(&self, choice: &Choice) -> bool {
        let has = choice.compiler().capabilities.proposals;
        self.needs.iter().all(|needed| has.contains(needed))
    }
}

/// What becomes of all calls, how much fuel they use, and what is written.
fn run(real: &Real, choice: &Choice, kernel: KernelForm, fuel: Option<u64>) -> Seen {
    let written = Arc::new(Mutex::new(String::new()));
    let write = |name: &'static str, text: fn(f64) -> String| {
        let written = Arc::clone(&written);
        let signature = Signature::new(&[NumType::F64], &[]);
        Function::new(name, signature, move |_, slots| {
            let text = text(f64::from_bits(slots[0]));
            written.lock().expect("nobody panics").push_str(&text);
            Ok(())
        })
    };
    let options = Options::default()
        .with_functions(vec![
            Function::text("hello_world", |_, text| Ok(text.replace('3', "42"))),
            // Porffor writes numbers and characters.
            write("a", |number| number.to_string()),
            write("b", |code| char::from(code as u8).to_string()),
        ])
        // Lua puts its strings into an order that depends on the time at which it begins.
        .with_wasi(Wasi::default().with_clock(Clock::Fixed(0)))
        .with_kernel(kernel)
        .with_fuel(fuel);
    let compiled = choice.compile(&real.manifest(), &options);
    let compiled = compiled.unwrap_or_else(|error| panic!("{choice:?} {}: {error}", real.path));
    let mut plugin = Plugin::new(&compiled).expect("it starts");
    let mut outcomes = Vec::new();
    let mut used = Vec::new();
    for (function, input, _) in real.steps {
        outcomes.push(Outcome::of(plugin.call(function, input.as_bytes())).to_string());
        used.push(plugin.fuel_consumed());
    }
    let written = written.lock().expect("nobody panics").clone();
    Seen {
        outcomes,
        written,
        used,
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    outcomes: Vec<String>,
    written: String,
    used: Vec<Option<u64>>,
}

#[test]
fn they_do_the_same_on_every_engine_that_can() {
    for real in REAL {
        let mut fuel = None;
        let able = engines();
        for choice in able.iter().filter(|choice| real.fits(choice)) {
            for (kernel, limit) in [
                (KernelForm::Fused, None),
                (KernelForm::Apart, None),
                (KernelForm::Fused, Some(u64::MAX)),
                (KernelForm::Apart, Some(u64::MAX)),
            ] {
                let seen = run(real, choice, kernel, limit);
                for ((function, input, expected), found) in real.steps.iter().zip(&seen.outcomes) {
                    let path = real.path;
                    assert_eq!(
                        found, expected,
                        "{choice:?} {kernel:?} {path} {function} {input}"
                    );
                }
                assert_eq!(seen.written, real.written, "{choice:?} {}", real.path);
                if limit.is_some() {
                    let fuel = fuel.get_or_insert_with(|| seen.used.clone());
                    assert_eq!(*fuel, seen.used, "{choice:?} {kernel:?} {}", real.path);
                    assert!(
                        seen.used
                            .iter()
                            .all(|used| used.is_some_and(|used| used > 0))
                    );
                }
            }
        }
    }
}

#[test]
fn engines_that_lack_something_say_so() {
    for real in REAL {
        for choice in engines().iter().filter(|choice| !real.fits(choice)) {
            let options = Options::default().with_wasi(Wasi::default());
            let error = choice.compile(&real.manifest(), &options).map(drop);
            let error = error.expect_err("the engine lacks something");
            assert_eq!(
                error.kind(),
                ErrorKind::Unsupported,
                "{choice:?} {}",
                real.path
            );
        }
    }
}

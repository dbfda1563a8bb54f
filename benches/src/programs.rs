//! Guests as users have them: interpreters, a database, libraries, and plug-ins in Go, Rust and AssemblyScript.
//!
//! What they have to come to was computed outside of any engine: by the same C and Go as native code, by Python.

use polyextism::{Output as Stream, Wasi};

use crate::{
    cases::{Case, Output},
    guests::{ASSEMBLYSCRIPT, Guest, SQLITE, plain, with_wasi},
};

static QUICKJS: Guest = with_wasi(include_bytes!("../../tests/guests/quickjs/js_plugin.wasm"));
static JSON: Guest = plain(include_bytes!("../guests/libraries/json.wasm"));
static REGEX: Guest = plain(include_bytes!("../guests/libraries/regex.wasm"));
static WEBP: Guest = plain(include_bytes!("../guests/libraries/webp.wasm"));
static GO: Guest = with_wasi(include_bytes!("../guests/go/go.wasm"));

/// Integers alone, which shows what a loop around a `switch` costs.
const LOOP: &str =
    "{ let sum = 0; for (let n = 0; n < 300000; n++) sum = (sum * 31 + n) | 0; sum }";
/// Strings and objects, made and read.
const DOCUMENTS: &str = r#"{
    const some = Array.from({ length: 300 }, (_, n) => ({ id: n, name: "name " + n, tags: [n % 7, n % 11, null] }));
    let text = JSON.stringify(some);
    for (let turn = 0; turn < 8; turn++) text = JSON.stringify(JSON.parse(text).map(one => ({ ...one, id: one.id + 1 })));
    text.length + ":" + JSON.parse(text)[299].id
}"#;
/// Methods, closures, maps and a regular expression.
const OBJECTS: &str = r#"{
    class Account {
        constructor(name) { this.name = name; this.balance = 0; }
        add(amount) { this.balance += amount; return this; }
    }
    class Savings extends Account {
        add(amount) { return super.add(amount + 1); }
    }
    const accounts = new Map();
    for (let n = 0; n < 20000; n++) {
        const name = "a" + n % 97;
        if (!accounts.has(name)) accounts.set(name, n % 2 ? new Savings(name) : new Account(name));
        accounts.get(name).add(n % 13);
    }
    const list = [...accounts.values()].filter(one => /^a\d[1-7]?$/.test(one.name)).map(one => one.balance);
    list.reduce((sum, one) => sum + one, 0)
}"#;
/// One virtual machine's loop.
const RECURSIVE: &str = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 40000) \
    SELECT sum(n * n % 7) AS s FROM t";
/// Trees of pages, sorting and strings.
const TABLES: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL); \
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000) \
    INSERT INTO t SELECT n, 'name ' || (n * 7919 % 1009), n * 0.5 FROM s; \
    CREATE INDEX i ON t(b); \
    SELECT b, count(*) AS k, sum(c) AS s FROM t WHERE b LIKE '%9' GROUP BY b ORDER BY s DESC, b LIMIT 2; \
    DROP TABLE t";

/// Calls of those that lie in the repository.
pub fn programs() -> Vec<Case> {
    let quickjs = |id, script: &str, result: &str| {
        let case = Case::new(id, &QUICKJS, "eval").input(script.into());
        case.output(Output::Is(result.into()))
    };
    let sqlite = |id, statements: &str, rows: &str| {
        let case = Case::new(id, &SQLITE, "sql").input(statements.into());
        case.output(Output::Is(rows.into()))
    };
    let library = |id, guest, checksum: u32| Case::new(id, guest, "run").number(checksum.into());
    vec![
        quickjs("quickjs-loop", LOOP, "-601855504"),
        quickjs("quickjs-json", DOCUMENTS, "13924:307"),
        quickjs("quickjs-objects", OBJECTS, "97320"),
        sqlite("sqlite-recursive", RECURSIVE, r#"[{"s":"80001"}]"#),
        sqlite(
            "sqlite-tables",
            TABLES,
            r#"[{"b":"name 769","k":"4","s":"4969.0"},{"b":"name 219","k":"4","s":"4963.0"}]"#,
        ),
        library("json", &JSON, 0x443c_23c9),
        library("regex", &REGEX, 0xbece_f130),
        library("webp", &WEBP, 0x6d54_d7d8),
        library("go", &GO, 3_338_085_307),
        vowels("assemblyscript", &ASSEMBLYSCRIPT),
    ]
}

/// A call of the plug-in of the registry package `extism-pdk`.
pub fn rust(module: &'static [u8]) -> Case {
    vowels("rust", Box::leak(Box::new(plain(module))))
}

fn vowels(id: &str, guest: &'static Guest) -> Case {
    let input = "Hello, World! ".repeat(4681).into_bytes();
    let count = format!("{{\"count\":{}", 3 * 4681);
    let case = Case::new(id, guest, "count_vowels").input(input);
    case.output(Output::StartsWith(count.into_bytes()))
}

/// A program that CPython runs.
const SCRIPT: &str = "
class Tree:
    def __init__(self, depth):
        self.left, self.right = (Tree(depth - 1), Tree(depth - 1)) if depth else (None, None)
    def count(self):
        return 1 + (self.left.count() + self.right.count() if self.left else 0)

words = {}
for n in range(30000):
    word = f'word {n * 7919 % 1009}'
    words[word] = words.get(word, 0) + n
total = sum(value * len(word) for word, value in sorted(words.items()))
squares = [x * x % 7 for x in range(60000) if x & 3]
print(total, sum(squares), Tree(11).count(), 3 ** 1000 % 1000007)
";

/// A run of CPython for WASI.
pub fn cpython(module: &'static [u8]) -> Case {
    let guest = Box::leak(Box::new(Guest {
        module,
        wasi: || {
            Some(Wasi {
                args: ["python", "-S", "-c", SCRIPT].map(str::to_owned).into(),
                env: vec![("PYTHONHASHSEED".into(), "0".into())],
                stdout: Stream::Capture { limit: 1 << 20 },
                ..Wasi::default()
            })
        },
    }));
    Case::new("cpython", guest, "_start")
        .output(Output::Written(b"3554766090 89999 4095 297623\n".into()))
}

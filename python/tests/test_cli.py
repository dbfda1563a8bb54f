"""The command line, as a process."""

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import extism
from conftest import BUILT_IN, GUESTS
from processes import environment

pytest.importorskip("typer", reason="needs the package typer")

SQLITE = GUESTS / "sqlite/sqlite_plugin.wasm"
JS = GUESTS / "quickjs/js_plugin.wasm"

GUEST = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "length" (func $size (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32) (call $output (call $offset) (call $length)) (i32.const 0))
  (func (export "config") (local $v i64)
    (local.set $v (call $config (call $offset)))
    (call $output (local.get $v) (call $size (local.get $v))))
  (func (export "code") (result i32) (i32.const 7))
  (func (export "negative") (result i32) (i32.const -1))
  (func (export "trap") unreachable)
  (func (export "grow") (if (i32.lt_s (memory.grow (i32.const 100)) (i32.const 0)) (then unreachable)))
  (func (export "endless") (loop $l (br $l))))"""


@pytest.fixture
def guest(tmp_path):
    path = tmp_path / "guest.wat"
    path.write_text(GUEST)
    return str(path)


def cli(*arguments, data=b"", **variables):
    """Runs the command line; text that is no terminal's."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "extism", *map(str, arguments)],
        input=data,
        capture_output=True,
        timeout=120,
        env=environment() | variables,
    )


def output(*arguments, **options):
    ended = cli(*arguments, **options)
    assert (ended.returncode, ended.stderr) == (0, b""), ended
    return ended.stdout


def test_call(guest):
    assert output("call", guest, "echo", "--input", "x") == b"x"
    assert output("call", guest, "echo", "-i", "é") == "é".encode()
    assert output("call", guest, "echo", "--stdin", data=b"\0\xff\n") == b"\0\xff\n"
    assert output("call", guest, "echo", "-i", "x", "--loop", "3") == b"xxx"
    for engine in BUILT_IN:
        assert output("call", guest, "echo", "-i", "x", "--engine", engine) == b"x"
        assert output("call", guest, "echo", "-i", "x", EXTISM_ENGINE=engine) == b"x"


def test_output_to_a_file(guest, tmp_path):
    path = tmp_path / "out"
    assert output("call", guest, "echo", "-i", "x", "--output", path) == b""
    assert path.read_bytes() == b"x"


def test_configuration(guest):
    def config(*options):
        return output("call", guest, "config", "-i", "k", *options)

    assert config("--config", "k=v=w") == b"v=w"
    assert config("--set-config", '{"k": "json"}') == b"json"
    assert config("--set-config", '{"k": "json"}', "--config", "k=last") == b"last"


@pytest.mark.parametrize("form", ["json", "toml"])
def test_manifests(guest, tmp_path, form):
    if form == "toml" and sys.version_info < (3, 11):
        pytest.skip("reading TOML needs Python 3.11")
    path = tmp_path / f"manifest.{form}"
    texts = {
        "json": json.dumps({"wasm": [{"path": guest}], "config": {"k": "v", "l": "w"}}),
        "toml": f"[[wasm]]\npath = {json.dumps(guest)}\n[config]\nk = 'v'\nl = 'w'\n",
    }
    path.write_text(texts[form])
    assert output("call", path, "config", "-i", "k") == b"v"
    assert output("call", "--manifest", path, "config", "-i", "l", "--config", "k=2") == b"w"


def test_links(tmp_path):
    library, main = tmp_path / "lib.wat", tmp_path / "main.wat"
    library.write_text('(module (func (export "seven") (result i32) (i32.const 7)))')
    main.write_text('(module (import "lib" "seven" (func $f (result i32))) (func (export "run") (result i32) (call $f)))')
    assert cli("call", main, "run", "--link", f"lib={library}").returncode == 7


def test_wasi_and_paths(tmp_path):
    assert b"1" in output("call", SQLITE, "sql", "--wasi", "-i", "select 1")
    ended = cli("call", SQLITE, "sql", "-i", "select 1")
    assert ended.returncode == 125
    assert ended.stderr.endswith(b"WASI is off for this plug-in; give it the option `--wasi`\n")
    assert "give it the option `--wasi`\n" in output("inspect", SQLITE).decode()
    assert cli("call", SQLITE, "sql", "--wasi", "-i", "x").returncode == 1


# Each with its exit code and a part of what is said.
FAILURES = {
    "the guest's code": (["code"], 7, "return-code"),
    "a code that is none": (["negative"], 99, "return-code"),
    "trap": (["trap"], 100, "trap: the guest trapped"),
    "fuel": (["endless", "--fuel", "1000"], 101, "out-of-fuel"),
    "memory": (["echo", "--stdin", "--memory-max-pages", "18"], 102, "memory-limit"),
    "pages": (["grow", "--memory-max-pages", "40"], 100, "trap"),
    "feature": (["echo", "--forbid", "goto"], 125, "unknown feature 'goto'"),
    "time": (["endless", "--timeout", "50"], 124, "timeout"),
    "function": (["ehco"], 125, "did you mean `echo`?"),
    "engine": (["echo", "--engine", "nope"], 126, "unknown-engine"),
    "usage": (["echo", "--nope"], 2, "No such option"),
    "two inputs": (["echo", "--stdin", "--input", "x"], 2, "--input and --stdin both give the input"),
    "config": (["echo", "--config", "k"], 2, "--config takes KEY=VALUE"),
    "set-config": (["echo", "--set-config", "[1]"], 2, "takes a JSON object"),
    "link": (["echo", "--link", "k"], 2, "--link takes NAME=FILE"),
    "a module as manifest": (["echo", "--manifest"], 125, "manifest:"),
    "a number below 0": (["echo", "--memory-max-pages", "-1"], 2, "Invalid value for '--memory-max-pages'"),
    "time to compile": (["echo", "--compile-timeout", "0"], 124, "timeout: "),
}


@pytest.mark.parametrize(("arguments", "code", "text"), FAILURES.values(), ids=FAILURES)
def test_exit_codes(guest, arguments, code, text):
    ended = cli("call", guest, *arguments, data=bytes(4 << 20), NO_COLOR="1")
    assert ended.returncode == code, ended
    assert text in ended.stderr.decode()
    assert ended.stdout == b""
    assert b"Traceback" not in ended.stderr


def test_strict_limits(tmp_path):
    path = tmp_path / "large.wat"
    pages = extism.Limits.strict().memory_pages
    path.write_text(f'(module (memory {pages + 1}) (func (export "f")))', encoding="utf-8")
    assert cli("call", path, "f").returncode == 0
    ended = cli("call", path, "f", "--strict", NO_COLOR="1")
    assert ended.returncode == 102
    assert f"the limit is {pages}" in ended.stderr.decode()


@pytest.mark.parametrize("command", [["call", "f"], ["compile"]], ids=["call", "compile"])
def test_forbidden_features(tmp_path, command):
    path = tmp_path / "vector.wat"
    path.write_text('(module (func (export "f") (drop (v128.const i64x2 0 0))))')
    name, *arguments = command
    assert cli(name, path, *arguments, "--forbid", "exceptions").returncode == 0
    ended = cli(name, path, *arguments, "--forbid", "exceptions", "--forbid", "simd", NO_COLOR="1")
    assert ended.returncode == 125
    assert "uses SIMD, which this host forbids" in ended.stderr.decode()


def test_every_kind_of_failure_has_a_code():
    from extism import _cli

    kinds = set(extism._errors.CLASSES)
    assert kinds - set(_cli.EXIT_CODES) <= {"closed", "reentrant"}


def test_what_is_not_there(tmp_path):
    ended = cli("call", tmp_path / "nope.wasm", "f")
    assert ended.returncode == 125
    assert ended.stderr.startswith(b"manifest: cannot read")
    broken = tmp_path / "broken.json"
    broken.write_text('{"wasm": ')
    assert cli("call", broken, "f").returncode == 125


HTTP = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "length" (func $size (param i64) (result i64)))
  (import "extism:host/env" "http_request" (func $ask (param i64 i64) (result i64)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  (func $give (param i64) (call $output (local.get 0) (call $size (local.get 0))))
  (func (export "get") (call $give (call $ask (call $offset) (i64.const 0))))
  (func (export "headers") (drop (call $ask (call $offset) (i64.const 0))) (call $give (call $headers)))
  (func (export "keep") (call $set (call $offset) (call $offset))))"""


@pytest.fixture
def web(guest):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = Path(guest).read_bytes() if self.path.endswith(".wat") else b"hello"
            self.send_response(200)
            self.send_header("X-Test", "yes")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_http(web, tmp_path):
    path = tmp_path / "http.wat"
    path.write_text(HTTP)
    request = json.dumps({"url": f"{web}/hello"})
    ended = cli("call", path, "get", "-i", request)
    assert ended.returncode == 103
    assert b"allowed_hosts" in ended.stderr
    allowed = ("-i", request, "--allow-host", "127.0.0.1")
    assert output("call", path, "get", *allowed) == b"hello"
    assert output("call", path, "headers", *allowed) == b""
    assert json.loads(output("call", path, "headers", *allowed, "--allow-http-response-headers"))["x-test"] == "yes"
    assert output("call", path, "get", *allowed, "--http-response-max-bytes", "5") == b"hello"
    ended = cli("call", path, "get", *allowed, "--http-response-max-bytes", "4")
    assert ended.returncode == 103
    assert b"4 bytes" in ended.stderr


def test_bytes_of_variables(tmp_path):
    path = tmp_path / "vars.wat"
    path.write_text(HTTP)
    assert output("call", path, "keep", "-i", "x" * 40, "--var-max-bytes", "128") == b""
    ended = cli("call", path, "keep", "-i", "x" * 40, "--var-max-bytes", "127")
    assert ended.returncode == 103, ended
    assert b"the limit is 127" in ended.stderr


def test_allowed_paths(tmp_path):
    """The plug-in opens a file of a folder that it is given under another name, for writing if it may."""
    guest = tmp_path / "open.wat"
    guest.write_text("""(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "made")
      (func (export "make") (result i32)
        (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 1) (i64.const 64) (i64.const 0)
          (i32.const 0) (i32.const 16))))""")
    folder = tmp_path / "folder"
    folder.mkdir()
    refused = cli("call", guest, "make", "--wasi")
    assert refused.returncode != 0
    assert cli("call", guest, "make", "--wasi", "--allow-path", f"ro:{folder}:/data").returncode != 0
    assert not (folder / "made").exists()
    assert cli("call", guest, "make", "--wasi", "--allow-path", f"{folder}:/data").returncode == 0
    assert (folder / "made").exists()


def test_errors_as_json(guest):
    ended = cli("call", guest, "trap", "--json")
    error = json.loads(ended.stderr)["error"]
    assert (error["kind"], error["trap"], error["exit_code"]) == ("trap", "unreachable", ended.returncode)
    assert error["function"] == "trap"


def test_log_lines(tmp_path):
    from test_log import LOG

    path = tmp_path / "log.wat"
    path.write_text(LOG)
    ended = cli("call", path, "info", "-i", "hello", "--log-level", "info")
    assert b"hello" in ended.stderr
    assert cli("call", path, "info", "-i", "hello").stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c(guest):
    command = [sys.executable, "-m", "extism", "call", guest, "endless"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_a_reader_that_has_enough(guest):
    script = f"{sys.executable} -m extism call {guest} echo -i x --loop 200000 | head -c 1"
    ended = subprocess.run(["sh", "-c", script], env=environment(), capture_output=True, timeout=120)
    assert (ended.stdout, ended.stderr) == (b"x", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [
    ["call", "guest.wat", "echo", "-i", "x"], ["inspect", "guest.wat"], ["inspect", "guest.wat", "--json"], ["engines"],
    ["engines", "--json"], ["compare", "guest.wat", "-c", "echo=x"], ["cache", "info"], ["--help"],
])  # fmt: skip
def test_a_full_disk(guest, arguments):
    command = [sys.executable, "-m", "extism", *arguments]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environment(), cwd=Path(guest).parent, timeout=120
        )
    assert (ended.returncode, ended.stderr.count(b"\n")) == (2, 1), ended.stderr
    assert b"No space left" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_code_of_a_failure_that_cannot_be_told(guest):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "extism", "call", guest, "trap"], stderr=full, env=environment(), timeout=120
        )
    assert ended.returncode == 100


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("closed", "code", "output"), [("<&-", 0, b""), ("2>&-", 0, b""), (">&-", 2, b""), ("<&- >&- 2>&-", 2, b"")]
)
def test_closed_streams(guest, closed, code, output):
    script = f"{sys.executable} -m extism call {guest} echo --stdin {closed}"
    ended = subprocess.run(
        ["sh", "-c", script], env=environment(), capture_output=True, stdin=subprocess.DEVNULL, timeout=120
    )
    assert (ended.returncode, ended.stdout, b"Traceback" in ended.stderr) == (code, output, False)


@pytest.mark.skipif(os.name != "posix", reason="arguments are texts elsewhere")
def test_arguments_that_are_not_utf_8(guest):
    odd = os.fsdecode(b"\xff")
    ended = cli("call", guest, "echo", "--input", odd)
    assert (ended.returncode, ended.stdout) == (0, b"\xff")
    assert cli("compare", guest, "--call", f"echo={odd}").returncode == 0
    for arguments in ([odd], ["echo", "--config", f"{odd}=b"], ["echo", "--wasi", "--allow-path", f"{odd}:/x"]):
        ended = cli("call", guest, *arguments)
        assert (ended.returncode, ended.stderr.count(b"\n")) == (2, 1), ended.stderr
        assert b"is not UTF-8" in ended.stderr


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="needs /dev/stdin")
def test_a_module_from_a_pipe(guest):
    ended = cli("call", "/dev/stdin", "echo", "--input", "x", data=GUEST.encode())
    assert (ended.returncode, ended.stdout) == (0, b"x"), ended.stderr


@pytest.mark.parametrize(("field", "value"), [
    ("wasm", "5"), ("wasm", '"guest.wat"'), ("config", "[1]"), ("config", "5"), ("memory", "7"), ("allowed_hosts", "5"),
    ("allowed_paths", "[1]"),
])  # fmt: skip
def test_parts_of_a_manifest_that_options_add_to(guest, tmp_path, field, value):
    path = tmp_path / "manifest.json"
    path.write_text(f'{{"{field}": {value}}}')
    options = ["--config", "k=v", "--memory-max-pages", "9", "--allow-host", "h", "--allow-path", str(tmp_path)]
    ended = cli("call", path, "echo", *options)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (125, 1), ended.stderr
    assert f"{field}: expected".encode() in ended.stderr


def test_texts_that_nest_too_deep(guest, tmp_path):
    deep = "[" * 100_000
    for name, text in {"deep.json": f'{{"wasm": {deep}', "deep.toml": f"wasm = {deep}"}.items():
        (tmp_path / name).write_text(text)
        ended = cli("call", tmp_path / name, "echo")
        assert (ended.returncode, ended.stderr.count(b"\n")) == (125, 1), ended.stderr
    assert cli("call", guest, "echo", "--set-config", deep).returncode == 2


def test_what_terminals_obey_is_written_as_an_escape(tmp_path):
    path = tmp_path / "hostile.wat"
    path.write_text(r"""(module
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
      (import "extism:host/env" "error_set" (func $error (param i64)))
      (func (export "\1b[31m\e2\80\ae") (result i32) (local $p i64)
        (local.set $p (call $alloc (i64.const 8)))
        (call $store (local.get $p) (i64.const 0x3231_0a6d_3133_5b1b))
        (call $error (local.get $p))
        (i32.const 1)))""")
    name = "\x1b[31m\u202e"
    for ended in (cli("inspect", path), cli("call", path, name), cli("compare", path, "--call", name)):
        shown = (ended.stdout + ended.stderr).decode()
        assert all(one.isprintable() or one in "\n\t" for one in shown), shown
    assert r"\x1b[31m" in cli("inspect", path).stdout.decode()
    assert cli("call", path, name).stderr.decode() == "guest: \\x1b[31m\n12\n"
    if hasattr(os, "openpty"):
        shown = on_terminal(["inspect", path], environment() | {"TERM": "xterm", "NO_COLOR": "1"})
        assert r"\x1b[31m\u202e" in shown


def test_inspect(guest):
    text = output("inspect", guest).decode()
    parts = [
        "exports (name, type):\n",
        "echo\t(func (result i32))",
        "extism:host/env::length",
        "\thost",
        "1\tno limit",
        "engines (engine, can run it):\nwasmtime\tyes",
    ]
    for part in parts:
        assert part in text
    found = json.loads(output("inspect", SQLITE, "--json"))
    assert {row["provider"] for row in found["modules"][0]["imports"]} == {"host", None}
    found = json.loads(output("inspect", SQLITE, "--wasi", "--json"))
    assert {row["provider"] for row in found["modules"][0]["imports"]} == {"host", "wasi"}
    assert found["features"]
    assert set(found["engines"]) == set(BUILT_IN)


def test_engines():
    rows = json.loads(output("engines", "--json"))
    assert [row["engine"] for row in rows] == BUILT_IN
    assert [row["default"] for row in rows] == [True] + [False] * (len(rows) - 1)
    assert output("engines").decode().count("\n") == len(BUILT_IN)


def test_compare(guest):
    assert b"echo" in output("compare", guest, "--call", "echo=x", "--call", "code")
    report = json.loads(output("compare", guest, "--call", "echo=a=b", "--json", "--engines", ",".join(BUILT_IN)))
    assert report["equal"]
    assert [run["steps"][0]["output"] for run in report["runs"]] == ["a=b"] * len(BUILT_IN)
    ended = cli("compare", guest, "--call", "ehco=x")
    assert ended.returncode == 125
    assert b"did you mean `echo`" in ended.stderr


def test_compare_ends_with_1_on_a_difference(tmp_path):
    if "wasmtime:winch" not in BUILT_IN:
        pytest.skip("needs an engine without SIMD")
    path = tmp_path / "simd.wat"
    path.write_text('(module (func (export "f") (drop (v128.const i64x2 0 0))))')
    ended = cli("compare", path, "--call", "f", "--engines", "wasmtime,wasmtime:winch")
    assert ended.returncode == 1
    assert b"SIMD" in ended.stdout


def test_compare_of_what_runs_nowhere_ends_with_the_reason(tmp_path):
    ended = cli("compare", SQLITE, "--call", "sql=select 1")
    assert ended.returncode == 125
    assert ended.stdout.startswith(b"not run, because no engine could make the plug-in: ")
    assert b"give it the option `--wasi`" in ended.stderr and b"wasi=True" not in ended.stderr
    ended = cli("compare", SQLITE, "--call", "sql=select 1", "--json")
    report = json.loads(ended.stdout)
    assert (report["equal"], report["verdict"], report["differences"]) == (False, "not run", [])
    assert json.loads(ended.stderr)["error"]["exit_code"] == ended.returncode == 125
    path = tmp_path / "threads.wat"
    path.write_text('(module (memory 1 1 shared) (func (export "f")))')
    assert cli("compare", path, "--call", "f").returncode == 126


def test_bench(guest, tmp_path):
    arguments = ["bench", guest, "echo", "-i", "x", "--seconds", "0.05", "--engines", BUILT_IN[0]]
    assert BUILT_IN[0].encode() in output(*arguments)
    report = json.loads(output(*arguments, "--json"))
    assert report["function"] == "echo"
    assert report["costs"][0]["call"]["median"] > 0
    pytest.importorskip("matplotlib", reason="needs the package matplotlib")
    plot = tmp_path / "costs.svg"
    output(*arguments, "--plot", plot)
    assert plot.read_text().startswith("<?xml")


def test_compile_and_cache(guest, tmp_path):
    folder = tmp_path / "cache"
    variables = {"EXTISM_CACHE_DIR": str(folder)}
    assert b"compiled" in output("compile", guest, **variables)
    assert b"nothing to compile" in output("compile", guest, **variables)
    found = json.loads(output("compile", guest, "--json", **variables))
    assert found == {"engine": "wasmtime", "compiled": 0, "cache": str(folder)}
    info = json.loads(output("cache", "info", "--json", **variables))
    assert info["folder"] == str(folder)
    assert info["files"] > 0
    assert info["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    # What is not the cache's stays.
    (folder / "folder").mkdir()
    mine = ["folder", "notes.txt", "a" * 63, "a" * 65, "A" * 64, f"{'a' * 64}.new"]
    for name in mine[1:]:
        (folder / name).write_text("mine")
    (folder / f"{'a' * 64}.00000000-0000-0000-0000-000000000000.new").write_text("not complete")
    assert json.loads(output("cache", "info", "--json", **variables))["files"] == info["files"] + 1
    assert f"{info['files'] + 1} files deleted".encode() in output("cache", "clear", **variables)
    assert json.loads(output("cache", "info", "--json", **variables))["files"] == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(mine)
    assert output("cache", "info", EXTISM_CACHE_DIR="") == b"the compile cache is off\n"


def test_compile_needs_no_host_functions(tmp_path):
    from wat import THROUGH_HOST

    path = tmp_path / "guest.wat"
    path.write_text(THROUGH_HOST)
    variables = {"EXTISM_CACHE_DIR": str(tmp_path / "cache")}
    assert b"compiled" in output("compile", path, **variables)
    program = f"""if True:
        import extism
        from pickled import inferred
        print(extism.CompiledPlugin({str(path)!r}, functions=[inferred]).newly_compiled)
    """
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment() | variables, capture_output=True, text=True, check=True)
    assert ended.stdout == "0\n"


def test_help_and_completion():
    text = output("--help", NO_COLOR="1").decode()
    for command in ["call", "inspect", "engines", "compare", "bench", "cache", "compile", "Exit codes"]:
        assert command in text
    for command in ["call", "inspect", "compare", "bench", "compile"]:
        assert b"--" in output(command, "--help", NO_COLOR="1")
    assert output("--version").decode() == f"polyextism {extism.__version__}\n"
    # The shell is named; the one that runs this test is not looked for.
    assert b"complete" in output("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")


def test_no_colours_where_they_are_not_wanted(guest):
    for ended in (cli("call", guest, "trap"), cli("inspect", guest), cli("call", guest, "trap", NO_COLOR="1")):
        assert b"\x1b[" not in ended.stdout + ended.stderr


# What a terminal shows: tables, progress, and the output of a plug-in as it is.
SHOWN = {
    "inspect": ([], "exports"),
    "call": (["echo", "-i", "x"], "x"),
    "compile": ([], "compiling"),
    "bench": (["echo", "--seconds", "0.01", "--engines", BUILT_IN[0]], "measuring"),
    "compare": (["--call", "echo=x"], "comparing"),
}


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize("colours", ["colours", "NO_COLOR"])
@pytest.mark.parametrize("name", SHOWN)
def test_on_a_terminal(guest, name, colours):
    arguments, text = SHOWN[name]
    variables = environment() | {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if colours == "NO_COLOR" else {})
    variables.pop("" if colours == "NO_COLOR" else "NO_COLOR", None)
    shown = on_terminal([name, guest, *arguments], variables)
    assert text in shown
    coloured = re.search(r"\x1b\[(\d+;)*[349]\d[;m]", shown)
    if colours == "NO_COLOR":
        assert not coloured, shown
    elif text.endswith("ing"):
        assert coloured, shown


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_downloads_show_progress(web):
    assert "downloading" in on_terminal(["call", f"{web}/guest.wat", "echo", "-i", "x"], environment() | {"TERM": "xterm"})
    # Not in a pipe.
    assert output("call", f"{web}/guest.wat", "echo", "-i", "x") == b"x"


def on_terminal(arguments, variables):
    """What a terminal gets."""
    ours, theirs = os.openpty()
    shown = b""
    with subprocess.Popen([sys.executable, "-m", "extism", *arguments], env=variables, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        # A terminal takes no more than some kilobytes before somebody reads them.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                shown += part
        assert process.wait(timeout=60) == 0
    os.close(ours)
    return shown.decode()


def test_the_console_script():
    script = os.path.join(os.path.dirname(sys.executable), "polyextism")
    if not os.path.exists(script):
        pytest.skip("the package is not installed with its scripts")
    assert b"call" in subprocess.run([script, "--help"], capture_output=True, check=True, env=environment()).stdout


def test_without_typer():
    program = "import sys; sys.modules['typer'] = None; sys.argv = ['x']; from extism._command import main; main()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert ended.returncode == 2
    assert ended.stderr == "polyextism: the package typer is missing; install it with: pip install 'polyextism[cli]'\n"

"""The command line: `polyextism`, or `python -m extism`.

Each command is a thin layer over the package: it makes a manifest of its options, calls, and writes. What a plug-in
gives is written to standard output as it is; everything else goes to standard error.

Invariants: nothing but the output of the plug-in, or the report that was asked for, goes to standard output; the exit
code says how it ended, as `EXIT_CODES` lists; what a plug-in named or said reaches a terminal without control
characters, but for its output.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import extism

__all__ = ["EXIT_CODES", "app", "run"]

_T = TypeVar("_T")

EXIT_CODES = {
    "success": 0,
    # Of a guest with an error text and no code, and of `compare`.
    "guest": 1,
    "return-code": 1,
    "exit": 1,
    "difference": 1,
    # Of the command line itself, as most programs have it.
    "usage": 2,
    "trap": 100,
    "out-of-fuel": 101,
    "memory-limit": 102,
    "host-function": 103,
    "cancelled": 104,
    # As of `timeout`.
    "timeout": 124,
    # The plug-in, or what goes with it, is wrong.
    "argument": 125,
    "invalid-module": 125,
    "link": 125,
    "manifest": 125,
    "unknown-function": 125,
    # The engine cannot.
    "engine": 126,
    "engine-panic": 126,
    "unknown-engine": 126,
    "unsupported": 126,
    # As of shells.
    "interrupt": 130,
}
"""What the process ends with, by the kind of failure. A guest that gives a code from 1 to 99 passes it on."""

_LARGEST_GUEST_CODE = 99

app = typer.Typer(
    name="polyextism",
    help="Run, inspect, compare and measure Extism plug-ins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success; 1-99 the guest's own; 2 usage; 100 trap; 101 out of fuel; 102 memory limit; "
    "124 time limit; 125 the plug-in is wrong; 126 the engine cannot; 130 Ctrl-C.",
)
cache_app = typer.Typer(name="cache", help="The compile cache: where it is, and emptying it.", no_args_is_help=True)
app.add_typer(cache_app)


def run() -> None:
    """Runs the command line."""
    # Python has no stream where the shell closed one.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        print("polyextism: standard output is closed", file=sys.stderr)
        sys.exit(EXIT_CODES["usage"])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except OSError as error:
        # The text of `--help` does not get out.
        print(f"polyextism: {error}", file=sys.stderr)
        sys.exit(EXIT_CODES["usage"])


def _version(given: bool) -> None:
    if given:
        print(f"polyextism {extism.__version__}")
        raise typer.Exit()


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


# Options that several commands have.

_FILE: Any = typer.Argument(metavar="FILE", help="A module, a manifest in JSON or TOML, or the URL of a module.")
_FUNCTION: Any = typer.Argument(metavar="FUNCTION", help="The name of the exported function.")
_CALL: Any = typer.Option("--call", "-c", metavar="F=INPUT", help="A call; repeatable, in order.")
_ENGINE: Any = typer.Option("--engine", "-e", help="The engine: wasmtime, wasmer or wasmi.", envvar="EXTISM_ENGINE")
_ENGINES: Any = typer.Option("--engines", help="Engines, with commas between; all that are built in if not given.")
_WASI: Any = typer.Option("--wasi", help="Let the plug-in import WASI preview 1.")
_CONFIG: Any = typer.Option("--config", metavar="KEY=VALUE", help="A configuration value; repeatable.")
_SET_CONFIG: Any = typer.Option("--set-config", metavar="JSON", help="The configuration, as a JSON object.")
_ALLOW_HOST: Any = typer.Option("--allow-host", metavar="HOST", help="A host for HTTP, or a glob; repeatable.")
_ALLOW_PATH: Any = typer.Option(
    "--allow-path", metavar="HOST:GUEST", help="A folder for WASI; `ro:` before it for reading only."
)
_LINK: Any = typer.Option("--link", metavar="NAME=FILE", help="A module that others import by NAME.")
_TIMEOUT: Any = typer.Option("--timeout", metavar="MS", min=0, help="The time limit of a call, in ms.")
_COMPILE_TIMEOUT: Any = typer.Option(
    "--compile-timeout", metavar="MS", min=0, help="The time limit of compiling, in ms."
)
_PAGES: Any = typer.Option("--memory-max-pages", metavar="N", min=0, help="The most pages of 64 KiB.")
_HEAP: Any = typer.Option(
    "--heap-max-pages", metavar="N", min=0, help="The most pages of 64 KiB for objects of the guest."
)
_FORBID: Any = typer.Option(
    "--forbid", metavar="FEATURE", help="A WebAssembly feature that modules must not use, such as simd; repeatable."
)
_STRICT: Any = typer.Option("--strict", help="Use the limits for untrusted code, of extism.Limits.strict().")
_HTTP_BYTES: Any = typer.Option(
    "--http-response-max-bytes", metavar="N", min=0, help="The most bytes of an HTTP response."
)
_VAR_BYTES: Any = typer.Option("--var-max-bytes", metavar="N", min=0, help="The most bytes of variables.")
_FUEL: Any = typer.Option("--fuel", metavar="N", min=0, help="How many instructions a call may execute.")
_JSON: Any = typer.Option("--json", help="Write JSON.")
_IS_MANIFEST: Any = typer.Option("--manifest", "-m", help="FILE is a manifest. This is seen without it, too.")
_HEADERS: Any = typer.Option(
    "--allow-http-response-headers", help="Let the plug-in read the headers of HTTP responses."
)


class LogLevel(Enum):
    """The levels of log lines."""

    trace = "trace"
    debug = "debug"
    info = "info"
    warn = "warn"
    error = "error"


@app.command()
def call(
    file: Annotated[str, _FILE],
    function: Annotated[str, _FUNCTION],
    input: Annotated[str | None, typer.Option("--input", "-i", help="The input, as text.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the input from standard input.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the output to this file.")
    ] = None,
    loop: Annotated[int, typer.Option("--loop", min=1, help="Call it so many times.")] = 1,
    engine: Annotated[str | None, _ENGINE] = None,
    wasi: Annotated[bool, _WASI] = False,
    config: Annotated[list[str] | None, _CONFIG] = None,
    set_config: Annotated[str | None, _SET_CONFIG] = None,
    allow_host: Annotated[list[str] | None, _ALLOW_HOST] = None,
    allow_path: Annotated[list[str] | None, _ALLOW_PATH] = None,
    link: Annotated[list[str] | None, _LINK] = None,
    timeout: Annotated[int | None, _TIMEOUT] = None,
    compile_timeout: Annotated[int | None, _COMPILE_TIMEOUT] = None,
    memory_max_pages: Annotated[int | None, _PAGES] = None,
    heap_max_pages: Annotated[int | None, _HEAP] = None,
    forbid: Annotated[list[str] | None, _FORBID] = None,
    strict: Annotated[bool, _STRICT] = False,
    http_response_max_bytes: Annotated[int | None, _HTTP_BYTES] = None,
    var_max_bytes: Annotated[int | None, _VAR_BYTES] = None,
    fuel: Annotated[int | None, _FUEL] = None,
    log_level: Annotated[
        LogLevel | None, typer.Option("--log-level", help="Write log lines to standard error.")
    ] = None,
    manifest: Annotated[bool, _IS_MANIFEST] = False,
    allow_http_response_headers: Annotated[bool, _HEADERS] = False,
    json_: Annotated[bool, typer.Option("--json", help="Write errors as JSON.")] = False,
) -> None:
    """Call a function of a plug-in and write its output, as it is."""
    if stdin and input is not None:
        _usage("--input and --stdin both give the input; write one of them")
    with _failing(json_):
        if log_level is not None:
            extism.set_log_file("stderr", log_level.value)
        made = _manifest(
            file, manifest, link, config, set_config, allow_host, allow_path, timeout, memory_max_pages,
            http_response_max_bytes, var_max_bytes,
        )  # fmt: skip
        data = sys.stdin.buffer.read() if stdin else os.fsencode(input or "")
        with (
            _bar("downloading", DownloadColumn, at_once=False) as progress,
            extism.Plugin(
                made,
                wasi=wasi,
                engine=engine,
                fuel=fuel,
                limits=_limits(heap_max_pages, forbid, strict),
                compile_timeout=_seconds(compile_timeout),
                http_response_headers=allow_http_response_headers,
                progress=progress,
            ) as plugin,
        ):
            progress.stop()
            stream = open(output, "wb") if output is not None else sys.stdout.buffer  # noqa: SIM115
            try:
                for _ in range(loop):
                    stream.write(plugin.call(function, data))
                    stream.flush()
            finally:
                if output is not None:
                    stream.close()


@app.command()
def inspect(
    file: Annotated[str, _FILE],
    wasi: Annotated[bool, _WASI] = False,
    link: Annotated[list[str] | None, _LINK] = None,
    manifest: Annotated[bool, _IS_MANIFEST] = False,
    json_: Annotated[bool, _JSON] = False,
) -> None:
    """List what a plug-in consists of, and which engines can run it."""
    with _failing(json_):
        found = extism.inspect(_manifest(file, manifest, link), wasi=wasi)
        if json_:
            return _write_json(found.to_dict())
        console = _console()
        for module in found.modules:
            console.print(f"[bold]module {escape(_plain(module.name))}[/bold]  {module.size} bytes")
            _table(console, "exports", ["name", "type"], [(row.name, row.signature) for row in module.exports])
            _table(
                console,
                "imports",
                ["name", "type", "provided by"],
                [
                    (f"{row.module}::{row.name}", row.signature, row.provider or f"nobody: {_options(row.reason)}")
                    for row in module.imports
                ],
            )
            _table(
                console,
                "memories",
                ["pages", "at most"],
                [(minimum, "no limit" if most is None else most) for minimum, most in module.memories],
            )
            _table(console, "sections", ["name", "bytes"], module.sections)
        console.print(f"features: {', '.join(found.features) or 'none beyond the first version'}")
        _table(
            console,
            "engines",
            ["engine", "can run it"],
            [(engine, f"no: lacks {', '.join(lacks)}" if lacks else "yes") for engine, lacks in found.lacking.items()],
        )


@app.command()
def engines(json_: Annotated[bool, _JSON] = False) -> None:
    """List the engines that are built in."""
    with _failing(json_):
        found = extism.engines()
        default = str(extism.Engine(os.environ.get("EXTISM_ENGINE") or str(found[0])))
        if json_:
            rows = [
                {
                    "engine": str(engine),
                    "name": engine.name,
                    "compiler": engine.compiler,
                    "version": engine.version,
                    "capabilities": sorted(engine.capabilities),
                    "default": str(engine) == default,
                }
                for engine in found
            ]
            return _write_json(rows)
        _table(
            _console(),
            None,
            ["engine", "version", "compiler", "capabilities"],
            [
                (
                    f"{engine} (default)" if str(engine) == default else engine,
                    engine.version,
                    engine.compiler,
                    ", ".join(sorted(engine.capabilities)),
                )
                for engine in found
            ],
        )


@app.command()
def compare(
    file: Annotated[str, _FILE],
    call: Annotated[list[str], _CALL],
    engines: Annotated[str | None, _ENGINES] = None,
    wasi: Annotated[bool, _WASI] = False,
    config: Annotated[list[str] | None, _CONFIG] = None,
    set_config: Annotated[str | None, _SET_CONFIG] = None,
    allow_host: Annotated[list[str] | None, _ALLOW_HOST] = None,
    allow_path: Annotated[list[str] | None, _ALLOW_PATH] = None,
    link: Annotated[list[str] | None, _LINK] = None,
    timeout: Annotated[int | None, _TIMEOUT] = None,
    manifest: Annotated[bool, _IS_MANIFEST] = False,
    json_: Annotated[bool, _JSON] = False,
) -> None:
    """Make the same calls on several engines; end with 1 if they differ.

    If no engine can make the plug-in, end as `call` does.
    """
    with _failing(json_):
        made = _manifest(file, manifest, link, config, set_config, allow_host, allow_path, timeout)
        calls = [(name, os.fsencode(text)) for name, _, text in (one.partition("=") for one in call)]
        with _bar("comparing"):
            report = extism.compare(made, calls, _names(engines), wasi=wasi)
        if json_:
            _write_json(report.to_dict())
        else:
            print(_plain(str(report), keep="\n"))
        if report.verdict == "different":
            raise typer.Exit(EXIT_CODES["difference"])
        for run in report.runs:
            if report.verdict == "not run" and run.error is not None:
                raise run.error


@app.command()
def bench(
    file: Annotated[str, _FILE],
    function: Annotated[str, _FUNCTION],
    input: Annotated[str, typer.Option("--input", "-i", help="The input, as text.")] = "",
    engines: Annotated[str | None, _ENGINES] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long each engine is measured, about.")] = 1.0,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw it to this file, such as costs.svg.")] = None,
    wasi: Annotated[bool, _WASI] = False,
    config: Annotated[list[str] | None, _CONFIG] = None,
    set_config: Annotated[str | None, _SET_CONFIG] = None,
    allow_path: Annotated[list[str] | None, _ALLOW_PATH] = None,
    link: Annotated[list[str] | None, _LINK] = None,
    timeout: Annotated[int | None, _TIMEOUT] = None,
    manifest: Annotated[bool, _IS_MANIFEST] = False,
    json_: Annotated[bool, _JSON] = False,
) -> None:
    """Measure what a call costs on each engine, and what it is spent on."""
    with _failing(json_):
        made = _manifest(file, manifest, link, config, set_config, None, allow_path, timeout)
        with _bar("measuring") as progress:
            report = extism.bench(
                made, function, os.fsencode(input), _names(engines), wasi=wasi, seconds=seconds, progress=progress
            )
        if plot is not None:
            try:
                report.plot(plot)
            except (ImportError, ValueError) as error:
                # Without matplotlib, or for a format that it does not know.
                _usage(f"--plot: {error}")
        if json_:
            _write_json(report.to_dict())
        else:
            print(_plain(str(report), keep="\n"))


@app.command()
def compile(
    file: Annotated[str, _FILE],
    engine: Annotated[str | None, _ENGINE] = None,
    wasi: Annotated[bool, _WASI] = False,
    link: Annotated[list[str] | None, _LINK] = None,
    manifest: Annotated[bool, _IS_MANIFEST] = False,
    fuel: Annotated[bool, typer.Option("--fuel", help="For calls with fuel, which is other code.")] = False,
    forbid: Annotated[list[str] | None, _FORBID] = None,
    strict: Annotated[bool, _STRICT] = False,
    compile_timeout: Annotated[int | None, _COMPILE_TIMEOUT] = None,
    json_: Annotated[bool, _JSON] = False,
) -> None:
    """Compile a plug-in into the compile cache, where its next start finds it.

    Its imports of host functions need not be there: what answers them is no part of the code.
    """
    with _failing(json_):
        made = _manifest(file, manifest, link)
        found = extism.inspect(made, wasi=wasi)
        functions = [_placeholder(row) for row in found.missing if row.kind == "function"]
        with _bar("compiling", DownloadColumn) as progress:
            compiled = extism.CompiledPlugin(
                made,
                wasi=wasi,
                functions=functions,
                engine=engine,
                fuel=float("inf") if fuel else None,
                limits=_limits(None, forbid, strict),
                compile_timeout=_seconds(compile_timeout),
                progress=progress,
            )
        folder = extism.cache_folder()
        result = {"engine": compiled.engine, "compiled": compiled.newly_compiled, "cache": folder and str(folder)}
        if json_:
            return _write_json(result)
        if folder is None:
            print("the compile cache is off")
        elif compiled.newly_compiled:
            print(f"compiled {compiled.newly_compiled} modules for {compiled.engine} into {folder}")
        else:
            print(f"nothing to compile for {compiled.engine}: it is in {folder}")


@cache_app.command()
def info(json_: Annotated[bool, _JSON] = False) -> None:
    """Tell where the compile cache is and how large."""
    with _failing(json_):
        folder = extism.cache_folder()
        files = _cached(folder)
        size = sum(size for _, size in files)
        if json_:
            return _write_json({"folder": folder and str(folder), "files": len(files), "bytes": size})
        if folder is None:
            print("the compile cache is off")
        else:
            print(f"{folder}: {len(files)} files, {size} bytes")


@cache_app.command()
def clear() -> None:
    """Delete the files of the compile cache, and no others in its folder."""
    with _failing():
        folder = extism.cache_folder()
        files = _cached(folder)
        for path, _ in files:
            path.unlink(missing_ok=True)
        print("the compile cache is off" if folder is None else f"{folder}: {len(files)} files deleted")


_CACHE_FILE = re.compile(r"[0-9a-f]{64}(\.[0-9a-f-]{36}\.new)?")
"""What files of the cache are called: by the hash of what was compiled, and until they are complete by more."""


def _cached(folder: Path | None) -> list[tuple[Path, int]]:
    """The files of the cache with their bytes. What else is in the folder is not the cache's."""
    if folder is None or not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        if _CACHE_FILE.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            found.append((path, path.stat().st_size))
    return found


# Options to manifests.


def _manifest(
    file: str,
    is_manifest: bool,
    link: Sequence[str] | None = None,
    config: Sequence[str] | None = None,
    set_config: str | None = None,
    allow_host: Sequence[str] | None = None,
    allow_path: Sequence[str] | None = None,
    timeout: int | None = None,
    max_pages: int | None = None,
    http_bytes: int | None = None,
    var_bytes: int | None = None,
) -> dict[str, Any]:
    """The manifest of a file with what options add to it."""
    manifest = _read(file, is_manifest)
    links = [{"name": name, "path": path} for name, path in _pairs("--link", "NAME=FILE", link)]
    manifest["wasm"] = [*links, *_part(manifest, "wasm", list)]
    values = {
        **_part(manifest, "config", dict),
        **_object("--set-config", set_config),
        **dict(_pairs("--config", "KEY=VALUE", config)),
    }
    if values:
        manifest["config"] = values
    if allow_host:
        manifest["allowed_hosts"] = [*_part(manifest, "allowed_hosts", list), *allow_host]
    if allow_path:
        paths = dict(_path(value) for value in allow_path)
        manifest["allowed_paths"] = {**_part(manifest, "allowed_paths", dict), **paths}
    if timeout is not None:
        manifest["timeout_ms"] = timeout
    bounds = {"max_pages": max_pages, "max_http_response_bytes": http_bytes, "max_var_bytes": var_bytes}
    given = {name: value for name, value in bounds.items() if value is not None}
    if given:
        manifest["memory"] = {**_part(manifest, "memory", dict), **given}
    return manifest


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _part(manifest: dict[str, Any], name: str, kind: type[_T]) -> _T:
    """The part of a manifest that options add to, empty if it is not there."""
    part = manifest.get(name)
    if part is None:
        return kind()
    if not isinstance(part, kind):
        expected = "a list" if kind is list else "an object"
        raise extism.ManifestError(f"manifest: {name}: expected {expected}")
    return part


def _limits(heap_pages: int | None, forbidden: Sequence[str] | None, strict: bool) -> extism.Limits:
    """The limits that options say, the rest by default."""
    make = extism.Limits.strict if strict else extism.Limits
    limits = make(forbidden=forbidden or ())
    return limits if heap_pages is None else replace(limits, heap_pages=heap_pages)


def _read(file: str, is_manifest: bool) -> dict[str, Any]:
    if file.startswith(("http://", "https://")):
        return {"wasm": [{"url": file}]}
    try:
        start = Path(file).read_bytes()
    except OSError as error:
        raise extism.ManifestError(f"manifest: cannot read `{file}`: {error.strerror}") from error
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    is_module = start.startswith(b"\0asm") or text.startswith((b"(module", b";;", b"(;"))
    if is_module and not is_manifest:
        # A pipe gives its bytes once.
        return {"wasm": [{"path": file} if Path(file).is_file() else {"data": start}]}
    try:
        made = json.loads(start) if text.startswith(b"{") else _toml(start.decode())
    except UnicodeDecodeError:
        message = f"manifest: `{file}` is no text, so it is no manifest; leave out --manifest for a module"
        raise extism.ManifestError(message) from None
    except (ValueError, RecursionError) as error:
        raise extism.ManifestError(f"manifest: `{file}`: {error}") from error
    return dict(made)


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info < (3, 11):
        raise ValueError("manifests in TOML need Python 3.11 here; write JSON")
    found: dict[str, Any] = importlib.import_module("tomllib").loads(text)
    return found


def _pairs(option: str, form: str, values: Sequence[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for value in values or ():
        name, between, rest = value.partition("=")
        if not between or not name:
            _usage(f"{option} takes {form}, found `{value}`")
        pairs.append((name, rest))
    return pairs


def _path(value: str) -> tuple[str, str]:
    readonly = "ro:" if value.startswith("ro:") else ""
    host, between, guest = value[len(readonly) :].rpartition(":")
    # One path is the same for both.
    return (readonly + host, guest) if between else (readonly + guest, guest)


def _object(option: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        _usage(f"{option} takes a JSON object: {error}")
    if not isinstance(found, dict):
        _usage(f"{option} takes a JSON object, found {text}")
    return found


def _names(engines: str | None) -> list[str] | None:
    return None if engines is None else [name.strip() for name in engines.split(",") if name.strip()]


def _placeholder(row: extism.Import) -> extism.Function:
    """A host function of the type of an import, which is never called."""
    words = row.signature.replace("(", " ( ").replace(")", " ) ").split()
    types: dict[str, list[extism.ValType]] = {"param": [], "result": []}
    kind = ""
    for word in words:
        if word in types:
            kind = word
        elif word.upper() in extism.ValType.__members__:
            types[kind].append(extism.ValType[word.upper()])
    return extism.Function(row.module, row.name, types["param"], types["result"], lambda *_: None)


# What is written.


def _plain(text: object, keep: str = "") -> str:
    """A text as terminals can show it: what they would obey is written as an escape."""
    written = (one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in str(text))
    return "".join(written)


_OPTIONS = {"; in Python: `wasi=True`": "", "give it the option `wasi`": "give it the option `--wasi`"}
"""What error texts say to Python programs, and what it is on the command line."""


def _options(text: object) -> str:
    """An error text with the options of the command line."""
    found = str(text)
    for python, option in _OPTIONS.items():
        found = found.replace(python, option)
    return found


def _console() -> Console:
    # A pipe has no width, and nothing is cut there.
    return Console() if sys.stdout.isatty() else Console(width=10_000, highlight=False)


def _table(console: Console, title: str | None, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        return
    if not sys.stdout.isatty():
        # One line for each, with tabs between, for other programs.
        if title is not None:
            print(f"{title} ({', '.join(head)}):")
        for row in rows:
            print("\t".join(_plain(cell) for cell in row))
        return
    table = Table(*head, title=title, title_justify="left", box=None, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_plain(cell)) for cell in row))
    console.print(table)


def _write_json(value: Any) -> None:
    print(json.dumps(value, indent=1))


class _Bar:
    """A progress bar on a terminal. In a pipe there is none."""

    def __init__(self, what: str, columns: Sequence[type[ProgressColumn]]) -> None:
        console = Console(stderr=True)
        self._progress: Progress | None = None
        if console.is_terminal:
            shown = (TextColumn(what), BarColumn(), *(column() for column in columns))
            self._progress = Progress(*shown, console=console, transient=True)
        self._task: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        """Shows how far it is. A bar whose end nobody knows only moves."""
        if self._progress is None:
            return
        if self._task is None:
            self._task = self._progress.add_task("", total=total)
            self._progress.start()
        self._progress.update(self._task, completed=done, total=total)

    def stop(self) -> None:
        """Takes it away."""
        if self._progress is not None:
            self._progress.stop()


@contextmanager
def _bar(what: str, *columns: type[ProgressColumn], at_once: bool = True) -> Iterator[_Bar]:
    bar = _Bar(what, columns or (TimeElapsedColumn,))
    try:
        if at_once:
            bar(0, None)
        yield bar
    finally:
        bar.stop()


@contextmanager
def _failing(as_json: bool = False) -> Iterator[None]:
    """Ends the process as its failure says."""
    try:
        yield
        sys.stdout.flush()
    except extism.Error as error:
        with suppress(OSError):
            _tell(error, as_json)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_CODES["interrupt"]) from None
    except BrokenPipeError:
        # Who reads has enough. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_CODES["success"]) from None
    except UnicodeEncodeError as error:
        _usage(f"`{error.object}` is not UTF-8, which names, paths and values have to be")
    except OSError as error:
        _usage(str(error))


def exit_code(error: extism.Error) -> int:
    """Tells what the process ends with after a failure.

    Args:
        error: The failure.

    Returns:
        The code of the guest, if it gave one that fits, or else that of the kind of failure.
    """
    kinds = ("guest", "return-code", "exit")
    if error.kind in kinds and error.code is not None:
        return error.code if 1 <= error.code <= _LARGEST_GUEST_CODE else _LARGEST_GUEST_CODE
    return EXIT_CODES.get(error.kind, 125)


def _tell(error: extism.Error, as_json: bool) -> None:
    if as_json:
        found = {
            "kind": error.kind,
            "message": _options(error),
            "code": error.code,
            "trap": error.trap,
            "function": error.function,
            "backtrace": [str(frame) for frame in error.backtrace or ()],
            "exit_code": exit_code(error),
        }
        print(json.dumps({"error": found}), file=sys.stderr)
        return
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    # Messages about manifests begin so already.
    message = _plain(_options(error), keep="\n").removeprefix(f"{error.kind}: ")
    console.print(f"[bold red]{error.kind}[/bold red]: {escape(message)}")
    for frame in error.backtrace or ():
        console.print(f"  in {escape(_plain(frame))}")


def _usage(message: str) -> NoReturn:
    print(f"polyextism: {message}", file=sys.stderr)
    raise typer.Exit(EXIT_CODES["usage"])

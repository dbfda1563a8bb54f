"""`cache=` and the environment: where compiled code is kept, and that it is never in the way."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import extism

GUEST = """
(module
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "run") (result i32) (i32.const 0)))
"""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def kept_by(engine: str) -> int:
    """How many files one module is in the cache."""
    return int("compile-cache" in extism.Engine(engine).capabilities)


def run(**options: object) -> None:
    with extism.Plugin(GUEST, **options) as plugin:  # type: ignore[arg-type]
        assert plugin.call("run") == b""


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_folder(tmp_path: Path, engine: str, as_path: type) -> None:
    folder = tmp_path / "new" / "cache"
    run(engine=engine, cache=as_path(folder))
    kept = files(folder)
    assert len(kept) == kept_by(engine)
    if kept:
        assert folder.stat().st_mode & 0o777 == 0o700
    run(engine=engine, cache=as_path(folder))
    assert files(folder) == kept


def test_off_writes_nothing(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTISM_CACHE_DIR", str(tmp_path))
    run(engine=engine, cache=False)
    assert files(tmp_path) == []
    for on in (None, True):
        run(engine=engine, cache=on)
        assert len(files(tmp_path)) == kept_by(engine)


def test_the_variable_of_extism(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXTISM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("EXTISM_CACHE_CONFIG", "")
    run()
    assert files(tmp_path) == []
    config = tmp_path / "config.toml"
    config.write_text(f"[cache]\ndirectory = '{tmp_path / 'given'}'\n")
    monkeypatch.setenv("EXTISM_CACHE_CONFIG", str(config))
    run()
    assert files(tmp_path / "given" / "polyextism" / "code")
    monkeypatch.delenv("EXTISM_CACHE_CONFIG")
    run()
    assert files(tmp_path / "user" / "polyextism" / "code")
    monkeypatch.setenv("EXTISM_CACHE_CONFIG", str(tmp_path / "missing"))
    with pytest.raises(extism.ArgumentError, match="EXTISM_CACHE_CONFIG cannot be read"):
        run()


@pytest.mark.parametrize("value", [3, b"folder", ["folder"]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(extism.ArgumentError, match="cache= is a value of type"):
        run(cache=value)
    with pytest.raises(extism.ArgumentError, match="empty path"):
        run(cache="")


def test_a_pickle_says_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    compiled = extism.CompiledPlugin(GUEST, cache=folder)
    for file in folder.iterdir():
        file.unlink()
    data = pickle.dumps(compiled)
    del compiled
    pickle.loads(data)
    assert files(folder)


def test_forked_processes_write_at_once(tmp_path: Path, engine: str) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                run(engine=engine, cache=tmp_path)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6
    assert len(files(tmp_path)) == kept_by(engine)


def test_threads_write_at_once(tmp_path: Path, engine: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: run(engine=engine, cache=tmp_path), range(24)))
    assert len(files(tmp_path)) == kept_by(engine)


FULL = """
import resource, sys
import extism
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
with extism.Plugin(sys.argv[1], cache=sys.argv[2]) as plugin:
    assert plugin.call("run") == b""
"""


def test_a_full_disk_is_no_error(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL, GUEST, str(tmp_path)], check=True)
    assert files(tmp_path) == []

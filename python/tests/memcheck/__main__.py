"""Runs tests, and rounds of plug-ins' lives, under memcheck: `python -m memcheck [FILE...]`.

The tests are those of which memcheck can say something in minutes: no forks, no other processes, no small stacks.
The code is 0 if memcheck had no complaint and no round left anything behind. Needs valgrind, on Linux.

Engines reserve terabytes of addresses, which memcheck has to shadow. Where the address space is limited they reserve
little; so it is limited here.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import extism

HERE = Path(__file__).resolve().parent
TESTS = ["test_turns.py", "test_memory.py", "test_host_fn.py", "test_errors.py"]
#: Below what engines call ample, above what memcheck needs for itself.
ADDRESSES = 128 << 30
#: The code of valgrind where there were complaints.
COMPLAINTS = 99
FEW, MANY = 3, 13


def memcheck(log: Path, *arguments: str, leaks: str = "no") -> int:
    """Runs Python under memcheck, and returns its code, or `COMPLAINTS`."""
    options = [
        f"--leak-check={leaks}",
        # They are counted; only that there are more of them is a mistake.
        "--errors-for-leak-kinds=none",
        "--show-leak-kinds=none",
        # Engines write code, at addresses that had other code before.
        "--smc-check=all-non-file",
        # Engines look up the instruction that trapped; without this, that of a division is not the right one.
        "--vex-iropt-register-updates=allregs-at-each-insn",
        # Guests trap by instructions that no processor has.
        "--sigill-diagnostics=no",
        "--num-callers=40",
        f"--suppressions={HERE / 'suppressions'}",
        f"--error-exitcode={COMPLAINTS}",
        f"--log-file={log}",
    ]
    environment = os.environ | {"PYTHONMALLOC": "malloc", "EXTISM_CACHE_DIR": ""}
    environment.pop("RUST_BACKTRACE", None)
    return subprocess.run(
        ["valgrind", *options, sys.executable, *arguments],
        cwd=HERE.parent,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)),
    ).returncode


def left(log: Path) -> dict[str, int]:
    """How many blocks a process left, by what memcheck calls them."""
    kinds = ("definitely lost", "indirectly lost", "possibly lost", "still reachable")
    text = log.read_text()
    found = {}
    for kind in kinds:
        line = re.search(rf"{kind}: [\d,]+ bytes in ([\d,]+) blocks", text)
        assert line, f"memcheck said nothing of what is {kind}:\n{text}"
        found[kind] = int(line[1].replace(",", ""))
    return found


def tested(log: Path, file: str) -> bool:
    code = memcheck(log, "-m", "pytest", "-q", "-p", "no:cacheprovider", file)
    print(f"{file}: {'fine' if code == 0 else f'code {code}'}", flush=True)
    if code == COMPLAINTS:
        print(log.read_text())
    return code == 0


def flat(log: Path, engine: str) -> bool:
    """Whether more rounds lose nothing more, and leave less than a block of any kind for each further one."""
    counts = []
    for rounds in (FEW, MANY):
        code = memcheck(log, "-m", "memcheck.rounds", engine, str(rounds), leaks="full")
        counts.append(left(log))
        if code != 0:
            print(f"{engine}, {rounds} rounds: code {code}\n{log.read_text()}")
            return False
    few, many = counts
    for kind in few:
        print(f"{engine}: {few[kind]} blocks {kind} after {FEW} rounds, {many[kind]} after {MANY}")
    sys.stdout.flush()
    # A block may be one kind in one run and another one in the next; what is lost never comes back.
    lost = all(many[kind] <= few[kind] for kind in ("definitely lost", "indirectly lost"))
    return lost and sum(many.values()) - sum(few.values()) < MANY - FEW


def main(files: list[str]) -> int:
    if shutil.which("valgrind") is None:
        print("memcheck: valgrind is missing", file=sys.stderr)
        return 2
    engines = [str(engine) for engine in extism.engines()]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        fine = [flat(log, engine) for engine in engines]
        fine += [tested(log, file) for file in files]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or TESTS))

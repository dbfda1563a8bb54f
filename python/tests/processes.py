"""Python programs in processes of their own, for what may crash, hang or fork."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

# A hang becomes a failure. Far more than anything here takes.
PATIENCE = 120

# Newer Pythons warn of every fork of a process with threads.
OPTIONS = ("-X", "faulthandler", "-W", "ignore::DeprecationWarning")

Ended: TypeAlias = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """What these processes find in their environment."""
    found = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    # With it, wasmtime takes backtraces of the host under a lock that a fork may leave locked.
    found.pop("RUST_BACKTRACE", None)
    return found


def run(*arguments: str, options: Sequence[str] = OPTIONS, patience: float = PATIENCE) -> Ended:
    """Runs Python to its end, whatever that is. It can import what is in this folder."""
    return subprocess.run(
        [sys.executable, *options, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=patience,
        stdin=subprocess.DEVNULL,
    )


def output(program: str | Path, *arguments: str, options: Sequence[str] = OPTIONS) -> str:
    """What a program, a text or a file, writes.

    It must end well, and say nothing on its standard error.
    """
    text = isinstance(program, str)
    source = ["-c", textwrap.dedent(program)] if text else [str(program)]
    ended = run(*source, *arguments, options=options)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    return ended.stdout

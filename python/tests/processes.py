"""Python programs in processes of their own, for what may crash, hang or fork."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

# A hang becomes a failure. Far more than anything here takes.
PATIENCE = 120


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, whatever that is. It can import what is in this folder."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )


def output(program: str, *arguments: str) -> str:
    """What a program writes. It must end well, and say nothing on its standard error."""
    ended = run(program, *arguments)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    return ended.stdout

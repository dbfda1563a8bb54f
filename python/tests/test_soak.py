"""The soak test, for as long as `EXTISM_SOAK_SECONDS` says; `make soak` runs it as well."""

import json
import os
from pathlib import Path

import pytest

import processes

#: How long it runs, in seconds.
SECONDS = float(os.environ.get("EXTISM_SOAK_SECONDS", "30"))
#: The same in every run of the suite; what else happens on the machine is not.
SEED = "20261126"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")
def test_nothing_breaks_hangs_or_grows():
    arguments = ["-m", "soak", "--seconds", str(SECONDS), "--seed", SEED]
    ended = processes.run(*arguments, patience=SECONDS + 300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert report["complaints"] == []
    # It did something: every action on the list, thousands of them.
    done = {outcome.split(":")[0] for outcome in report["outcomes"]}
    from soak.actions import ACTIONS

    assert done == set(ACTIONS)
    assert report["steps"] > 1000

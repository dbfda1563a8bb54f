"""Every test that takes `engine` runs on every engine, with every compiler, that is built in."""

import os
import signal
from pathlib import Path

import pytest

import extism

# The user's compile cache is left alone, by this process and by those that it starts.
os.environ["EXTISM_CACHE_DIR"] = ""

# What a shell starts in the background ignores it, and so would Python and all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

GUESTS = Path(__file__).resolve().parents[2] / "tests" / "guests"

# `make check` asks for one engine. A name that is not built in leaves nothing, which pytest reports.
ASKED = os.environ.get("TEST_ENGINES", "").split()
BUILT_IN = [str(engine) for engine in extism.engines()]
ENGINES = [engine for engine in BUILT_IN if not ASKED or engine in ASKED]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def guests() -> Path:
    return GUESTS


@pytest.fixture(autouse=True)
def no_engine_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXTISM_ENGINE", raising=False)

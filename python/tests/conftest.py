"""Every test that takes `engine` runs on every engine, with every compiler, that is built in."""

import os
from pathlib import Path

import pytest

import extism

# The user's compile cache is left alone, by this process and by those that it starts.
os.environ["EXTISM_CACHE_DIR"] = ""

GUESTS = Path(__file__).resolve().parents[2] / "tests" / "guests"

ENGINES = [
    str(extism.Engine(engine.name, compiler))
    for engine in extism.engines()
    for compiler in engine.compilers
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def guests() -> Path:
    return GUESTS


@pytest.fixture(autouse=True)
def no_engine_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXTISM_ENGINE", raising=False)

"""The pytest plug-in of polyextism: tests that run on every engine that is built in.

A test that takes `extism_engine` or `extism_plugin` runs once for each engine with each of its
compilers, or for those that `--extism-engine NAME` names. The engines are deterministic, so that a test can
expect the same of all. pytest loads this module in every run of
every project of an environment, so it is no part of the package `extism` and imports that only when
a test, or the command line, asks for engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    import extism

    PluginFactory: TypeAlias = Callable[..., extism.Plugin]
    """What the fixture `extism_plugin` is: it takes what `extism.Plugin` takes, but `engine=`."""

_FIXTURE = "extism_engine"
_OPTION = "--extism-engine"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option `--extism-engine`."""
    parser.getgroup("extism", "Extism plug-ins").addoption(
        _OPTION,
        action="append",
        metavar="NAME",
        help="run tests that take the fixture extism_engine on this engine only, such as wasmtime or "
        "wasmtime:winch; can be given several times",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuses engines that are not built in before any test runs."""
    if config.getoption(_OPTION):
        _engines(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test of each engine."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        names = names.split(",") if isinstance(names, str) else names
        if _FIXTURE in (name.strip() for name in names):
            # The test says itself which engines it is for.
            return
    metafunc.parametrize(_FIXTURE, _engines(metafunc.config), ids=str)


@pytest.fixture
def extism_engine() -> extism.Engine:
    """An engine, for `engine=`: each that is built in, with each compiler, `deterministic=True`."""
    raise AssertionError("pytest_generate_tests gives each test its engine")


@pytest.fixture
def extism_plugin(extism_engine: str | extism.Engine) -> Iterator[PluginFactory]:
    """Makes plug-ins on the engine of the test: `extism_plugin(path, wasi=True)`.

    It takes what `extism.Plugin` takes, but `engine=`. They are closed when the test ends.
    """
    import extism

    with ExitStack() as plugins:

        def make(plugin: Any, *args: Any, **kwargs: Any) -> extism.Plugin:
            made = extism.Plugin(plugin, *args, engine=extism_engine, **kwargs)
            return plugins.enter_context(made)

        yield make


def _engines(config: pytest.Config) -> list[extism.Engine]:
    """The engines of a run, each once.

    Raises:
        pytest.UsageError: If one that the command line names is not built in.
    """
    import extism

    chosen: list[str] | None = config.getoption(_OPTION)
    if not chosen:
        return [
            extism.Engine(engine.name, engine.compiler, deterministic=True)
            for engine in extism.engines()
        ]
    try:
        return list(dict.fromkeys(extism.Engine(name, deterministic=True) for name in chosen))
    except extism.UnknownEngineError as error:
        raise pytest.UsageError(f"{_OPTION}: {error}") from None

"""The pytest plug-in of polyextism: tests that run on every built-in engine.

A test that takes `extism_engine` or `extism_plugin` runs once for each engine with each of its compilers, or for those
that `--extism-engine NAME` names. The engines are deterministic, so a test can expect the same of all.

pytest loads this module in every run of every project of an environment. So it is no part of the package `extism`, and
imports it only when a test or the command line asks for engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    import extism

    PluginFactory: TypeAlias = Callable[..., extism.Plugin]
    """The type of the fixture `extism_plugin`: it takes the arguments of `extism.Plugin` without `engine=`."""

_FIXTURE = "extism_engine"
_OPTION = "--extism-engine"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option `--extism-engine`.

    Args:
        parser: The parser of the command line.
    """
    parser.getgroup("extism", "Extism plug-ins").addoption(
        _OPTION,
        action="append",
        metavar="NAME",
        help="run tests that take the fixture extism_engine on this engine only, such as wasmtime or "
        "wasmtime:winch; can be given several times",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuses engines that are not built in before any test runs.

    Args:
        config: The configuration of the run.

    Raises:
        pytest.UsageError: If the command line names an engine that is not built in.
    """
    if config.getoption(_OPTION):
        _engines(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test for each engine.

    Args:
        metafunc: The test function.
    """
    if _FIXTURE not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        names = names.split(",") if isinstance(names, str) else names
        if _FIXTURE in (name.strip() for name in names):
            # The test chooses its engines by itself.
            return
    metafunc.parametrize(_FIXTURE, _engines(metafunc.config), ids=str)


@pytest.fixture
def extism_engine() -> extism.Engine:
    """The engine of the test: each built-in engine with each compiler, `deterministic=True`.

    Returns:
        The engine, for `engine=`.
    """
    raise AssertionError("pytest_generate_tests gives each test its engine")


@pytest.fixture
def extism_plugin(extism_engine: str | extism.Engine) -> Iterator[PluginFactory]:
    """Makes plug-ins on the engine of the test: `extism_plugin(path, wasi=True)`.

    Args:
        extism_engine: The engine.

    Yields:
        A function that takes the arguments of `extism.Plugin` without `engine=`. Its plug-ins are closed when the test
        ends.
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
        pytest.UsageError: If the command line names an engine that is not built in.
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

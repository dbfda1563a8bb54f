"""Which engines there are, and how one is chosen."""


import pytest

import extism
from conftest import ENGINES
from wat import CANONICAL, ECHO, NAN, function


def test_each_lists_itself():
    engines = extism.engines()
    assert len(set(engines)) == len(engines) > 0
    compilers = [(engine.name, engine.compiler) for engine in engines]
    expected = {engine.name: engine.compilers for engine in engines}
    assert compilers == [(name, compiler) for name, all_of in expected.items() for compiler in all_of]
    for engine in engines:
        assert engine.version.count(".") == 2
        is_default = engine.compiler == engine.compilers[0]
        assert str(engine) == (engine.name if is_default else f"{engine.name}:{engine.compiler}")
        assert repr(engine) == f"Engine('{engine}')"


def test_spellings_are_equal(engine):
    name, _, compiler = engine.partition(":")
    one = extism.Engine(engine)
    if compiler:
        assert one.compiler == compiler
    two = extism.Engine(name, compiler=one.compiler)
    assert one == two == extism.Engine(f"{name}:{one.compiler}")
    assert hash(one) == hash(two)
    assert one != engine
    assert "memory-limit" in one.capabilities


def test_deterministic_is_off_unless_asked_for(engine):
    one = extism.Engine(engine)
    two = extism.Engine(engine, deterministic=True)
    assert (one.deterministic, two.deterministic) == (False, True)
    assert extism.Engine(engine, deterministic=False) == one != two
    assert len({one, two, extism.Engine(engine, deterministic=True)}) == 2
    assert repr(two) == f"Engine('{engine}', deterministic=True)"
    assert str(two) == engine


def test_a_deterministic_engine_makes_canonical_nans(engine):
    choice = extism.Engine(engine, deterministic=True)
    for plugin in [
        extism.Plugin(NAN, engine=choice),
        extism.Plugin(extism.CompiledPlugin(NAN, engine=choice)),
    ]:
        assert plugin.engine == engine
        assert plugin.call("run") == CANONICAL


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_deterministic_is_a_bool(value):
    with pytest.raises(TypeError, match="deterministic: expected True or False"):
        extism.Engine(ENGINES[0], deterministic=value)
    with pytest.raises(TypeError):
        extism.Engine(ENGINES[0], None, True)


@pytest.mark.parametrize("form", [str, extism.Engine])
def test_plugin_runs_on_the_engine_that_was_chosen(engine, form):
    with extism.Plugin(ECHO, engine=form(engine)) as plugin:
        assert plugin.engine == engine
        assert plugin.call("echo", b"x") == b"x"
        assert engine in repr(plugin)


def test_environment_variable_chooses(engine, monkeypatch):
    monkeypatch.setenv("EXTISM_ENGINE", engine)
    assert extism.Plugin(ECHO).engine == engine
    other = ENGINES[0]
    assert extism.Plugin(ECHO, engine=other).engine == other


def test_nothing_chooses_the_first():
    assert extism.Plugin(ECHO).engine == str(extism.engines()[0])


@pytest.mark.parametrize("spec", ["", "v8", "wasmtime:", ":", "wasmtime:llvm", "WASMTIME"])
def test_unknown_engine_lists_those_that_are_built_in(spec):
    with pytest.raises(extism.UnknownEngineError) as raised:
        extism.Plugin(ECHO, engine=spec)
    assert f"unknown engine `{spec}`" in str(raised.value)
    assert all(f"`{engine}`" in str(raised.value) for engine in ENGINES)


def test_a_compiler_that_was_left_out_says_what_builds_it_in():
    left_out = "wasmer:singlepass"
    if left_out in ENGINES or "wasmer" not in ENGINES:
        pytest.skip("it is built in, or its engine is not")
    with pytest.raises(extism.UnknownEngineError) as raised:
        extism.Engine(left_out)
    assert "not built in: build with the cargo feature `wasmer-singlepass`" in str(raised.value)
    assert all(f"`{engine}`" in str(raised.value) for engine in ENGINES)


def test_unknown_engine_in_the_environment_says_so(monkeypatch):
    monkeypatch.setenv("EXTISM_ENGINE", "v8")
    with pytest.raises(extism.UnknownEngineError, match="from the environment variable"):
        extism.Plugin(ECHO)


def test_engine_of_another_type_is_refused():
    with pytest.raises(extism.ArgumentError, match="found a value of type int"):
        extism.Plugin(ECHO, engine=1)


def test_engines_alternate_in_one_process():
    trap = function("unreachable")
    plugins = [(extism.Plugin(ECHO, engine=e), extism.Plugin(trap, engine=e)) for e in ENGINES]
    for turn in range(50):
        for echo, trap in plugins:
            data = f"{turn} {echo.engine}".encode()
            assert echo.call("echo", data) == data
            with pytest.raises(extism.TrapError):
                trap.call("run")


def test_version_is_a_text():
    assert extism.extism_version() == extism.__version__
    assert extism.extism_version().count(".") == 2

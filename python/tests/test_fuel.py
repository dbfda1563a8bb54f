"""Fuel: how much work a call may do, and did."""

import math
import pickle

import pytest

import extism
from conftest import ENGINES

LOOPS = """(module (memory (export "memory") 1)
  (func $turns (param i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "few") (call $turns (i32.const 10)))
  (func (export "many") (call $turns (i32.const 100000)))
  (func (export "endless") (loop $l (br $l))))"""


def used(engine, function):
    with extism.Plugin(LOOPS, engine=engine, fuel=math.inf) as plugin:
        plugin.call(function)
        return plugin.fuel_consumed


def test_every_engine_counts_the_same():
    for function in ("few", "many"):
        counts = {used(engine, function) for engine in ENGINES}
        assert len(counts) == 1, counts
    assert used(ENGINES[0], "few") < 200 < 500_000 < used(ENGINES[0], "many")


def test_a_plugin_has_fuel_for_each_call(engine):
    with extism.Plugin(LOOPS, engine=engine, fuel=1000) as plugin:
        for _ in range(50):
            plugin.call("few")
            assert 0 < plugin.fuel_consumed < 200
        with pytest.raises(extism.OutOfFuelError) as raised:
            plugin.call("endless")
        assert str(raised.value) == "the call used up its fuel of 1000 units"
        assert raised.value.kind == "out-of-fuel"
        assert plugin.fuel_consumed == 1000
        plugin.call("few")


def test_a_call_has_fuel_of_its_own(engine):
    with extism.Plugin(LOOPS, engine=engine, fuel=1000) as plugin:
        for more in (10_000_000, 2**64 - 1, math.inf):
            plugin.call("many", fuel=more)
        with pytest.raises(extism.OutOfFuelError, match="fuel of 10 units"):
            plugin.call("few", fuel=10)
        with pytest.raises(extism.OutOfFuelError, match="fuel of 1000 units"):
            plugin.call("many")


def test_without_fuel_nobody_counts(engine):
    with extism.Plugin(LOOPS, engine=engine) as plugin:
        plugin.call("few")
        assert plugin.fuel_consumed is None
        with pytest.raises(extism.ArgumentError, match="counts no fuel"):
            plugin.call("few", fuel=1000)


def test_instances_of_a_compiled_plugin(engine):
    compiled = extism.CompiledPlugin(LOOPS, engine=engine, fuel=1000)
    for made in (compiled, pickle.loads(pickle.dumps(compiled))):
        for fuel, limit in ((None, 1000), (500, 500)):
            plugin = extism.Plugin(made, fuel=fuel)
            with pytest.raises(extism.OutOfFuelError, match=f"fuel of {limit} units"):
                plugin.call("endless")
    counted = pickle.loads(pickle.dumps(extism.CompiledPlugin(LOOPS, engine=engine, fuel=math.inf)))
    plugin = extism.Plugin(counted)
    plugin.call("many")
    assert plugin.fuel_consumed > 500_000
    with pytest.raises(extism.ArgumentError, match="counts no fuel"):
        extism.Plugin(extism.CompiledPlugin(LOOPS, engine=engine), fuel=1000)


def test_lent_instances_have_the_fuel_of_a_new_one(engine):
    compiled = extism.CompiledPlugin(LOOPS, engine=engine, fuel=1000)
    pool = extism.Pool(compiled, max_instances=1, reuse=True)
    for _ in range(3):
        with pool.get() as plugin:
            plugin.call("many", fuel=math.inf)
            with pytest.raises(extism.OutOfFuelError, match="fuel of 1000 units"):
                plugin.call("many")


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.5, "1000", math.nan, -math.inf])
def test_what_is_no_fuel_is_refused(engine, wrong):
    with pytest.raises(extism.ArgumentError) as raised:
        extism.Plugin(LOOPS, engine=engine, fuel=wrong)
    allowed = "fuel: expected a number of units from 0 to 2**64 - 1, or math.inf, found "
    assert str(raised.value) == f"{allowed}{wrong!r}"

"""The arguments of explicit host functions are used again, and nobody can tell."""

import gc
import weakref

import pytest

import extism
from wat import round_trip

I64, F64 = extism.ValType.I64, extism.ValType.F64


def number(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def plugin(f, engine, *user_data, constant=7):
    function = extism.Function("host", [I64], [I64], f, *user_data)
    return extism.Plugin(round_trip("i64", str(constant)), functions=[function], engine=engine)


def test_what_is_kept_stays_as_it_was(engine):
    kept = []

    def host(current, params, results, which):
        results[0].value = len(kept) + 100
        params[0].value = params[0].value + len(kept)
        everything = {
            "current": current,
            "params": params,
            "param": params[0],
            "results": results,
            "result": results[0],
        }
        kept.append(everything[which[len(kept) % len(which)]])

    which = ["param", "result", "params", "results", "current"]
    runner = plugin(host, engine, which)
    for turn in range(15):
        assert runner.call("run") == number(100 + turn)
        # In between nothing is kept, so there is something to use again.
        assert len(kept) == turn + 1
    for turn, what in enumerate(kept):
        match which[turn % len(which)]:
            case "param":
                assert what == extism.Val(I64, 7 + turn)
            case "result":
                assert what == extism.Val(I64, 100 + turn)
            case "params":
                assert what == [extism.Val(I64, 7 + turn)]
            case "results":
                assert what == [extism.Val(I64, 100 + turn)]
            case "current":
                with pytest.raises(extism.ClosedError):
                    what.alloc(1)
    assert len({id(what) for what in kept}) == len(kept)


def test_the_next_call_finds_them_as_new(engine):
    seen = []

    def host(current, params, results, *more):
        seen.append((list(params), [(val.t, val.value) for val in params + results], more))
        params[0].value, params[0].t = "other", F64
        results[0].t = F64
        results[0].value = 5

    runner = plugin(host, engine, "data")
    for _ in range(3):
        assert runner.call("run") == number(5)
    assert [values for _, values, _ in seen] == [[(I64, 7), (I64, 0)]] * 3
    assert {more for _, _, more in seen} == {("data",)}


@pytest.mark.parametrize(
    "change",
    [
        lambda params, results: params.append(1),
        lambda params, results: params.clear(),
        lambda params, results: params.insert(0, extism.Val(I64, 9)),
        lambda params, results: results.__setitem__(0, extism.Val(I64, 8)),
        lambda params, results: results.append(results.pop()),
    ],
)
def test_lists_that_were_changed(engine, change):
    def host(current, params, results):
        assert (params, results) == ([extism.Val(I64, 7)], [extism.Val(I64, 0)])
        results[0].value = 8
        change(params, results)

    runner = plugin(host, engine)
    for _ in range(3):
        assert runner.call("run") == number(8)


class Number:
    """Can be referred to weakly, which an `int` cannot."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_values_do_not_outlive_the_call(engine):
    alive = []

    def host(current, params, results):
        given, taken = Number(1), Number(2)
        params[0].value, results[0].value = given, taken
        alive.extend([weakref.ref(given), weakref.ref(taken)])

    runner = plugin(host, engine)
    for _ in range(2):
        assert runner.call("run") == number(2)
        assert [reference() for reference in alive] == [None] * len(alive)


def test_after_a_failure(engine):
    kept = []

    def host(current, params, results):
        results[0].value = 40 + len(kept)
        if not kept:
            raise LookupError("no")

    runner = plugin(host, engine)
    with pytest.raises(extism.HostFunctionError) as raised:
        runner.call("run")
    kept.append(raised.value)
    assert runner.call("run") == number(41)
    frame = raised.value.__cause__.__traceback__.tb_frame
    assert frame.f_locals["results"] == [extism.Val(I64, 40)]


def test_the_same_function_inside_of_itself(engine):
    def host(current, params, results):
        if params[0].value == 7:
            assert inner.call("run") == number(-1)
        assert params == [extism.Val(I64, params[0].value)]
        assert results == [extism.Val(I64, 0)]
        results[0].value = -params[0].value

    function = extism.Function("host", [I64], [I64], host)
    guests = (round_trip("i64", "7"), round_trip("i64", "1"))
    outer, inner = (extism.Plugin(g, functions=[function], engine=engine) for g in guests)
    for _ in range(3):
        assert outer.call("run") == number(-7)


def test_the_collector_sees_them(engine):
    class Owner:
        def host(self, current, params, results, owner):
            results[0].value = 3

    owner = Owner()
    owner.function = extism.Function("host", [I64], [I64], owner.host, owner)
    owner.plugin = extism.Plugin(
        round_trip("i64", "7"), functions=[owner.function], engine=engine
    )
    assert owner.plugin.call("run") == number(3)
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None

"""Host functions: declaring them, calling them, and what they see of the plug-in."""

import math
import struct
import sys
import threading
import weakref

import pytest

import extism
from conftest import ENGINES
from extism.host_fn import registered
from wat import ECHO, function, importing, round_trip

I32, I64, F32, F64 = (extism.ValType(number) for number in range(4))

# The module of the API reference's own example, as it stands there.
EXAMPLE = """
(module
    (import "example" "hello_world" (func $hello (param i64)))
    (import "env" "extism_alloc" (func $extism_alloc (param i64) (result i64)))
    (import "env" "extism_store_u8" (func $extism_store_u8 (;6;) (param i64 i32)))

    (memory $memory (export "mem")
      (data "Hello from WAT!")
    )
    (func $my_func (result i64)

      ;; allocate extism memory and copy our message into it
      (local $offset i64) (local $i i32)
      (local.set $offset (call $extism_alloc (i64.const 15)))
      (block $end
        (loop $loop
          (br_if $end (i32.eq (i32.const 0) (i32.load8_u (local.get $i))))
          (call $extism_store_u8 (i64.add (local.get $offset) (i64.extend_i32_u (local.get $i))) (i32.load8_u (local.get $i)))
          (local.set $i (i32.add (i32.const 1) (local.get $i)))
          br $loop
        )
      )

      ;; call our hello_world function with our extism memory offset.
      local.get $offset
      call $hello
      i64.const 0
    )
    (export "my_func" (func $my_func))
)
"""


@pytest.fixture(autouse=True)
def empty_register(monkeypatch):
    # The attribute `host_fn` of the package is the decorator, not the module.
    monkeypatch.setattr(sys.modules["extism.host_fn"], "HOST_FN_REGISTRY", [])


def test_example_of_the_reference(engine, capsys, tmp_path):
    @extism.host_fn(signature=([extism.ValType.I64], []))
    def hello_world(plugin, params, results):
        my_str = plugin.input_string(params[0])
        print(my_str)

    path = tmp_path / "example.wat"
    path.write_text(EXAMPLE)
    with open(path, "rb") as wasm_file:
        data = wasm_file.read()

    with extism.Plugin(data, functions=[hello_world], engine=engine) as plugin:
        plugin.call("my_func", "")
    assert capsys.readouterr().out == "Hello from WAT!\n"


# What the guest passes, what Python sees, what Python gives, what the guest gets.
VALUES = [
    ("i32", "-1", -1, -1, b"\xff\xff\xff\xff\0\0\0\0"),
    ("i32", "0x80000000", -(2**31), 2**32 - 1, b"\xff\xff\xff\xff\0\0\0\0"),
    ("i32", "7", 7, -(2**31), b"\0\0\0\x80\0\0\0\0"),
    ("i32", "1", 1, True, b"\x01" + bytes(7)),
    ("i64", "-1", -1, 2**64 - 1, b"\xff" * 8),
    ("i64", "0x7fffffffffffffff", 2**63 - 1, -(2**63), b"\0" * 7 + b"\x80"),
    ("i64", "9007199254740993", 2**53 + 1, 2**53 + 1, (2**53 + 1).to_bytes(8, "little")),
    ("f32", "0.1", struct.unpack("f", struct.pack("f", 0.1))[0], 0.1, struct.pack("<fi", 0.1, 0)),
    ("f32", "-inf", -math.inf, math.inf, struct.pack("<fi", math.inf, 0)),
    ("f32", "1.5", 1.5, 3, struct.pack("<fi", 3, 0)),
    ("f64", "0.1", 0.1, 0.1, struct.pack("<d", 0.1)),
    ("f64", "-0.0", -0.0, -0.0, struct.pack("<d", -0.0)),
    ("f64", "0x1p-1074", 5e-324, 1e308, struct.pack("<d", 1e308)),
]


@pytest.mark.parametrize(("ty", "constant", "seen", "given", "got"), VALUES)
def test_values_are_exact(engine, ty, constant, seen, given, got):
    kind = extism.ValType[ty.upper()]
    log = []

    def host(plugin, params, results):
        log.append(([*params], [*results]))
        assert repr(params) == f"[Val(ValType.{kind.name}, {seen!r})]"
        results[0].value = given

    functions = [extism.Function("host", [kind], [kind], host)]
    plugin = extism.Plugin(round_trip(ty, constant), functions=functions, engine=engine)
    assert plugin.call("run") == got
    (params, results), = log
    assert params == [extism.Val(kind, seen)]
    assert type(params[0].value) is (float if "f" in ty else int)
    assert params[0].t is kind and results[0].t is kind


def test_results_are_zero_unless_set(engine):
    for ty in ["i32", "i64", "f32", "f64"]:
        kind = extism.ValType[ty.upper()]
        functions = [extism.Function("host", [kind], [kind], lambda *args: 5)]
        plugin = extism.Plugin(round_trip(ty, "1"), functions=functions, engine=engine)
        assert plugin.call("run") == bytes(8)


def test_a_result_may_be_replaced(engine):
    def host(plugin, params, results):
        results[0] = extism.Val(I64, 258)

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(round_trip("i64", "1"), functions=functions, engine=engine)
    assert plugin.call("run") == b"\x02\x01" + bytes(6)


def test_several_parameters_and_results(engine):
    log = []

    def host(plugin, params, results):
        log.append([param.value for param in params])
        results[0].value, results[1].value, results[2].value = 1, 2.5, -3

    functions = [extism.Function("host", [I32, F64, I64, F32], [I64, F32, I32], host)]
    signature = "(param i32 f64 i64 f32) (result i64 f32 i32)"
    body = """(result i32) (local $c i32)
      (call $host (i32.const 1) (f64.const 2.5) (i64.const -3) (f32.const -0.5))
      (local.set $c) (if (f32.ne (f32.const 2.5)) (then unreachable))
      (if (i64.ne (i64.const 1)) (then unreachable))
      (i32.add (local.get $c) (i32.const 3))"""
    module = function(body, importing(signature))
    try:
        plugin = extism.Plugin(module, functions=functions, engine=engine)
    except extism.UnsupportedError as error:
        # Some compilers have no such imports, and must say so.
        assert str(error).endswith("has no imports of functions with more than one result")
        return
    plugin.call("run")
    assert log == [[1, 2.5, -3, -0.5]]


def set_value(value):
    def host(plugin, params, results):
        results[0].value = value

    return host


WRONG = [
    (I32, set_value(2**32), "result 0 of type i32 is 4294967296, allowed are integers from -2147483648 to 4294967295"),
    (I32, set_value(-(2**31) - 1), "result 0 of type i32 is -2147483649, allowed are"),
    (I32, set_value(1.0), "result 0 of type i32 is 1.0, allowed are"),
    (I64, set_value(2**64), "result 0 of type i64 is 18446744073709551616, allowed are integers from -9223372036854775808 to 18446744073709551615"),
    (I64, set_value(-(2**63) - 1), "result 0 of type i64 is -9223372036854775809, allowed are"),
    (I64, set_value(None), "result 0 of type i64 is None, allowed are"),
    (I64, set_value("x" * 500), "result 0 of type i64 is 'xxx"),
    (F32, set_value(1e39), "result 0 of type f32 is 1e+39, allowed are numbers that are not too large for a 32-bit float"),
    (F64, set_value("1"), "result 0 of type f64 is '1', allowed are numbers"),
    (F64, set_value(10**400), "result 0 of type f64 is 1000"),
    (I64, lambda plugin, params, results: results.clear(), "the list of results has 0 elements, expected 1"),
    (I64, lambda plugin, params, results: results.append(1), "the list of results has 2 elements, expected 1"),
    (I64, lambda plugin, params, results: results.__setitem__(0, 5), "result 0 is of type int, expected an extism.Val"),
]


@pytest.mark.parametrize(("kind", "host", "message"), WRONG)
def test_wrong_results_are_refused(engine, kind, host, message):
    functions = [extism.Function("host", [kind], [kind], host)]
    plugin = extism.Plugin(round_trip(kind.name.lower(), "1"), functions=functions, engine=engine)
    with pytest.raises(extism.HostFunctionError) as raised:
        plugin.call("run")
    assert str(raised.value).startswith(f"host function `host`: {message}")
    assert len(str(raised.value)) < 300
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", [extism.ValType.V128, extism.ValType.FUNC_REF, extism.ValType.EXTERN_REF, 7, "i64", None])
def test_types_that_cannot_cross_are_refused(kind):
    for params, results, what in [([I64, kind], [], "parameter 1"), ([], [kind], "result 0")]:
        with pytest.raises(extism.ArgumentError, match=f"host function `f`: {what} has the type"):
            extism.host_fn(name="f", signature=(params, results))(print)
    assert registered() == []


def test_val_type():
    assert extism.ValType.PTR is extism.ValType.I64
    assert extism.ValType.I64.name == "I64"
    assert [(kind.name, kind.value) for kind in extism.ValType] == [
        ("I32", 0), ("I64", 1), ("F32", 2), ("F64", 3), ("V128", 4), ("FUNC_REF", 5), ("EXTERN_REF", 6)
    ]


def test_memory_and_val():
    memory = extism.Memory(8, 3)
    assert (memory.offset, memory.length, len(memory), bool(extism.Memory(0, 0))) == (8, 3, 3, True)
    val = extism.Val(I64, 5)
    val.value = 6
    assert (val.t, val.value) == (I64, 6)
    assert val == extism.Val(I64, 6) != extism.Val(I32, 6)
    assert val != 6
    strange = extism.Val(F64, math.nan)
    assert strange == strange != extism.Val(F64, math.nan)


class Strange:
    """Neither a number nor a type."""


@pytest.mark.parametrize("name", ["t", "value"])
def test_a_val_takes_any_object(name):
    val = extism.Val(I64, 5)
    strange, boolean, subclass = Strange(), True, type("Int", (int,), {})(3)
    for given in (0, -(2**63), 2**63 - 1, 2**63, -(2**70), 0.5, -0.0, math.inf, F64, None, "text"):
        setattr(val, name, given)
        assert repr(getattr(val, name)) == repr(given)
    for given in (strange, boolean, subclass, I64, extism.ValType.V128):
        setattr(val, name, given)
        assert getattr(val, name) is given
    setattr(val, name, strange)
    reference = weakref.ref(strange)
    del strange, given
    assert reference() is not None
    setattr(val, name, 1)
    assert reference() is None
    with pytest.raises(AttributeError):
        delattr(val, name)


def test_both_forms_of_function():
    def f(*args):
        return args

    for function, namespace, user_data in [
        (extism.Function("f", [I64], [], f), None, ()),
        (extism.Function("f", [I64], [], f, 1, 2), None, (1, 2)),
        (extism.Function("space", "f", [I64], [], f), "space", ()),
        (extism.Function(None, "f", [I64], [], f, 1), None, (1,)),
    ]:
        assert (function.name, function.namespace) == ("f", namespace)
        assert function(1, 2) == (1, 2)
    assert repr(extism.Function("space", "f", [I64], [], f)) == "Function(space::f (func (param i64)))"
    for args in [(), ("f",), ("f", [], []), ("n", "f", [], []), ("f", [], [], 5)]:
        with pytest.raises(extism.ArgumentError):
            extism.Function(*args)


def test_function_by_names():
    def f(plugin, params, results):
        ...

    I64 = extism.ValType.I64
    types = {"args": [I64], "returns": []}
    made = [
        (extism.Function(name="h", f=f, **types), None),
        (extism.Function("h", f=f, **types), None),
        (extism.Function("h", [I64], returns=[], f=f), None),
        (extism.Function(namespace=None, name="h", f=f, **types), None),
        (extism.Function(namespace="n", name="h", f=f, **types), "n"),
        (extism.Function("n", name="h", f=f, **types), "n"),
        (extism.Function("n", "h", [I64], returns=[], f=f), "n"),
    ]
    for function, namespace in made:
        assert (function.name, function.namespace) == ("h", namespace)
        assert repr(function) == f"Function({namespace or '*'}::h (func (param i64)))"
    for arguments, message in [
        ({"name": "h", **types}, "a Function is made with `f`"),
        ({"f": f, **types}, "a Function is made with `name`"),
        ({"name": "h", "f": f, "results": [], **types}, "a Function has no argument `results`, it has"),
    ]:
        with pytest.raises(extism.ArgumentError, match=message):
            extism.Function(**arguments)
    with pytest.raises(extism.ArgumentError, match="a Function is given `namespace` twice"):
        extism.Function("n", "h", [I64], namespace="m", returns=[], f=f)


def test_decorated_function_stays_itself():
    @extism.host_fn(signature=([], []))
    def add(a, b=1):
        """Adds."""
        return a + b

    assert add(2) == 3
    assert add(2, b=5) == 7
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Adds.", __name__)
    assert add.__wrapped__(1) == 2
    assert (add.name, add.namespace) == ("add", None)
    assert registered() == [add]


MISUSES = [
    (lambda: extism.host_fn(print), "host_fn needs parentheses"),
    (lambda: extism.host_fn(signature=[I64])(print), "a signature is a pair of lists"),
    (lambda: extism.host_fn(signature=I64)(print), "a signature is a pair of lists"),
]


@pytest.mark.parametrize(("misuse", "message"), MISUSES)
def test_misuse_is_explained(misuse, message):
    with pytest.raises(extism.ArgumentError, match=message):
        misuse()
    # A program for the official SDK may expect this.
    with pytest.raises(TypeError):
        misuse()


def test_async_generators_are_refused():
    with pytest.raises(extism.ArgumentError, match="it is an async generator"):

        @extism.host_fn(signature=([], []))
        async def host(plugin, params, results):
            yield


def calling(engine, host, functions=None, module="extism:host/user"):
    """A plug-in whose `run` calls the host function `host` and gives its i64 as the output."""
    text = round_trip("i64", "1").replace("extism:host/user", module)
    if functions is None:
        functions = [extism.Function("host", [I64], [I64], host)]
    return extism.Plugin(text, functions=functions, engine=engine)


@pytest.mark.parametrize(("given", "expected"), [(None, ()), (b"x", (b"x",)), ([1, b"2"], (1, b"2")), ((), ())])
def test_user_data(engine, given, expected):
    log = []

    @extism.host_fn(signature=([I64], [I64]), user_data=given)
    def host(plugin, params, results, *user_data):
        log.append(user_data)

    plugin = calling(engine, None, [host])
    plugin.call("run")
    plugin.call("run")
    assert log == [expected, expected]


def test_namespaces(engine):
    def gives(number):
        return lambda plugin, params, results: setattr(results[0], "value", number)

    signature = ([I64], [I64])
    extism.host_fn("host", signature=signature)(gives(1))
    extism.host_fn("host", namespace="mine", signature=signature)(gives(2))
    for module, number in [("extism:host/user", 1), ("env", 1), ("other", 1), ("mine", 2)]:
        plugin = extism.Plugin(
            round_trip("i64", "1").replace("extism:host/user", module), engine=engine
        )
        assert plugin.call("run") == number.to_bytes(8, "little")
    extism.host_fn("host", signature=signature)(gives(3))
    assert len(registered()) == 2
    assert extism.Plugin(round_trip("i64", "1"), engine=engine).call("run")[0] == 3
    with pytest.raises(extism.LinkError):
        extism.Plugin(round_trip("i64", "1"), functions=[], engine=engine)


def test_functions_of_another_type_are_refused():
    with pytest.raises(extism.ArgumentError, match="found a value of type builtin_function"):
        extism.Plugin(ECHO, functions=[print])
    with pytest.raises(extism.ArgumentError, match="functions: expected a list of extism.Function objects, found a"):
        extism.Plugin(ECHO, functions=print)
    with pytest.raises(extism.ArgumentError, match=r"found a single one; write functions=\[f\]"):
        extism.Plugin(ECHO, functions=extism.Function("f", [], [], print))


def test_memory_of_the_plugin(engine):
    def host(plugin, params, results):
        block = plugin.alloc(5)
        assert (block.length, len(block)) == (5, 5)
        found = plugin.memory_at_offset(block.offset)
        assert (found.offset, found.length) == (block.offset, 5)
        val = extism.Val(I64, block.offset)
        assert plugin.memory_at_offset(val).length == 5
        assert plugin.input_bytes(val) == bytes(5)
        plugin.free(block)
        assert plugin.memory_at_offset(block.offset).length == 0
        assert plugin.input_bytes(val) == b""
        plugin.free(block)
        for bogus in [0, 1, -1, 2**63, 2**64 - 1]:
            assert plugin.input_bytes(extism.Val(I64, bogus)) == b""
            assert plugin.memory_at_offset(bogus).length == 0
            plugin.free(plugin.memory_at_offset(bogus))
        assert plugin.alloc(0).offset == 0
        for given, expected in [(b"\xff\0", b"\xff\0"), (bytearray(b"a"), b"a"), ("\u00e4", "\u00e4".encode()), (b"", b"")]:
            plugin.return_bytes(val, given)
            assert plugin.input_bytes(val) == expected
            buffer = plugin.input_buffer(val)
            assert isinstance(buffer, memoryview) and buffer == expected
        assert val.value == 0
        plugin.return_string(val, "h\u00e4")
        assert plugin.input_string(val) == "h\u00e4"
        plugin.return_bytes(val, b"\xff")
        with pytest.raises(UnicodeDecodeError):
            plugin.input_string(val)
        with pytest.raises(extism.ArgumentError, match="'x' is not an offset"):
            plugin.input_bytes(extism.Val(I64, "x"))
        for size in [-1, 2**64, "x", None]:
            with pytest.raises(extism.ArgumentError, match=f"size is {size!r}, allowed are numbers from 0"):
                plugin.alloc(size)
        with pytest.raises(extism.MemoryLimitError):
            plugin.alloc(2**62)
        results[0].value = 1

    assert calling(engine, host).call("run")[0] == 1


def test_blocks_reach_guests(engine, guests):
    def hello_world(plugin, params, results):
        assert plugin.input_string(params[0]) == "from the guest"
        plugin.return_string(results[0], "from the host")

    functions = [extism.Function("hello_world", [I64], [I64], hello_world)]
    for guest, expected in [
        ("assemblyscript/as_pdk.wasm", b"AS got: from the host"),
        ("c/c_zig_freestanding.wasm", b"from the host"),
    ]:
        plugin = extism.Plugin(guests / guest, functions=functions, engine=engine)
        for _ in range(3):
            assert plugin.call("call_host", "from the guest") == expected


def test_host_context(engine):
    seen = []
    plugin = calling(engine, lambda plugin, params, results: seen.append(plugin.host_context()))
    context = object()
    plugin.call("run", b"", bytes, context)
    plugin.call("run")
    plugin.call("run", host_context=0)
    plugin.call("run", host_context=None)
    assert seen[0] is context
    assert seen[1:] == [None, 0, None]


def test_current_plugin_is_valid_in_its_own_call_only(engine):
    kept = []
    failures = []

    def uses(current):
        val = extism.Val(I64, 77)
        return [
            lambda: current.alloc(1),
            lambda: current.memory(extism.Memory(77, 1)),
            lambda: current.free(extism.Memory(77, 1)),
            lambda: current.memory_at_offset(77),
            lambda: current.return_bytes(val, b"x"),
            lambda: current.return_string(val, "x"),
            lambda: current.input_bytes(val),
            lambda: current.input_buffer(val),
            lambda: current.input_string(val),
            lambda: current.host_context(),
        ]

    def refused(current):
        for use in uses(current):
            with pytest.raises(extism.ClosedError, match="only on the thread of its own host function"):
                use()
        failures.append("all")

    def inner_host(plugin, params, results):
        refused(kept[0])
        plugin.return_string(results[0], "inner")

    inner = calling(engine, inner_host)

    def host(plugin, params, results):
        kept.append(plugin)
        for use in uses(plugin):
            use()
        thread = threading.Thread(target=refused, args=(plugin,))
        thread.start()
        thread.join()
        inner.call("run")
        # After the inner call it is the innermost one again.
        for use in uses(plugin):
            use()

    outer = calling(engine, host)
    outer.call("run")
    refused(kept[0])
    kept.clear()
    outer.call("run")
    assert failures == ["all"] * 5
    with pytest.raises(TypeError):
        extism.CurrentPlugin()


def test_engines_call_each_other(engine):
    plugins = [calling(engine, set_value(1))]
    for other in ENGINES:
        def host(plugin, params, results, next=plugins[-1]):
            results[0].value = int.from_bytes(next.call("run"), "little") + 1

        plugins.append(calling(other, host))
    assert plugins[-1].call("run")[0] == len(plugins)


def test_call_from_its_own_host_function_is_an_error(engine):
    caught = []

    def host(plugin, params, results):
        for use in [lambda: own.call("run"), own.close, own.reset, lambda: own.function_exists("run")]:
            with pytest.raises(extism.ReentrantError, match="called by a host function"):
                use()
            caught.append(1)
        results[0].value = 9

    own = calling(engine, host)
    assert own.call("run")[0] == 9
    assert len(caught) == 4
    other = calling(engine, lambda plugin, params, results: other.call("run"))
    with pytest.raises(extism.HostFunctionError) as raised:
        other.call("run")
    assert isinstance(raised.value.__cause__, extism.ReentrantError)

"""What the Extism Python SDK 1.1.1 offers is here, by the same names and arguments."""

import importlib
import inspect

import pytest

import extism
from wat import THROUGH_HOST

# By name: what the SDK has at top level, and in its module `extism.extism`.
TOP = """Codec CurrentPlugin Error Function Json Memory Pickle Plugin Val ValType extism_version
host_fn set_log_custom set_log_file""".split()
MODULE = TOP + "CancelHandle CompiledPlugin CustomLogger ExplicitFunction HOST_FN_REGISTRY TypeInferredFunction".split()

# The parameters of the SDK come first, in its order.
SIGNATURES = {
    "Plugin": "plugin wasi config functions",
    "Plugin.call": "self function_name data parse host_context",
    "Plugin.function_exists": "self name",
    "CompiledPlugin": "plugin wasi functions",
    "CurrentPlugin.memory": "self mem",
    "CurrentPlugin.host_context": "self",
    "CurrentPlugin.alloc": "self size",
    "CurrentPlugin.free": "self mem",
    "CurrentPlugin.memory_at_offset": "self offs",
    "CurrentPlugin.return_bytes": "self output b",
    "CurrentPlugin.return_string": "self output s",
    "CurrentPlugin.input_buffer": "self input",
    "CurrentPlugin.input_bytes": "self input",
    "CurrentPlugin.input_string": "self input",
    "CancelHandle.cancel": "self",
    "CustomLogger": "f",
    "CustomLogger.drain": "self",
    "ExplicitFunction": "namespace name args returns func user_data",
    "TypeInferredFunction": "namespace name func user_data",
    "Memory": "offs length",
    "Val": "t v",
    "Codec": "codec",
    "host_fn": "name namespace signature user_data",
    "set_log_file": "file level",
    "set_log_custom": "f level",
    "extism_version": "",
}

I64 = extism.ValType.I64


@pytest.fixture
def register(monkeypatch):
    module = importlib.import_module("extism.host_fn")
    monkeypatch.setattr(module, "HOST_FN_REGISTRY", [])
    return module


def test_names():
    module = importlib.import_module("extism.extism")
    assert extism.extism is module
    assert [name for name in TOP if name not in extism.__all__] == []
    assert [name for name in MODULE if name not in module.__all__] == []
    for name in module.__all__:
        if name in extism.__all__:
            assert getattr(module, name) is getattr(extism, name)
    scope = {}
    exec("from extism.extism import *", scope)
    assert set(module.__all__) <= set(scope)


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures(path):
    found = importlib.import_module("extism.extism")
    for name in path.split("."):
        found = getattr(found, name)
    names = list(inspect.signature(found).parameters)
    expected = SIGNATURES[path].split()
    assert names[: len(expected)] == expected
    # Whatever comes beyond can be left out.
    for parameter in list(inspect.signature(found).parameters.values())[len(expected) :]:
        assert parameter.default is not inspect.Parameter.empty


def test_classes():
    assert extism.TypeInferredFunction.__mro__[:3] == (
        extism.TypeInferredFunction,
        extism.ExplicitFunction,
        extism.Function,
    )
    members = {"I32": 0, "I64": 1, "PTR": 1, "F32": 2, "F64": 3, "V128": 4, "FUNC_REF": 5, "EXTERN_REF": 6}
    assert {name: ty.value for name, ty in extism.ValType.__members__.items()} == members
    assert isinstance(extism.extism_version(), str)


def test_the_register_is_live(engine, register):
    @extism.host_fn("host", signature=([I64], [I64]))
    def first(plugin, params, results):
        plugin.return_string(results[0], "first")

    registry = register.HOST_FN_REGISTRY
    assert registry == [first]
    for functions in [registry, registry[:], list(registry), tuple(registry), iter(registry), None]:
        plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
        assert plugin.call("run") == b"first"

    @extism.host_fn("host", signature=([I64], [I64]))
    def second(plugin, params, results):
        plugin.return_string(results[0], "second")

    # Defined again: the last counts, and there is one.
    assert registry == [second]
    assert extism.Plugin(THROUGH_HOST, engine=engine).call("run") == b"second"
    assert extism.Plugin(THROUGH_HOST, functions=[first], engine=engine).call("run") == b"first"
    # Of one name in one list, the last counts as well.
    registry.append(first)
    assert extism.Plugin(THROUGH_HOST, engine=engine).call("run") == b"first"
    registry.clear()
    with pytest.raises(extism.LinkError, match="host"):
        extism.Plugin(THROUGH_HOST, engine=engine)


def test_classes_of_host_functions_are_made_by_hand(engine):
    def explicit(plugin, params, results, more):
        plugin.return_string(results[0], plugin.input_string(params[0]) + more)

    def inferred(text: str, more) -> str:
        return text + more

    made = [
        extism.ExplicitFunction(None, "host", [I64], [I64], explicit, ["!"]),
        extism.TypeInferredFunction(None, "host", inferred, ["!"]),
        extism.TypeInferredFunction("extism:host/user", "host", inferred, ["!"]),
    ]
    for function in made:
        plugin = extism.Plugin(THROUGH_HOST, functions=[function], engine=engine)
        assert plugin.call("run", "x") == b"x!"
    assert made[1]("a", "b") == "ab"
    assert made[0].func is made[0].__wrapped__ is explicit
    assert made[1].func is inferred
    assert (made[1].__name__, made[1].name) == ("inferred", "host")


def test_host_functions_of_classes_and_closures(engine):
    class Service:
        @extism.host_fn("host")
        @staticmethod
        def shout(text: str) -> str:
            return text.upper()

    def make(suffix):
        @extism.host_fn("host")
        def host(text: str) -> str:
            return text + suffix

        return host

    one, two = make("1"), make("2")
    expected = [(Service.shout, b"X"), (one, b"x1"), (two, b"x2"), (two, b"x2"), (one, b"x1")]
    for function, output in expected:
        plugin = extism.Plugin(THROUGH_HOST, functions=[function], engine=engine)
        assert plugin.call("run", "x") == output
    assert Service.shout("y") == Service().shout("y") == "Y"


BUILTIN = """(module
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "run") (local $block i64)
    (local.set $block (call $config (call $offset)))
    (call $output (local.get $block) (call $length (local.get $block)))))"""


@pytest.mark.parametrize(
    "namespace, expected",
    [(None, b"v"), ("env", b"v"), ("extism:host/user", b"v"), ("extism:host/env", b"mine")],
)
def test_a_builtin_is_replaced_only_when_asked(engine, register, namespace, expected):
    @extism.host_fn("config_get", namespace, signature=([I64], [I64]))
    def mine(plugin, params, results):
        plugin.return_string(results[0], "mine")

    for functions in [None, [mine]]:
        plugin = extism.Plugin(BUILTIN, config={"k": "v"}, functions=functions, engine=engine)
        assert plugin.call("run", "k") == expected

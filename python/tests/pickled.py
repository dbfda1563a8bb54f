"""Host functions and plug-ins at the top level of a module, where a pickle finds them again."""

import functools

import extism
from wat import THROUGH_HOST

I64 = extism.ValType.I64

# A vector of what a host function can be, each under the name by which `THROUGH_HOST` imports it.


@extism.host_fn("host")
def inferred(text: str) -> str:
    return "inferred " + text


@extism.host_fn("host", signature=([I64], [I64]), user_data=["more"])
def explicit(plugin, params, results, more):
    plugin.return_string(results[0], f"explicit {more} {plugin.input_string(params[0])}")


def plain(plugin, params, results, *more):
    plugin.return_string(results[0], f"plain {plugin.input_string(params[0])}{''.join(more)}")


by_hand = extism.Function("host", [I64], [I64], plain)
with_data = extism.Function("extism:host/user", "host", [I64], [I64], plain, "!", "?")
partial = extism.Function("host", [I64], [I64], functools.partial(plain))
renamed = extism.TypeInferredFunction(None, "host", inferred.func)


class Service:
    @extism.host_fn("host")
    @staticmethod
    def method(text: str) -> str:
        return "method " + text


FUNCTIONS = {
    "inferred": (inferred, "inferred x"),
    "explicit": (explicit, "explicit more x"),
    "by hand": (by_hand, "plain x"),
    "with data": (with_data, "plain x!?"),
    "partial": (partial, "plain x"),
    "renamed": (renamed, "inferred x"),
    "method": (Service.method, "method x"),
}


def call(compiled, data="x"):
    """What a plug-in says; to be run anywhere."""
    with extism.Plugin(compiled) as plugin:
        return plugin.engine, plugin.call("run", data)


def compile(engine, name="inferred"):
    return extism.CompiledPlugin(THROUGH_HOST, functions=[FUNCTIONS[name][0]], engine=engine)


class Named(extism.CompiledPlugin):
    """A subclass with state of its own."""

    def __init__(self, *args, **kwargs):
        self.label = None

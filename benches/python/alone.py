"""The cases on the Python package `wasmtime`: an engine without Extism, with the same work for guests.

It has no kernel. An echo is what it takes to do the same by hand: the input is written to the guest's
memory, copied there by words, and the output is read. Guests that compute get a kernel in WebAssembly.
"""

from actions import Action, Missing, Timed, check
from cases import GUESTS, Guest
from wasmtime import Engine, Func, FuncType, Instance, Linker, Module, Store, ValType, WasiConfig

CALLS = """
(module
  (import "host" "increment" (func $increment (param i64) (result i64)))
  (func (export "noop") (result i32) (i32.const 0))
  (func (export "host") (result i64) (local $n i64)
    (loop $again
      (local.set $n (call $increment (local.get $n)))
      (br_if $again (i64.lt_u (local.get $n) (i64.const 1000))))
    (local.get $n)))
"""

ECHO = """
(module
  (memory (export "memory") 600)
  (func (export "echo") (param $from i32) (param $to i32) (param $length i32)
    (local $at i32)
    (loop $words
      (i64.store (i32.add (local.get $to) (local.get $at))
        (i64.load (i32.add (local.get $from) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $words (i32.lt_u (local.get $at) (local.get $length))))))
"""


class Alone:
    """wasmtime by its own Python package."""

    def action(self, case: str) -> Action:
        """What the case does.

        Raises:
            Missing: If it takes Extism to do it.
        """
        if case.startswith("echo-"):
            return self.echo(int(case.removeprefix("echo-")))
        if case.startswith("guest-"):
            return self.guest(Guest.of(case.removeprefix("guest-")))
        if case in ("noop", "host"):
            made: Action = getattr(self, case)()
            return made
        raise Missing

    def calls(self):
        engine = Engine()
        store = Store(engine)
        number = ValType.i64()
        increment = Func(store, FuncType([number], [ValType.i64()]), lambda n: n + 1)
        instance = Instance(store, Module(engine, CALLS), [increment])
        return store, instance.exports(store)

    def noop(self) -> Action:
        store, exports = self.calls()
        function = exports["noop"]
        check(function(store), 0, "noop")
        return Timed(lambda: function(store))

    def host(self) -> Action:
        store, exports = self.calls()
        function = exports["host"]
        check(function(store), 1000, "host")
        return Timed(lambda: function(store), units=1000)

    def echo(self, size: int) -> Action:
        engine = Engine()
        store = Store(engine)
        exports = Instance(store, Module(engine, ECHO), []).exports(store)
        memory, function = exports["memory"], exports["echo"]
        data = (bytes(range(251)) * (size // 251 + 1))[:size]
        output = size + 4096

        def run() -> bytes:
            memory.write(store, data, 0)
            function(store, 0, output, size)
            return bytes(memory.read(store, output, output + size))

        check(run(), data, f"echo {size}")
        return Timed(run)

    def guest(self, guest: Guest) -> Action:
        """A guest that computes. It is not interrupted: there is nothing that would."""
        engine = Engine()
        store = Store(engine)
        store.set_wasi(WasiConfig())
        linker = Linker(engine)
        linker.define_wasi()
        kernel = linker.instantiate(store, Module.from_file(engine, str(GUESTS / "alone.wat")))
        linker.define_instance(store, "extism:host/env", kernel)
        handle = ValType.i64()
        linker.define_func("extism:host/user", "hello_world", FuncType([handle], [ValType.i64()]), lambda it: it)
        module = Module.from_file(engine, str(guest.module))
        exports = linker.instantiate(store, module).exports(store)
        if "_initialize" in exports:
            exports["_initialize"](store)
        own = kernel.exports(store)
        memory, begin, offset, length = (own[name] for name in ("memory", "begin", "output_offset", "output_length"))
        function, data = exports[guest.function], guest.input

        def run() -> bytes:
            memory.write(store, data, begin(store, len(data)))
            function(store)
            at = offset(store)
            return bytes(memory.read(store, at, at + length(store)))

        guest.check(run())
        return Timed(run)

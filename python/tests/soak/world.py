"""What the workers of the soak test share, and what each has of its own.

It makes plug-ins; it does not call them. Invariant: a plug-in of a worker's own is called and cancelled
for that worker only, so its outcomes can be told beforehand.
"""

import gc
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import extism
from soak.guests import GUEST, HTTP, WASI

I64 = extism.ValType.I64
#: Pages that a guest may have, its kernel included.
MAX_PAGES = 100

ENGINES = [str(engine) for engine in extism.engines()]


class Wrong(Exception):
    """A call gave what it must not give."""


def expect(found: object, *allowed: object) -> None:
    """Complains about what is not one of `allowed`."""
    if found not in allowed:
        raise Wrong(f"found {found!r:.200}, allowed: {allowed!r:.200}")


def _host(plugin: extism.CurrentPlugin, params: list[Any], results: list[Any]) -> None:
    """Does what the context of the call says, with a text and to one; or nothing."""
    behaviour = plugin.host_context()
    if behaviour is None:
        results[0].value = 0
    else:
        plugin.return_string(results[0], behaviour(plugin, plugin.input_string(params[0])))


class World:
    """What all workers share."""

    def __init__(self, folder: Path, server: str) -> None:
        self.server = server
        self.folder = folder
        self.functions = [extism.Function("host", [I64], [I64], _host)]
        self.compiled = {
            kind: {engine: self.compile(kind, engine) for engine in ENGINES}
            for kind in ("guest", "http")
        }
        self.pools = [
            extism.Pool(self.compiled["guest"][engine], max_instances=2, reuse=reuse)
            for engine in ENGINES
            for reuse in (False, True)
        ]
        #: Called by all at once, and cancelled at any moment.
        self.common = [extism.Plugin(compiled) for compiled in self.compiled["guest"].values()]
        #: Log lines on their way.
        self.lines: Counter[str] = Counter()
        self.log = extism.set_log_custom(self._logged, "info")
        self.lock = threading.Lock()

    def _logged(self, line: str) -> None:
        token = line.rsplit("line-", 1)[-1].split()[0]
        with self.lock:
            self.lines[token] -= 1

    def announce(self, token: str) -> None:
        """Says that a guest is about to log `line-TOKEN`."""
        with self.lock:
            self.lines[token] += 1

    def missing_lines(self) -> list[str]:
        """Takes what waits, and tells which lines did not come exactly once."""
        self.log.drain()
        with self.lock:
            return [token for token, count in self.lines.items() if count]

    def compile(self, kind: str, engine: str) -> extism.CompiledPlugin:
        """Compiles one of the guests that need no folder."""
        memory = {"max_pages": MAX_PAGES}
        if kind == "http":
            manifest = {"wasm": [{"data": HTTP.encode()}], "allowed_hosts": ["127.0.0.1"]}
        else:
            manifest = {"wasm": [{"data": GUEST.encode()}], "memory": memory}
        return extism.CompiledPlugin(manifest, functions=self.functions, engine=engine)

    def close(self) -> None:
        """Gives everything back."""
        for plugin in self.common:
            plugin.close()
        del self.pools, self.common, self.compiled
        gc.collect()


class Order:
    """A cancellation that somebody wants."""

    def __init__(self, handle: extism.CancelHandle, delay: float) -> None:
        self._handle, self._delay = handle, delay
        self._off, self._over = threading.Event(), threading.Event()

    def carry_out(self) -> None:
        """Cancels the call after a while, when there is one, unless it is called off."""
        self._off.wait(self._delay)
        while not self._off.is_set() and not self._handle.cancel():
            self._off.wait(0.0005)
        self._over.set()

    def call_off(self) -> None:
        """Returns when nothing will be cancelled any more."""
        self._off.set()
        self._over.wait()


class Canceller:
    """A thread that cancels calls when it is told to."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="canceller", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            order.carry_out()

    def order(self, plugin: extism.Plugin, delay: float) -> Order:
        """Cancels the next call of a plug-in after a while."""
        order = Order(plugin.cancel_handle(), delay)
        self._orders.put(order)
        return order

    def close(self) -> None:
        """Ends the thread."""
        self._orders.put(None)
        self._thread.join(60)


class Held:
    """A plug-in of a worker's own, and what is known of it."""

    def __init__(self, plugin: extism.Plugin) -> None:
        self.plugin = plugin
        self.engine = plugin.engine
        #: What it has counted to; further values are possible after a call that was stopped.
        self.counted = {0}
        self.variable = b""

    def stopped(self) -> None:
        """A call was stopped, which may have replaced the instance."""
        self.counted.add(0)


class Worker:
    """A thread of the soak test: its numbers, its plug-ins, and what it is doing."""

    def __init__(self, world: World, seed: int, number: int) -> None:
        self.world = world
        self.random = random.Random(f"{seed}-{number}")
        self.number = number
        self.steps = 0
        self.doing, self.since = "starting", time.monotonic()
        self.folder = world.folder / f"worker-{number}"
        self.folder.mkdir()
        self.canceller = Canceller()
        self.guests = {engine: Held(self.fresh("guest", engine)) for engine in ENGINES}
        self.files = {engine: Held(self.fresh("wasi", engine)) for engine in ENGINES}
        self.clients = {engine: Held(self.fresh("http", engine)) for engine in ENGINES}

    def fresh(self, kind: str, engine: str) -> extism.Plugin:
        """A new plug-in of one of the guests."""
        if kind != "wasi":
            return extism.Plugin(self.world.compiled[kind][engine])
        manifest = {
            "wasm": [{"data": WASI.encode()}],
            "allowed_paths": {str(self.folder): "/"},
        }
        return extism.Plugin(manifest, extism.Wasi(stdout="capture"), engine=engine)

    def any_guest(self) -> Held:
        """One of the guests, on any engine."""
        return self.guests[self.random.choice(ENGINES)]

    def bytes(self, most: int) -> bytes:
        """Any bytes."""
        return self.random.randbytes(self.random.randrange(most + 1))

    def token(self) -> str:
        """A text that nobody else has."""
        return f"{self.number}.{self.steps}.{self.random.randrange(1 << 30)}"

    def step(self, actions: dict[str, Callable[["Worker"], str]], weights: list[int]) -> str:
        """Does one thing, and says which and how it ended."""
        self.steps += 1
        [name] = self.random.choices(list(actions), weights)
        self.doing, self.since = name, time.monotonic()
        return f"{name}: {actions[name](self)}"

    def close(self) -> None:
        """Gives everything back."""
        for held in [*self.guests.values(), *self.files.values(), *self.clients.values()]:
            held.plugin.close()
        self.canceller.close()

"""What a worker of the soak test may do. Each returns how it ended, or raises `Wrong`.

Every outcome is compared with what that guest must give.
"""

import gc
import json
import struct
import threading
import time
from collections.abc import Callable

import extism
from soak.guests import ENDLESS, GUEST, TRAPS
from soak.server import content
from soak.world import ENGINES, MAX_PAGES, Held, Worker, Wrong, expect

#: How long a call may take beyond its deadline on a busy machine, in seconds.
LATE = 20.0
#: A deadline that no call here reaches.
PATIENCE = 120.0


def number(value: int) -> bytes:
    """A number as guests read and write it."""
    return struct.pack("<q", value)


def fails(held: Held, error: type[extism.Error], name: str, data: bytes, **options: object):
    """Calls a function that must fail in this way, and returns the failure."""
    start = time.monotonic()
    try:
        output = held.plugin.call(name, data, **options)  # type: ignore[call-overload]
    except error as failure:
        limit = options.get("timeout")
        if isinstance(limit, float) and limit < 1 and time.monotonic() - start > limit + LATE:
            raise Wrong(f"`{name}` ended {time.monotonic() - start} s after its start") from failure
        return failure
    raise Wrong(f"`{name}` returned {output!r:.100} instead of failing with {error.__name__}")


# Guests that behave.


def echo(worker: Worker) -> str:
    data = worker.bytes(200_000 if worker.random.random() < 0.1 else 2000)
    parse = worker.random.choice([bytes, bytearray, memoryview])
    output = worker.any_guest().plugin.call("echo", data, parse)
    expect(bytes(output), data)
    return "right"


def hash(worker: Worker) -> str:
    data, value = worker.bytes(500), 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    expect(worker.any_guest().plugin.call("hash", data), struct.pack("<Q", value))
    return "right"


def count(worker: Worker) -> str:
    held = worker.any_guest()
    [found] = struct.unpack("<q", held.plugin.call("count"))
    if found - 1 not in held.counted:
        raise Wrong(f"counted to {found} after {held.counted}")
    held.counted = {found}
    return "right"


def work(worker: Worker) -> str:
    turns = worker.random.randrange(200_000)
    expect(worker.any_guest().plugin.call("work", number(turns), timeout=PATIENCE), number(0 if turns else -1))
    return "right"


def big(worker: Worker) -> str:
    length = worker.random.randrange(2 << 20)
    output = worker.any_guest().plugin.call("big", number(length))
    expect(len(output), length)
    for at in range(0, length - 8, 4096):
        expect(output[at : at + 8], number(at))
    return "right"


def grow(worker: Worker) -> str:
    held = worker.any_guest()
    [pages] = struct.unpack("<q", held.plugin.call("grow"))
    if not MAX_PAGES // 4 < pages < MAX_PAGES:
        raise Wrong(f"{pages} pages of {MAX_PAGES}")
    # Otherwise every guest would have all of its memory after a while.
    renewed(worker, held.engine)
    return "right"


def variable(worker: Worker) -> str:
    held = worker.any_guest()
    if worker.random.random() < 0.5:
        held.variable = worker.bytes(3000)
        held.plugin.call("remember", held.variable)
    expect(held.plugin.call("recall"), held.variable)
    expect(held.plugin.vars.get("k", b""), held.variable)
    return "right"


def log(worker: Worker) -> str:
    token = worker.token()
    worker.world.announce(token)
    worker.any_guest().plugin.call("log", f"line-{token} ")
    return "right"


# Guests that end badly.


def trap(worker: Worker) -> str:
    name = worker.random.choice(list(TRAPS))
    error = fails(worker.any_guest(), extism.TrapError, name, b"")
    expect(error.trap, name)
    return name


def text(worker: Worker) -> str:
    data = worker.bytes(500) + b"!"
    error = fails(worker.any_guest(), extism.GuestError, "fail", data)
    expect((error.guest_text, error.code), (data, 1))
    return "right"


def code(worker: Worker) -> str:
    value = worker.random.randrange(1, 256)
    expect(fails(worker.any_guest(), extism.ReturnCodeError, "code", bytes([value])).code, value)
    return "right"


def deadline(worker: Worker) -> str:
    held, name = worker.any_guest(), worker.random.choice(list(ENDLESS))
    fails(held, extism.TimeoutError, name, b"", timeout=worker.random.choice([0.001, 0.005, 0.02]))
    held.stopped()
    return name


def cancelled(worker: Worker) -> str:
    held, name = worker.any_guest(), worker.random.choice(list(ENDLESS))
    order = worker.canceller.order(held.plugin, worker.random.random() / 100)
    fails(held, extism.CancelledError, name, b"", timeout=PATIENCE)
    order.call_off()
    held.stopped()
    return name


def perhaps_cancelled(worker: Worker) -> str:
    """A short call and a cancellation at about the same time: either may win."""
    held, turns = worker.any_guest(), worker.random.randrange(1, 300_000)
    order = worker.canceller.order(held.plugin, worker.random.random() / 1000)
    try:
        expect(held.plugin.call("work", number(turns), timeout=PATIENCE), number(0))
        outcome = "right"
    except extism.CancelledError:
        held.stopped()
        outcome = "cancelled"
    order.call_off()
    return outcome


# Host functions.


def through(worker: Worker, held: Held, behaviour: Callable[..., str], data: str) -> bytes:
    output = held.plugin.call("through", data, host_context=behaviour, timeout=PATIENCE)
    return bytes(output)


def host(worker: Worker) -> str:
    data = worker.token()
    output = through(worker, worker.any_guest(), lambda _, text: text + "!" + text, data)
    expect(output.decode(), f"{data}!{data}")
    return "right"


def host_raises(worker: Worker) -> str:
    raised = worker.random.choice([ValueError, KeyError, ZeroDivisionError])(worker.token())

    def behaviour(*_: object) -> str:
        raise raised

    error = fails(worker.any_guest(), extism.HostFunctionError, "through", b"x", host_context=behaviour)
    if error.__cause__ is not raised:
        raise Wrong(f"the cause is {error.__cause__!r}, not {raised!r}")
    # The traceback would keep everything.
    raised.__traceback__ = None
    return "right"


def host_reenters(worker: Worker) -> str:
    held = worker.any_guest()

    def behaviour(_: object, text: str) -> str:
        for attempt in (lambda: held.plugin.call("echo", text), held.plugin.close):
            try:
                attempt()
            except extism.ReentrantError:
                continue
            raise Wrong("it may enter the plug-in that called it")
        return text

    expect(through(worker, held, behaviour, "again"), b"again")
    return "right"


def host_nests(worker: Worker) -> str:
    """Guest, host function, guest of another engine, and so on; the innermost traps."""
    depth = worker.random.randrange(1, 5)
    chain = [worker.fresh("guest", worker.random.choice(ENGINES)) for _ in range(depth)]
    kind = worker.random.choice(list(TRAPS))

    def behaviour(level: int) -> Callable[[object, str], str]:
        def behave(_: object, text: str) -> str:
            if level == depth:
                expect(fails(worker.any_guest(), extism.TrapError, kind, b"").trap, kind)
                return text
            inner = chain[level].call("through", text + str(level), host_context=behaviour(level + 1))
            return inner.decode()

        return behave

    output = chain[0].call("through", "0", host_context=behaviour(1))
    expect(output.decode(), "".join(str(level) for level in range(depth)))
    if worker.random.random() < 0.5:
        [plugin.close() for plugin in chain]
    return f"{depth} deep"


def host_outlives(worker: Worker) -> str:
    held = worker.any_guest()

    def behaviour(_: object, text: str) -> str:
        time.sleep(0.006)
        return text

    fails(held, extism.TimeoutError, "through", b"x", timeout=0.005, host_context=behaviour)
    held.stopped()
    return "right"


def host_cancels(worker: Worker) -> str:
    held = worker.any_guest()
    handle = held.plugin.cancel_handle()

    def behaviour(_: object, text: str) -> str:
        expect(handle.cancel(), True)
        return text

    fails(held, extism.CancelledError, "through", b"x", host_context=behaviour)
    held.stopped()
    return "right"


def host_collects(worker: Worker) -> str:
    """Instances come and go, and garbage is collected, in the middle of a call."""

    def behaviour(_: object, text: str) -> str:
        plugin = worker.fresh("guest", worker.random.choice(ENGINES))
        cycle: list[object] = [plugin]
        cycle.append(cycle)
        output = plugin.call("echo", text)
        del plugin, cycle
        gc.collect(0)
        return output.decode()

    expect(through(worker, worker.any_guest(), behaviour, "kept"), b"kept")
    return "right"


# What the host shares and makes.


def common(worker: Worker) -> str:
    data = worker.bytes(3000)
    plugin = worker.random.choice(worker.world.common)
    try:
        expect(plugin.call("echo", data), data)
        return "right"
    except extism.CancelledError:
        return "cancelled"


def common_is_cancelled(worker: Worker) -> str:
    plugin = worker.random.choice(worker.world.common)
    return str(plugin.cancel_handle().cancel())


def lent(worker: Worker) -> str:
    pool, data = worker.random.choice(worker.world.pools), worker.bytes(100)
    plugin = pool.get(timeout=PATIENCE)
    expect(plugin.vars.get("k"), None)
    plugin.call("remember", data)
    expect(plugin.call("recall"), data)
    match worker.random.randrange(4):
        case 0:
            return "forgotten"
        case 1:
            fails(Held(plugin), extism.TrapError, "unreachable", b"")
        case 2:
            fails(Held(plugin), extism.TimeoutError, "spin", b"", timeout=0.002)
    plugin.close()
    try:
        plugin.call("echo")
    except extism.ClosedError:
        return "given back"
    raise Wrong("a plug-in that was given back can be called")


def renewed(worker: Worker, engine: str | None = None) -> str:
    """A plug-in goes, in one way or the other, and another one comes."""
    engine = engine or worker.random.choice(ENGINES)
    old = worker.guests[engine]
    worker.guests[engine] = Held(worker.fresh("guest", engine))
    match worker.random.randrange(3):
        case 0:
            old.plugin.close()
            return "closed"
        case 1:
            cycle: list[object] = [old]
            cycle.append(cycle)
            return "cycle"
    return "dropped"


def renewed_files(worker: Worker) -> str:
    """Compiles as well, and opens a folder."""
    engine = worker.random.choice(ENGINES)
    worker.files[engine].plugin.close()
    worker.files[engine] = Held(worker.fresh("wasi", engine))
    return "right"


def closed_under_others(worker: Worker) -> str:
    plugin, outcomes = worker.fresh("guest", worker.random.choice(ENGINES)), []

    def call() -> None:
        try:
            while True:
                expect(plugin.call("echo", b"x" * 100), b"x" * 100)
        except extism.ClosedError:
            outcomes.append("closed")
        except BaseException as error:
            outcomes.append(repr(error))

    threads = [threading.Thread(target=call) for _ in range(2)]
    [thread.start() for thread in threads]
    time.sleep(worker.random.random() / 200)
    plugin.close()
    [thread.join() for thread in threads]
    expect(outcomes, ["closed"] * 2)
    return "right"


def refused(worker: Worker) -> str:
    """Modules that cannot be run."""
    engine = worker.random.choice(ENGINES)
    module, error = worker.random.choice([
        (b"\0asm\1\0\0\0\x01\xff", extism.InvalidModuleError),
        ('(module (import "no" "one" (func)))', extism.LinkError),
        ("(module (func (result i32)))", extism.InvalidModuleError),
        (worker.bytes(300), extism.Error),
        (GUEST, extism.LinkError),
    ])
    try:
        extism.Plugin(module, functions=[], engine=engine)
    except error as failure:
        return failure.kind
    raise Wrong("a module was not refused")


# Files, sleeps, requests.


def file(worker: Worker) -> str:
    held, data = worker.files[worker.random.choice(ENGINES)], worker.bytes(5000)
    expect(held.plugin.call("file", data), data)
    expect((worker.folder / "f").read_bytes(), data)
    return "right"


def printed(worker: Worker) -> str:
    held, data = worker.files[worker.random.choice(ENGINES)], worker.bytes(5000)
    held.plugin.call("print", data)
    expect(held.plugin.stdout, data)
    return "right"


def chance(worker: Worker) -> str:
    held = worker.files[worker.random.choice(ENGINES)]
    first, second = held.plugin.call("random"), held.plugin.call("random")
    expect((len(first), len(second), first == second), (32, 32, False))
    return "right"


def slept(worker: Worker) -> str:
    held, milliseconds = worker.files[worker.random.choice(ENGINES)], worker.random.randrange(10)
    start = time.monotonic()
    held.plugin.call("sleep", number(milliseconds * 1_000_000))
    if time.monotonic() - start < milliseconds / 1000:
        raise Wrong("it did not sleep")
    return "right"


def sleep_ends(worker: Worker) -> str:
    held = worker.files[worker.random.choice(ENGINES)]
    hour = number(3600 * 10**9)
    if worker.random.random() < 0.5:
        fails(held, extism.TimeoutError, "sleep", hour, timeout=0.01)
        return "time limit"
    order = worker.canceller.order(held.plugin, worker.random.random() / 100)
    fails(held, extism.CancelledError, "sleep", hour)
    order.call_off()
    return "cancelled"


def exited(worker: Worker) -> str:
    held, value = worker.files[worker.random.choice(ENGINES)], worker.random.randrange(1, 256)
    expect(fails(held, extism.ExitError, "exit", bytes([value])).code, value)
    return "right"


def request(worker: Worker, path: str) -> bytes:
    return json.dumps({"url": worker.world.server + path}).encode()


def requested(worker: Worker) -> str:
    held = worker.clients[worker.random.choice(ENGINES)]
    if worker.random.random() < 0.5:
        token = worker.token()
        expect(held.plugin.call("get", request(worker, f"/echo/{token}")), token.encode())
    else:
        length = worker.random.randrange(200_000)
        expect(held.plugin.call("get", request(worker, f"/bytes/{length}")), content(length))
    return "right"


def request_fails(worker: Worker) -> str:
    held = worker.clients[worker.random.choice(ENGINES)]
    path = worker.random.choice(["/drop", "/torn"])
    fails(held, extism.HostFunctionError, "get", request(worker, path))
    return path


def request_ends(worker: Worker) -> str:
    held, slow = worker.clients[worker.random.choice(ENGINES)], request(worker, "/slow")
    if worker.random.random() < 0.5:
        fails(held, extism.TimeoutError, "get", slow, timeout=0.02)
        return "time limit"
    order = worker.canceller.order(held.plugin, worker.random.random() / 50)
    fails(held, extism.CancelledError, "get", slow)
    order.call_off()
    return "cancelled"


#: What is done, and how often in proportion.
ACTIONS: dict[str, tuple[Callable[[Worker], str], int]] = {
    function.__name__: (function, weight)
    for function, weight in [
        (echo, 12), (hash, 6), (count, 10), (work, 6), (big, 3), (grow, 2), (variable, 6), (log, 4),
        (trap, 12), (text, 4), (code, 4), (deadline, 4), (cancelled, 4), (perhaps_cancelled, 6),
        (host, 8), (host_raises, 6), (host_reenters, 4), (host_nests, 4), (host_outlives, 2),
        (host_cancels, 3), (host_collects, 3),
        (common, 10), (common_is_cancelled, 4), (lent, 6), (renewed, 5), (renewed_files, 1),
        (closed_under_others, 1), (refused, 3),
        (file, 5), (printed, 4), (chance, 2), (slept, 1), (sleep_ends, 2), (exited, 3),
        (requested, 4), (request_fails, 2), (request_ends, 2),
    ]
}

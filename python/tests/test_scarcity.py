"""Processes that the system grants little: address space, threads, descriptors, stack. Each ends in a
clear error, or works: in processes of their own."""

import os
import subprocess
import sys
import textwrap

import pytest

import processes
from processes import output

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")

PRELUDE = """
import os, resource, sys, threading
engine = sys.argv[1]

def limit(what, soft):
    resource.setrlimit(what, (soft, resource.getrlimit(what)[1]))

def unlimit(what):
    limit(what, resource.getrlimit(what)[1])
"""

GUESTS = """
import extism
GUEST = '''(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "echo") (call $output (call $offset) (call $length)))
  (func (export "grow") (result i32)
    (i32.eq (memory.grow (i32.const 100)) (i32.const -1)))
  (func (export "last") (drop (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))
  (func (export "bounds") (drop (i32.load (i32.mul (memory.size) (i32.const 65536)))))
  (func (export "far") (drop (i32.load offset=4294967295 (i32.const -1))))
  (func (export "endless") (loop $l (br $l))))'''

def fails(plugin, error, name, **options):
    try:
        plugin.call(name, **options)
    except error as failure:
        return failure
    raise AssertionError(name)

def use(plugin):
    "All of what a plug-in does."
    assert plugin.call("echo", b"x" * 100_000) == b"x" * 100_000
    assert plugin.call("grow") == b""
    assert plugin.call("last") == b""
    for name, trap in [("bounds", "memory-out-of-bounds"), ("far", "memory-out-of-bounds"), ("deep", "stack-overflow")]:
        error = fails(plugin, extism.TrapError, name)
        assert error.trap == trap, error.trap
    fails(plugin, extism.TimeoutError, "endless", timeout=0.01)
    assert plugin.call("echo", "again") == b"again"
"""


@pytest.mark.parametrize("gigabytes", [2, 4, 6, 8, 16])
def test_little_address_space(engine, gigabytes):
    """As `ulimit -v` sets it: a dozen plug-ins work with all their memories."""
    program = PRELUDE + f"limit(resource.RLIMIT_AS, {gigabytes} << 30)" + GUESTS + """
compiled = extism.CompiledPlugin(GUEST, engine=engine)
plugins = [extism.Plugin(compiled) for _ in range(12)]
[use(plugin) for plugin in plugins]
use(extism.Plugin(GUEST, engine=engine))
print("done")
"""
    assert output(program, engine) == "done\n"


@pytest.mark.skipif(sys.platform != "linux", reason="what is left is known on Linux")
def test_more_live_plugins_than_a_limit_has_room_for(engine):
    """The error says what ran out, and there is room again when some are freed."""
    program = PRELUDE + GUESTS + """
import gc
limit(resource.RLIMIT_AS, 3 << 29)
compiled = extism.CompiledPlugin('(module (memory 200) (func (export "f")))', engine=engine, cache=False)
live = []
try:
    while True:
        live.append(extism.Plugin(compiled))
        live[-1].call("f")
except extism.EngineError as error:
    full = str(error)
assert full.startswith("the process has no address space left: its limit (`ulimit -v`) leaves "), full
del live[-10:]
gc.collect()
extism.Plugin(compiled).call("f")
print("done")
"""
    assert output(program, engine) == "done\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count mappings in another way")
def test_as_many_live_plugins_as_fit_without_reservations(engine):
    """On wasmer each memory still has a guard behind it, which is a mapping of its own; others are not counted."""
    program = PRELUDE + """
import extism
limit(resource.RLIMIT_AS, 200 << 30)
guest = '(module (memory (export "memory") 1) (func (export "f") (i32.store (i32.const 0) (i32.const 1))))'
compiled = extism.CompiledPlugin(guest, engine=engine)
live = []
for _ in range(16_000 if engine == "wasmer" else 20_000):
    live.append(extism.Plugin(compiled))
    live[-1].call("f")
print("done")
"""
    assert output(program, engine) == "done\n"


def test_a_memory_that_moves_again_and_again(engine):
    """It keeps what is in it, and what is new is 0."""
    program = PRELUDE + """
import extism
limit(resource.RLIMIT_AS, 16 << 30)
guest = '''(module (memory 1)
  (func (export "f") (local $pages i32)
    (loop $l
      (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (memory.size))
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
      (if (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))) (then unreachable))
      (local.set $pages (i32.const 1))
      (loop $m
        (if (i32.ne (i32.load (i32.sub (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 4)))
                    (local.get $pages)) (then unreachable))
        (br_if $m (i32.lt_u (local.tee $pages (i32.add (local.get $pages) (i32.const 1))) (memory.size))))
      (br_if $l (i32.lt_u (memory.size) (i32.const 300))))))'''
plugin = extism.Plugin(guest, engine=engine)
plugin.call("f")
print("done")
"""
    assert output(program, engine) == "done\n"


def test_address_space_that_shrinks(engine):
    """An engine that was set up where there was plenty ends with an error, and goes on when it is back."""
    program = PRELUDE + GUESTS + """
compiled = extism.CompiledPlugin(GUEST, engine=engine)
plugins = [extism.Plugin(compiled)]
use(plugins[0])
pages = int(open("/proc/self/statm").read().split()[0])
limit(resource.RLIMIT_AS, pages * 4096 + (1 << 30))
try:
    for _ in range(10_000):
        plugins.append(extism.Plugin(compiled))
except (extism.EngineError, extism.MemoryLimitError) as error:
    print(error)
else:
    raise AssertionError("where do they lie?")
[plugin.call("echo", "x") for plugin in plugins]
fails(plugins[0], extism.TrapError, "bounds")
unlimit(resource.RLIMIT_AS)
use(extism.Plugin(compiled))
[use(plugin) for plugin in plugins[:3]]
"""
    # An engine that reserves gigabytes fails while some of it is left.
    error = output(program, engine)
    if engine == "wasmi":
        assert error.startswith("the process has no address space left: its limit (`ulimit -v`) leaves "), error
    else:
        assert error == "the engine could not instantiate the program\n"


def test_a_large_memory_that_has_no_place(engine):
    """More than there is, from the start and by growing."""
    program = PRELUDE + "limit(resource.RLIMIT_AS, 3 << 30)" + GUESTS + """
for fields, growth in [("(memory 50000)", 0), ("(memory 1)", 50_000)]:
    text = f'(module {fields} (func (export "grow") (result i32) (memory.grow (i32.const {growth}))))'
    try:
        plugin = extism.Plugin(text, engine=engine)
    except (extism.EngineError, extism.MemoryLimitError) as error:
        assert growth == 0, error
        print("refused")
    else:
        print(fails(plugin, extism.ReturnCodeError, "grow").code)
use(extism.Plugin(GUEST, engine=engine))
"""
    assert output(program, engine) == "refused\n-1\n"


def test_no_threads(engine):
    """What needs a thread says so."""
    program = PRELUDE + GUESTS + """
compiled = extism.CompiledPlugin(GUEST, engine=engine)
before = extism.Plugin(compiled)
before.call("echo")
child = os.fork()
if child == 0:
    # The child has no threads yet. The superuser is not limited.
    if os.getuid() == 0:
        os.setresuid(65534, 65534, 65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        pass
    else:
        os._exit(77)
    try:
        extism.Plugin(GUEST, engine=engine)
    except extism.EngineError as error:
        os.write(1, f"{error}\\n".encode())
    made = extism.Plugin(compiled)
    try:
        # Neither deadlines nor Ctrl-C would end it.
        made.call("echo", "x")
    except extism.EngineError as error:
        os.write(1, f"{error}\\n".encode())
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert code in (0, 77), code
use(before)
if code == 77:
    print("not limited")
"""
    found = output(program, engine)
    if found == "not limited\n":
        pytest.skip("the system does not limit the threads of this user")
    assert found == (
        "the system gives no threads to compile on\n"
        "the system gives no thread for the watchdog of deadlines\n"
    )


def test_no_descriptors(engine, tmp_path):
    program = PRELUDE + GUESTS + f"""
folder = {str(tmp_path)!r}
manifest = {{"wasm": [{{"data": GUEST.encode()}}], "allowed_paths": {{folder: "/"}}}}
compiled = extism.CompiledPlugin(manifest, True, engine=engine)
extism.Plugin(compiled).call("echo", timeout=1)
limit(resource.RLIMIT_NOFILE, 64)
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    extism.Plugin(compiled).call("echo")
except extism.ManifestError as error:
    assert folder in str(error), error
    os.write(1, b"no folder\\n")
# wasmtime needs one to share the first state of a memory.
try:
    use(extism.Plugin(GUEST, engine=engine))
except extism.EngineError as error:
    assert "memfd" in str(error.__cause__), error
os.close(held.pop())
extism.Plugin(compiled).call("echo")
"""
    assert output(program, engine) == "no folder\n"


@pytest.mark.parametrize("kilobytes", ["256", "1024", "unlimited"])
def test_a_main_thread_with_a_small_stack(engine, kilobytes):
    program = PRELUDE + GUESTS + """
use(extism.Plugin(GUEST, engine=engine))
thread = threading.Thread(target=lambda: use(extism.Plugin(GUEST, engine=engine)))
thread.start()
thread.join()
print("done")
"""
    ended = subprocess.run(
        ["sh", "-c", f'ulimit -s {kilobytes} && exec "$0" "$@"', sys.executable, "-c", program, engine],
        env=processes.environment(),
        capture_output=True,
        text=True,
        timeout=processes.PATIENCE,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_output_that_python_has_no_memory_for(engine):
    """It is a `MemoryError`, and the plug-in goes on; so it is for what host functions ask for."""
    program = PRELUDE + """
import extism
GUEST = '''(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/user" "look" (func $look (param i64) (result i64)))
  (func (export "large") (call $output (call $alloc (i64.const 1400000000)) (i64.const 1400000000)))
  (func (export "looks") (drop (call $look (call $alloc (i64.const 1400000000)))))
  (func (export "echo") (call $output (call $offset) (call $length))))'''

seen = []
def look(plugin, inputs, outputs):
    for way in [plugin.input_bytes, plugin.input_string, plugin.input_buffer,
                lambda val: plugin.memory(plugin.memory_at_offset(val))]:
        try:
            way(inputs[0])
        except MemoryError:
            seen.append("MemoryError")
    outputs[0].value = 0

limit(resource.RLIMIT_AS, 2_500_000 << 10)
types = [extism.ValType.I64]
plugin = extism.Plugin(GUEST, functions=[extism.Function("look", types, types, look)], engine=engine)
try:
    plugin.call("large")
except MemoryError:
    print("large")
assert plugin.call("echo", b"again") == b"again"
plugin.call("looks")
print(seen)
assert plugin.call("echo", b"again") == b"again"
"""
    assert output(program, engine) == f"large\n{['MemoryError'] * 4}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="mappings are counted on Linux")
def test_more_live_plugins_than_the_system_has_room_for(engine):
    """The error says what ran out, and there is room again when some are freed."""
    body = """
    import gc
    GUEST = '(module (memory (export "memory") 1) (func (export "f")))'
    other = '(module (memory (export "memory") 2) (func (export "g")))'
    compiled = extism.CompiledPlugin(GUEST, engine=engine, cache=False)
    live = []
    full = None
    while full is None and len(live) < 40_000:
        try:
            live.append(extism.Plugin(compiled))
            live[-1].call("f")
        except extism.Error as error:
            full = error
    if full is None:
        print("there is room for 40000")
        sys.exit()
    def check(error):
        assert type(error) is extism.EngineError, repr(error)
        text = str(error)
        mappings = text.startswith("the process has no memory mappings left: it has ")
        space = text.startswith("the process has no address space left: it has ")
        assert mappings or space, text
        assert "free some" in text, text
    check(full)
    # Two memories each, and 128 TiB of addresses at most.
    least = 8_000 if engine == "wasmer:singlepass" else 15_000
    assert len(live) > least, len(live)
    try:
        # What is compiled needs room as well.
        live.append(extism.Plugin(other, engine=engine, cache=False))
    except extism.Error as error:
        check(error)
    del live[: len(live) // 2]
    gc.collect()
    with extism.Plugin(other, engine=engine, cache=False) as plugin:
        plugin.call("g")
    print("there is room again")
    """
    text = output(PRELUDE + "import extism\n" + textwrap.dedent(body), engine)
    assert text.strip() in ("there is room again", "there is room for 40000"), text

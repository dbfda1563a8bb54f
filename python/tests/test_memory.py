"""Buffers over plug-in memory: what is written to them arrives, and they end with the call."""

import sys

import pytest

import extism
from wat import THROUGH_HOST

I64 = extism.ValType.I64


def through(engine, host, data=b""):
    functions = [extism.Function("host", [I64], [I64], host)]
    return extism.Plugin(THROUGH_HOST, functions=functions, engine=engine).call("run", data)


def test_writes_reach_the_guest(engine):
    def host(plugin, params, results):
        buffer = plugin.memory(plugin.memory_at_offset(params[0]))
        assert isinstance(buffer, memoryview) and not buffer.readonly
        assert bytes(buffer) == b"hello"
        buffer[0] = ord("j")
        buffer[-1:] = b"y"
        results[0].value = params[0].value

    assert through(engine, host, "hello") == b"jelly"


def test_new_blocks_are_filled(engine):
    def host(plugin, params, results):
        block = plugin.alloc(3)
        plugin.memory(block)[:] = b"abc"
        results[0].value = block.offset

    assert through(engine, host) == b"abc"


def test_inferred_functions_have_it_too(engine):
    @extism.host_fn("host")
    def host(plugin: extism.CurrentPlugin, value: bytes) -> bytes:
        block = plugin.alloc(len(value))
        buffer = plugin.memory(block)
        buffer[:] = value[::-1]
        return plugin.input_bytes(extism.Val(I64, block.offset))

    plugin = extism.Plugin(THROUGH_HOST, functions=[host], engine=engine)
    assert plugin.call("run", "abc") == b"cba"


def test_other_methods_see_writes_at_once(engine):
    def host(plugin, params, results):
        block = plugin.memory_at_offset(params[0])
        one, two = plugin.memory(block), plugin.memory(extism.Memory(block.offset, 2))
        assert len(two) == 2
        one[0] = ord("1")
        assert two[0] == ord("1")
        two[1] = ord("2")
        assert plugin.input_bytes(params[0]) == b"12c"
        assert plugin.input_string(params[0]) == "12c"
        assert plugin.input_buffer(params[0]) == b"12c"
        one[2] = ord("3")
        results[0].value = params[0].value

    assert through(engine, host, "abc") == b"123"


def test_what_is_no_block_is_empty(engine):
    def host(plugin, params, results):
        start = params[0].value
        for offset, length in [(0, 0), (0, 5), (start + 1, 2), (2**63, 9), (2**64 - 1, 2**64 - 1)]:
            buffer = plugin.memory(extism.Memory(offset, length))
            assert len(buffer) == 0
        # Longer than the block is.
        assert len(plugin.memory(extism.Memory(start, 2**64 - 1))) == 3
        results[0].value = start

    assert through(engine, host, "abc") == b"abc"


def test_freed_blocks_are_not_written(engine):
    def host(plugin, params, results):
        block = plugin.alloc(4)
        buffer = plugin.memory(block)
        buffer[:] = b"old!"
        plugin.free(block)
        with pytest.raises(ValueError, match="released"):
            buffer[0] = 1
        assert len(plugin.memory(block)) == 0
        again = plugin.alloc(4)
        plugin.memory(again)[:] = b"new!"
        results[0].value = again.offset

    assert through(engine, host) == b"new!"


def test_it_ends_with_the_call(engine):
    kept = []

    def host(plugin, params, results):
        buffer = plugin.memory(plugin.memory_at_offset(params[0]))
        kept.extend([buffer, buffer[1:], memoryview(plugin.memory(plugin.memory_at_offset(params[0])))])
        results[0].value = params[0].value
        if plugin.host_context():
            raise ValueError

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
    assert plugin.call("run", "abc") == b"abc"
    with pytest.raises(ValueError, match="released"):
        kept[0][0]
    # What was made of it is a copy from now on.
    for derived in kept[1:]:
        derived[0] = ord("x")
    assert plugin.call("run", "abc") == b"abc"
    kept.clear()
    with pytest.raises(extism.HostFunctionError):
        plugin.call("run", "abc", host_context=True)
    with pytest.raises(ValueError, match="released"):
        kept[0][0]


def test_it_leaves_nothing_behind(engine):
    def host(plugin, params, results):
        for _ in range(10):
            plugin.memory(plugin.memory_at_offset(params[0]))[0] = 1
        results[0].value = params[0].value

    functions = [extism.Function("host", [I64], [I64], host)]
    plugin = extism.Plugin(THROUGH_HOST, functions=functions, engine=engine)
    plugin.call("run", b"abc")
    before = sys.getallocatedblocks()
    for _ in range(200):
        plugin.call("run", b"abc")
    assert sys.getallocatedblocks() - before < 100

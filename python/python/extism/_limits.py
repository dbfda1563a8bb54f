"""What modules may cost and plug-ins may have: `Limits`.

Names and defaults are those of `Bounds` in Rust, where they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ._native import default_limits

_DEFAULTS: Final = default_limits()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that a plug-in may have, for `limits=` of `Plugin` and `CompiledPlugin`.

    Those that count parts of a module are there because a small module can cost a compiler minutes and
    gigabytes; what has more is an `InvalidModuleError`. They hold for each module of a plug-in. The
    defaults let large programs pass, CPython included. How long calls take is limited by `timeout`, how
    much they do by `fuel`, and variables, HTTP responses and pages by the manifest.
    """

    memory_pages: int = _DEFAULTS["memory_pages"]
    """Pages of 64 KiB that all memories of the plug-in may have together, if `max_pages` of the manifest
    does not say it. Growing beyond fails in the guest; more at the start is a `MemoryLimitError`."""

    table_elements: int = _DEFAULTS["table_elements"]
    """Elements that all tables of the plug-in may have together. What this leaves after the start is
    shared equally by the tables that can grow, and growing beyond fails in the guest."""

    module_bytes: int = _DEFAULTS["module_bytes"]
    """Bytes of a module."""

    types: int = _DEFAULTS["types"]
    """Types."""

    signature: int = _DEFAULTS["signature"]
    """Parameters and results together of one function type."""

    all_signatures: int = _DEFAULTS["all_signatures"]
    """Parameters and results together of all types."""

    imports: int = _DEFAULTS["imports"]
    """Imports."""

    exports: int = _DEFAULTS["exports"]
    """Exports."""

    functions: int = _DEFAULTS["functions"]
    """Functions, without those that are imported."""

    function_bytes: int = _DEFAULTS["function_bytes"]
    """Bytes of the code of one function."""

    indirect_calls: int = _DEFAULTS["indirect_calls"]
    """Indirect calls in the code of all functions."""

    call_values: int = _DEFAULTS["call_values"]
    """Parameters and results of what is called, for all calls in the code, and values that branches take to each of
    their targets, unless these have a type without an index."""

    block_values: int = _DEFAULTS["block_values"]
    """Parameters and results of all blocks in the code that have a type with an index."""

    locals: int = _DEFAULTS["locals"]
    """Parameters and locals together of one function."""

    all_locals: int = _DEFAULTS["all_locals"]
    """Parameters and locals together of all functions."""

    nesting: int = _DEFAULTS["nesting"]
    """Blocks, loops and the like inside each other in one function."""

    loops: int = _DEFAULTS["loops"]
    """Loops inside each other in one function."""

    block_locals: int = _DEFAULTS["block_locals"]
    """Parameters and locals of one function times the blocks and loops in it."""

    all_block_locals: int = _DEFAULTS["all_block_locals"]
    """As `block_locals`, of all functions together."""

    loop_locals: int = _DEFAULTS["loop_locals"]
    """Locals of one function, each as often as there are loops in which it is set."""

    all_loop_locals: int = _DEFAULTS["all_loop_locals"]
    """As `loop_locals`, of all functions together."""

    globals: int = _DEFAULTS["globals"]
    """Globals, with those that are imported."""

    memories: int = _DEFAULTS["memories"]
    """Memories, with those that are imported."""

    tables: int = _DEFAULTS["tables"]
    """Tables, with those that are imported."""

    element_segments: int = _DEFAULTS["element_segments"]
    """Element segments."""

    data_segments: int = _DEFAULTS["data_segments"]
    """Data segments."""

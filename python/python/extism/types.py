"""The low-level values of host functions with an explicit signature."""

from enum import IntEnum

from ._native import Memory, Val

__all__ = ["Memory", "Val", "ValType"]


class ValType(IntEnum):
    """The types of WebAssembly values.

    Host functions take and return `I32`, `I64`, `F32` and `F64`. `PTR` is an alias of `I64`, for handles of blocks of
    plug-in memory.
    """

    # The alias comes second, so that the member keeps its own name.
    I32 = 0
    I64 = 1
    PTR = 1
    F32 = 2
    F64 = 3
    V128 = 4
    FUNC_REF = 5
    EXTERN_REF = 6

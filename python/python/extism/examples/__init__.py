"""Small plug-ins that come with the package, to try it and to test with.

>>> import extism
>>> with extism.Plugin(extism.examples.count_vowels()) as plugin:
...     plugin.call("count_vowels", "Hello, World!")
b'{"count": 3, "total": 3, "vowels": "aeiouAEIOU"}'

Their source, `count_vowels.c`, is in the same folder. With `pip install ziglang==0.17.1` it is built by
`python -m ziglang cc -target wasm32-freestanding -Os -s -nostdlib -Wl,--no-entry count_vowels.c -o count_vowels.wasm`,
and `call_host.wasm` by the same command with `-DCALL_HOST`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["call_host", "count_vowels"]

_FOLDER = Path(__file__).parent


def count_vowels() -> Path:
    """Returns the path of a plug-in that counts vowels.

    It exports `count_vowels`: text in, JSON out. The configuration key `vowels` says which letters count.
    The variable `total` adds up the counts of all calls.

    Returns:
        The path of the module.
    """
    return _FOLDER / "count_vowels.wasm"


def call_host() -> Path:
    """Returns the path of a plug-in that calls a host function.

    It exports `call_host`, which passes its input to the host function `hello_world` and returns the answer.

    Returns:
        The path of the module.
    """
    return _FOLDER / "call_host.wasm"

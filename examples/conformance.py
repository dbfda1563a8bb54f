"""Do the engines agree on a real plug-in? Prints a report, and exits with 1 if they do not.

The plug-in was built with the official AssemblyScript PDK (sources in tests/guests/assemblyscript).
`python examples/conformance.py wasmtime wasmer` compares these two; without names, all that are
built in.
"""

import sys
from pathlib import Path

import extism

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "tests/guests/assemblyscript/as_pdk.wasm"
CALLS = [
    ("count_vowels", "Hello, World!"),
    # The plug-in adds up its counts in a variable.
    ("count_vowels", (ROOT / "LICENSE").read_text(encoding="ascii")),
    ("call_host", "hello from the guest"),
    ("echo", bytes(range(256))),
]


@extism.host_fn(signature=([extism.ValType.I64], [extism.ValType.I64]))
def hello_world(plugin, params, results):
    """What the plug-in imports as `hello_world`: text in, text out."""
    text = plugin.input_string(params[0])
    plugin.log("info", f"the guest says {text}")
    plugin.return_string(results[0], text.upper())


def main(engines: list[str]) -> int:
    report = extism.compare(
        PLUGIN, CALLS, engines or None, config={"vowels": "aeiouyAEIOUY"}, timeout=60
    )
    print(report, end="")
    return 0 if report.equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

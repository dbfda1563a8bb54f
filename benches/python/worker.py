"""A process that measures for one side: `plugins` (this package or the SDK) or `alone`.

Each line of its input is a request, each line of its output the answer, both JSON:
`["prepare", ENGINE, CASE]` is answered by the number of repeats of a round, or null if the side has
nothing for the case; `["measure"]` by the figure of one round; `["versions"]` by what is measured.
"""

import importlib.metadata
import json
import sys

from actions import Missing


def versions() -> dict[str, str]:
    names = ("extism", "extism-sys", "polyextism", "wasmtime")
    found = {name: version(name) for name in names}
    return {name: number for name, number in found.items() if number is not None}


def version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def side(kind: str, engine: str):
    if kind == "plugins":
        from plugins import Plugins

        return Plugins(engine)
    from alone import Alone

    return Alone()


def main(kind: str) -> None:
    action, repeats = None, 0
    for line in sys.stdin:
        answer: object
        match json.loads(line):
            case ["prepare", engine, case]:
                # What the last case has made is free before the next one begins.
                action = None
                try:
                    action = side(kind, engine).action(case)
                    answer = repeats = action.repeats()
                except Missing:
                    answer = None
            case ["measure"]:
                answer = action.measure(repeats)
            case ["versions"]:
                answer = versions()
            case request:
                raise ValueError(f"unknown request {request}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

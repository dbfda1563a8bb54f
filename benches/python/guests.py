"""What guests cost beside their engine alone, as Markdown: `python guests.py guests.json`, which `make bench` has
the Rust benchmark `guests` write. The table is printed, and written beside the file."""

import json
import math
import sys
from pathlib import Path

import machine

Ways = dict[str, float]
"""Seconds by way to run a guest on one engine."""

Group = dict[str, dict[str, Ways]]
"""By guest and engine."""

RAW = "raw"
WAYS = {"epochs": "its own interruption", "plain": "no limit", "deadline": "time limit", "fuel": "fuel"}
"""The ways beside the engine alone, and what the tables call them."""


def markdown(groups: dict[str, Group], described: dict[str, object]) -> str:
    """Three kinds of tables: polyextism beside each engine, the engines beside the first, then every guest."""
    engines = list(dict.fromkeys(engine for group in groups.values() for ways in group.values() for engine in ways))
    engines.sort(key=["wasmtime", "wasmtime:winch", "wasmer", "wasmer:singlepass", "wasmi"].index)
    lines = [
        f"{described['cpu']}, {described['cores']} cores, {described['system']}; load {described['load']} at the end; "
        f"commit {described['commit']}.",
        "",
        "Ratios of times in one run, all sides in turns; the fastest of all rounds, the geometric mean over three "
        "layouts of the code. The tables of engines have geometric means over guests, and in brackets the worst guest. "
        "Every result is checked.",
        "",
        "## polyextism beside the engine alone",
        "",
        "The engine alone is as it is by default, without any check; 1.00 is its time.",
        "",
        "| engine | guests | " + " | ".join(WAYS.values()) + " |",
        "|---" * (2 + len(WAYS)) + "|",
    ]
    for engine in engines:
        for name, group in groups.items():
            cells = [summary(ratios(group, (engine, RAW), (engine, way))) for way in WAYS]
            lines.append(f"| {engine} | {len(group)} {name} | " + " | ".join(cells) + " |")
    base = engines[0]
    lines += [
        "",
        f"## Engines alone beside {base} alone",
        "",
        "| guests | " + " | ".join(engines[1:]) + " |",
        "|---" * len(engines) + "|",
    ]
    for name, group in groups.items():
        cells = [summary(ratios(group, (base, RAW), (engine, RAW))) for engine in engines[1:]]
        lines.append(f"| {len(group)} {name} | " + " | ".join(cells) + " |")
    for name, group in groups.items():
        lines += ["", f"## Each of the {name}", "", *each(group, engines)]
    return "\n".join(lines) + "\n"


def each(group: Group, engines: list[str]) -> list[str]:
    """Each guest: milliseconds of the first engine alone, of the others the ratio; below, a time limit and fuel."""
    base = engines[0]
    lines = [
        f"Milliseconds of {base} alone, ratios to it of the others alone; below, a time limit and fuel beside the "
        "same engine alone.",
        "",
        "| guest | " + " | ".join(engines) + " |",
        "|---" * (1 + len(engines)) + "|",
    ]
    for guest, found in group.items():
        first = found[base][RAW]
        cells = []
        for engine in engines:
            ways = found.get(engine, {})
            raw = ways.get(RAW)
            if raw is None:
                cells.append("–")
                continue
            alone = f"{1000 * first:.2f} ms" if engine == base else f"{raw / first:.2f}"
            own = [f"{ways[way] / raw:.2f}" if way in ways else "–" for way in ("deadline", "fuel")]
            cells.append(f"{alone}<br>{' · '.join(own)}")
        lines.append(f"| {guest} | " + " | ".join(cells) + " |")
    return lines


def ratios(group: Group, base: tuple[str, str], other: tuple[str, str]) -> list[float]:
    """Of all guests that both can run."""
    found = [(ways.get(base[0], {}).get(base[1]), ways.get(other[0], {}).get(other[1])) for ways in group.values()]
    return [second / first for first, second in found if first is not None and second is not None]


def summary(values: list[float]) -> str:
    if not values:
        return "–"
    mean = math.exp(sum(map(math.log, values)) / len(values))
    return f"{mean:.2f} ({max(values):.2f})"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    text = markdown(json.loads(file.read_text(encoding="utf-8")), machine.describe())
    file.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)

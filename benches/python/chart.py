"""Draws a run: bars by engine on a log scale, as PNG and SVG. Needs matplotlib.

Usage: chart.py FILE.json
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from report import Run, read_json, short

DRAWN = ("noop", "host", "echo-65536", "echo-1048576", "first-call", "load-warm")
COLOURS = {
    "Extism SDK": "#9aa0a6",
    "wasmtime-py": "#c9ccd1",
    "wasmtime": "#4c3fb1",
    "wasmtime:winch": "#9b92e0",
    "wasmer": "#0b7a75",
    "wasmer:singlepass": "#74c2bd",
}
OTHER = "#b5651d"


def draw(run: Run, path: Path) -> None:
    """Writes `path` with the suffixes `.png` and `.svg`."""
    cases = [case for case in run.cases if case.name in DRAWN]
    groups = list(run.groups)
    pyplot.rcParams.update({"font.size": 9, "svg.hashsalt": "polyextism", "svg.fonttype": "none"})
    rows = -(-(len(cases) + len(groups)) // 2)
    figure, axes = pyplot.subplots(rows, 2, figsize=(10, 0.6 + 1.95 * rows), squeeze=False)
    flat = list(axes.flat)
    for axis, case in zip(flat, cases, strict=False):
        panel(axis, run, case)
    for axis, group in zip(flat[len(cases) :], groups, strict=False):
        guests_panel(axis, run, group)
    for axis in flat[len(cases) + len(groups) :]:
        axis.set_axis_off()
    machine = run.machine
    figure.suptitle("What it takes from Python (microseconds, log scale, shorter is better)", y=0.995)
    figure.text(
        0.5,
        0.005,
        f"medians, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; "
        "in brackets: times faster than the Extism Python SDK; guests: geometric means, the SDK is 1",
        ha="center",
        va="bottom",
        fontsize=8,
        color="#555555",
    )
    figure.tight_layout(rect=(0, 0.03, 1, 0.99))
    figure.savefig(path.with_suffix(".png"), dpi=150)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    pyplot.close(figure)


def panel(axis, run: Run, case) -> None:
    figures = run.figures[case.name]
    sides = [side for side in reversed(run.sides) if side in figures]
    values = [figures[side].median for side in sides]
    colours = [COLOURS.get(side, OTHER) for side in sides]
    bars = axis.barh(sides, values, color=colours, height=0.72, log=True)
    labels = []
    for side, value in zip(sides, values, strict=True):
        ratio = run.ratio(case, side)
        labels.append(short(value) if ratio is None else f"{short(value)}  ({short(ratio)}×)")
    axis.bar_label(bars, labels, padding=3, fontsize=8)
    axis.set_xlim(min(values) / 3, max(values) * 12)
    finish(axis, case.title)


def guests_panel(axis, run: Run, group: str) -> None:
    """What guests take, beside the SDK."""
    means = {side: run.mean(group, side) for side in reversed(run.sides)}
    found = {side: mean for side, mean in means.items() if mean is not None}
    if "Extism SDK" in run.sides:
        found["Extism SDK"] = 1.0
    colours = [COLOURS.get(side, OTHER) for side in found]
    bars = axis.barh(list(found), list(found.values()), color=colours, height=0.72)
    labels = [f"{short(mean)}  ({short(1 / mean)}×)" for mean in found.values()]
    axis.bar_label(bars, labels, padding=3, fontsize=8)
    axis.set_xlim(0, 1.3 * max(found.values()))
    finish(axis, f"guests that compute: {len(run.groups[group])} {group} (linear scale)")


def finish(axis, title: str) -> None:
    axis.set_title(title, fontsize=9, loc="left", fontweight="bold")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", length=0)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    draw(read_json(file), file)

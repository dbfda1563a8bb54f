"""The figures of a run: as JSON for programs, as Markdown for people."""

import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from cases import CASES, Case


@dataclass(frozen=True)
class Figure:
    """What the rounds of one case on one side have shown."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, rounds: list[float]) -> "Figure":
        return cls(statistics.median(rounds), min(rounds), max(rounds), len(rounds))


@dataclass(frozen=True)
class Run:
    """Everything that a run has found: figures by case and side."""

    machine: dict[str, object]
    versions: dict[str, str]
    sides: list[str]
    figures: dict[str, dict[str, Figure]]

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if case.name in self.figures]

    def ratio(self, case: Case, side: str) -> float | None:
        """How many times better than the SDK a side is."""
        figures = self.figures[case.name]
        sdk, own = figures.get("Extism SDK"), figures.get(side)
        if sdk is None or own is None or side == "Extism SDK" or not own.median:
            return None
        return own.median / sdk.median if case.unit == "x" else sdk.median / own.median

    @property
    def groups(self) -> dict[str, list[Case]]:
        """The guests that compute, by group."""
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            if case.group is not None:
                found.setdefault(case.group, []).append(case)
        return found

    def mean(self, group: str, side: str) -> float | None:
        """The geometric mean of the times that guests take, in those of the SDK."""
        ratios = [self.ratio(case, side) for case in self.groups[group]]
        logarithms = [-math.log(ratio) for ratio in ratios if ratio is not None]
        return math.exp(statistics.fmean(logarithms)) if logarithms else None


def write_json(run: Run, path: Path) -> None:
    """Every figure with its spread and its ratio."""
    figures = {
        case.name: {
            "title": case.title,
            "unit": case.unit,
            "sides": {
                side: {**vars(figure), "times_better_than_sdk": run.ratio(case, side)}
                for side, figure in run.figures[case.name].items()
            },
        }
        for case in run.cases
    }
    data = {
        "machine": run.machine,
        "versions": run.versions,
        "sides": run.sides,
        "cases": figures,
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Run:
    """What `write_json` has written."""
    data = json.loads(path.read_text(encoding="utf-8"))
    names = ("median", "low", "high", "rounds")
    figures = {
        case: {side: Figure(*(found[name] for name in names)) for side, found in one["sides"].items()}
        for case, one in data["cases"].items()
    }
    return Run(data["machine"], data["versions"], data["sides"], figures)


def markdown(run: Run) -> str:
    """A table: medians, the spread of the rounds, and in bold how many times better than the SDK."""
    machine = run.machine
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"load {machine['load']} at the start; two processes compute {machine['two_processes']} times as much as "
        f"one; commit {machine['commit']}.",
        f"{versions}.",
        "",
        "Medians of the rounds, below them the fastest and the slowest round; in bold how many times better "
        "than the Extism SDK. All sides measure in turns, in one run; every result is checked. Times are "
        "microseconds unless the case says otherwise.",
        "",
        "| case | " + " | ".join(run.sides) + " |",
        "|---" * (len(run.sides) + 1) + "|",
    ]
    for case in run.cases:
        if case.group is not None:
            continue
        cells = [cell(run, case, side) for side in run.sides]
        unit = {"us": "", "KiB": " (KiB)", "x": " (× one thread)"}[case.unit]
        lines.append(f"| {case.title}{unit} | " + " | ".join(cells) + " |")
    for group, cases in run.groups.items():
        lines += [
            "",
            f"Guests that compute, {group}, with a time limit (wasmtime-py: without interruption).",
            "",
            f"| {group} | " + " | ".join(run.sides) + " |",
            "|---" * (len(run.sides) + 1) + "|",
        ]
        lines += [
            f"| {case.title} | " + " | ".join(cell(run, case, side) for side in run.sides) + " |" for case in cases
        ]
        means = [run.mean(group, side) for side in run.sides]
        cells = ["–" if mean is None else f"**{short(1 / mean)}×**" for mean in means]
        lines.append("| geometric mean | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(run: Run, case: Case, side: str) -> str:
    figure = run.figures[case.name].get(side)
    if figure is None:
        return "–"
    ratio = run.ratio(case, side)
    bold = "" if ratio is None else f" **{short(ratio)}×**"
    return f"{short(figure.median)}{bold}<br>{short(figure.low)}–{short(figure.high)}"


def short(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"

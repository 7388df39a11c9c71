"""The published page, made anew from all cells there are."""

import json
from pathlib import Path

import numpy as np

from calibration.cells import CELLS
from calibration.simulation import CHAINS, DRAWS, RANKED
from calibration.verdict import INTERVAL, LEVEL, Record, calibrated, worst

_INTRO = """# Results

Made by `make calibrate`; [calibration/README.md](../README.md) says how, and how to read it.

![Empirical minus uniform distribution of ranks, a panel for each cell](ecdf.png)

Each line is a quantity's ranks. Dark: the cell's own 95% band for all of its lines; light: that of
the table, for all lines of all cells.
"""
_HEAD = (
    "| cell | simulations | method | least uniform | p | within bands | own 95% | "
    f"{INTERVAL:.0%} intervals hold | divergent fits | longer fits | warned | failed | a fit |"
)
_RULE = "|" + "---|" * 13


def render(records: list[Record]) -> str:
    """Write the page of all results."""
    order = {name: place for place, name in enumerate(CELLS)}
    records = sorted(records, key=lambda record: order[record["cell"]])
    lines = [_INTRO, _HEAD, _RULE, *(_line(record, len(records)) for record in records), ""]
    lines += [*_together(records), *_heard(records), *_machines(records)]
    return "\n".join(lines)


def read_all(folder: Path) -> list[Record]:
    """Read the result of every cell in a folder."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def _line(record: Record, n_cells: int) -> str:
    methods = ", ".join(f"{name} {n}" for name, n in record["methods"].items())
    covered = record["covered"].values()
    held = f"{min(covered):.1%} to {max(covered):.1%}" if covered else ""
    divergent = f"{record['divergent_fits']}"
    if record["divergences"]:
        divergent += f" ({record['divergences']:,} draws)"
    cells = (
        record["cell"],
        record["simulations"],
        methods,
        worst(record),
        f"{record['p']:.2g}",
        "yes" if calibrated(record, n_cells) else "**no**",
        "yes" if record["p"] > LEVEL else "no",
        held,
        divergent,
        record["longer"],
        record["warned_fits"],
        sum(record["failures"].values()),
        f"{1e3 * record['median_s']:.3g} ms",
    )
    return "| " + " | ".join(str(one) for one in cells) + " |"


def _together(records: list[Record]) -> list[str]:
    n = len(records)
    outside = [record["cell"] for record in records if not calibrated(record, n)]
    own = [record["cell"] for record in records if record["p"] <= LEVEL]
    fewest = min(record["simulations"] for record in records)
    error = np.sqrt(INTERVAL * (1 - INTERVAL) / fewest)
    missing = [name for name in CELLS if name not in {record["cell"] for record in records}]
    lines = [
        f"`p` is a cell's, over its quantities together (Bonferroni). {n} cells at a level of "
        f"{LEVEL:.0%}/{n} each: if all are calibrated, none is outside the bands with probability "
        f"at least {1 - LEVEL:.0%}. Outside: {_list(outside)}.",
        "",
        f"Of {n} calibrated cells up to {LEVEL * n:.1f} are expected outside their own "
        f"{1 - LEVEL:.0%} bands by chance. Found: {len(own)} ({_list(own)}).",
        "",
        f"The truth's rank is taken among {RANKED} draws, thinned from {CHAINS} x {DRAWS:,} (from "
        f"more in longer fits). The standard error of a coverage of {INTERVAL:.0%} is {error:.1%}; "
        "smallest and largest over a cell's quantities are shown.",
        "",
    ]
    return lines + ([f"Not run: {', '.join(missing)}.", ""] if missing else [])


def _heard(records: list[Record]) -> list[str]:
    """List all warnings and failures, and how often each came."""
    lines = [
        f"- {record['cell']}, {kind} {n} times: {text}"
        for record in records
        for kind, found in (("warned", record["warnings"]), ("failed", record["failures"]))
        for text, n in found.items()
    ]
    return ["## Warnings and failures", "", *lines, ""] if lines else []


def _machines(records: list[Record]) -> list[str]:
    said: dict[str, list[str]] = {}
    for record in records:
        machine = record["machine"]
        packages = ", ".join(
            f"{name} {machine['packages'][name]}" for name in ("bayesglm", "numpy", "nutpie")
        )
        text = (
            f"{record['date']}; {machine['processor']}, {machine['cores']} cores, "
            f"{machine['system']}; Python {machine['python']}, {packages}"
        )
        said.setdefault(text, []).append(record["cell"])
    wall = sum(record["wall_s"] for record in records) / 60
    lines = [
        f"{text}{'' if len(said) == 1 else ': ' + ', '.join(cells)}."
        for text, cells in said.items()
    ]
    return [*lines, f"All cells together took {wall:.0f} minutes.", ""]


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"

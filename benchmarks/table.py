"""The Markdown tables, made anew from all results there are."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.race import OURS

_HEAD = "| solver | setting | median | runs | gap | peak memory | peer / ours |"
_RULE = "|---|---|---|---|---|---|---|"
_SAMPLING = "| sampler | median | runs | smallest ESS | ESS per second | furthest | ours / peer |"
_INTRO = """# Results

Made by `make bench`; [benchmarks/README.md](../README.md) says by which rules. `gap`: how far above
the best objective found by anyone, relative. `furthest`: of all means and standard deviations, from
those of a long reference run, in Monte-Carlo errors. Every solver first fitted a tiny data set, so
that nothing is compiled or imported at the first timed call, except where a case says so.
"""


def render(records: list[dict[str, Any]]) -> str:
    """Write the page of all results."""
    return "\n".join([_INTRO, *(_case(record) for record in records)])


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Read every result in a folder, in the order of the names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def _case(record: dict[str, Any]) -> str:
    lines = [f"## {record['case']}", "", record["work"], ""]
    for contest in record["contests"]:
        sampling = contest.get("kind") == "sampling"
        lines += [f"### {contest['title']}", "", _SAMPLING if sampling else _HEAD, _RULE]
        mine = next((row for row in contest["rows"] if row["solver"] == OURS), {})
        line = _sampling_line if sampling else _line
        lines += [line(row, mine) for row in contest["rows"]]
        lines += ["", *(_verdict(one) for one in contest["verdicts"]), ""]
    lines += [*(_verdict(one) for one in record["verdicts"]), ""] if record["verdicts"] else []
    return "\n".join([*lines, _machine(record["machine"], record["date"]), ""])


def _name(row: dict[str, Any]) -> str:
    return f"**{row['solver']}**" if row["solver"].startswith(OURS) else row["solver"]


def _sampling_line(row: dict[str, Any], mine: dict[str, Any]) -> str:
    far = f"{row['furthest']:.1f}" if "furthest" in row else ""
    if row["status"] != "timed":
        return f"| {_name(row)} | {row['status']} | | | | {far} | |"
    ratio = ""
    if mine.get("status") == "timed" and row["solver"] != OURS:
        ratio = f"{mine['ess_per_s'] / row['ess_per_s']:.3g}"
    return (
        f"| {_name(row)} | {_seconds(row['median_s'])} | {len(row['seconds'])} | "
        f"{median(row['ess']):,.0f} | {row['ess_per_s']:,.0f} | {far} | {ratio} |"
    )


def _line(row: dict[str, Any], mine: dict[str, Any]) -> str:
    name = _name(row)
    gap = row.get("gap")
    reached = "" if gap is None else f"{gap:.1e}"
    if row["status"] != "timed":
        return f"| {name} | {row['status']} | | | {reached} | | |"
    ratio = ""
    if mine.get("status") == "timed" and row["solver"] != OURS:
        ratio = f"{row['median_s'] / mine['median_s']:.3g}"
    peak = f"{row['peak_mb']} MB" if row.get("peak_mb") else ""
    return (
        f"| {name} | {row.get('setting', '')} | {_seconds(row['median_s'])} | "
        f"{max(1, len(row['seconds']))} | {reached} | {peak} | {ratio} |"
    )


def _seconds(value: float) -> str:
    return f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def _verdict(one: dict[str, Any]) -> str:
    word = {True: "met", False: "not met", None: "not decided"}[one["met"]]
    return f"- Bar: {one['bar']}. Found: {one['figure']}. **{word[0].upper() + word[1:]}**."


def _machine(machine: dict[str, Any], date: str) -> str:
    packages = [f"{name} {found}" for name, found in machine["packages"].items()]
    packages += [f"R {name} {found}" for name, found in machine["r"].items()]
    limits = "".join(f", {name}={value}" for name, value in machine["threads_set"].items())
    return (
        f"{date}; {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}{limits}; Python {machine['python']}, {', '.join(packages)}."
    )

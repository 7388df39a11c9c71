"""Whether a bar falls."""

from collections.abc import Callable
from typing import Any

from benchmarks.race import OURS, Row


def verdict(bar: str, figure: str, met: bool | None) -> dict[str, Any]:
    """Make a verdict; `met` is None where it cannot be decided."""
    return {"bar": bar, "figure": figure, "met": met}


def ours(rows: list[Row]) -> Row:
    """Return our row."""
    return next(row for row in rows if row["solver"] == OURS)


def ratio_verdict(
    rows: list[Row], least: float, bar: str, peer: Callable[[str], bool] = lambda name: True
) -> dict[str, Any]:
    """Compare the fastest of the peers that reached the optimum with ours."""
    mine = ours(rows)
    if mine["status"] != "timed":
        return verdict(bar, f"bayesglm: {mine['status']}", False)
    peers = [
        row
        for row in rows
        if row["status"] == "timed" and row["solver"] != OURS and peer(row["solver"])
    ]
    if not peers:
        return verdict(bar, "no peer reached the optimum", None)
    fastest = min(peers, key=lambda row: row["median_s"])
    ratio = fastest["median_s"] / mine["median_s"]
    return verdict(bar, f"{ratio:.3g} times as fast as {fastest['solver']}", ratio >= least)

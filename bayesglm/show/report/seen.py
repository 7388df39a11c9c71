"""What the draws of every fit foretell of its own data, for checks and pictures, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayesglm.inference.tree.opened import reopen
from bayesglm.results.check import CheckedUnit, check_beside
from bayesglm.results.scores.loo import relative_efficiency
from bayesglm.show.report import traces
from bayesglm.show.report.traces import Along, Traces

if TYPE_CHECKING:
    import xarray as xr

DRAWS, FEWEST_DRAWS = 200, 50  # of each fit; fewer, so many at least, of large populations: chosen
MOST_NUMBERS = 30_000_000  # rows times draws of all units of a fit that are looked at: chosen
MAKERS = {
    "distribution": traces.distribution,
    "calibration": traces.calibration,
    "residual_means": traces.residual_means,
    "stretch": traces.stretch,
    "along_time": traces.along_time,
    "rescaling": traces.rescaling,
    "autocorrelation": traces.autocorrelation,
    "pit": traces.pit,
}


@dataclass(frozen=True)
class Seen:
    """A fit's check, and the traces of each unit by what they show.

    ``labels`` are those of the units of a ``population``; of one response one that is empty.
    """

    check: xr.DataTree
    units: tuple[Mapping[str, Traces], ...]
    labels: tuple[str, ...]
    population: str | None
    step: float | None

    @property
    def draws(self) -> int:
        """How many posterior draws were looked at."""
        return int(self.check.attrs["draws"])


def look(fit: xr.DataTree, bins: dict[int, traces.Bins]) -> Seen:
    """Go once through the rows of each unit; bins are those of fits that were looked at before."""
    problems = reopen(fit)
    rows = sum(one.design.n_rows for one in problems)
    draws = min(DRAWS, max(FEWEST_DRAWS, MOST_NUMBERS // max(1, rows)))
    drawn = "posterior" in fit.children
    cheap = drawn and rows * draws <= traces.MOST_LEFT_OUT
    efficiency = relative_efficiency(fit["posterior"].to_dataset()) if cheap else 1.0
    along = Along(bins, cheap, efficiency)

    def of_unit(one: CheckedUnit) -> Mapping[str, Traces]:
        return {name: make(one, along) for name, make in MAKERS.items()}

    tree, units = check_beside(fit, of_unit, draws=draws)
    plan = problems[0].plan
    labels = ("",) if plan.labels is None else tuple(map(str, plan.labels))
    return Seen(tree, tuple(units), labels, plan.population, plan.step)

"""Leave-one-out scores for a report: by so many draws, or samples, as seconds allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bayesglm.inference.tree.opened import reopen
from bayesglm.results.scores.loo import loo
from bayesglm.show.predictive import thin

if TYPE_CHECKING:
    import xarray as xr

MOST_DENSITIES = (
    400_000_000  # rows times draws of a fit that are computed: chosen, some ten seconds
)
FEWEST_DRAWS = 400  # whatever the rows: tails of weights need some; chosen
# Samples (of all units) beyond which some are left out, and how many then: chosen; a Pareto
# distribution is fitted to the weights of each.
MOST_SAMPLES, SUBSAMPLE = 300_000, 20_000


def scored(fits: Mapping[str, xr.DataTree]) -> tuple[dict[str, Any], list[str]]:
    """Return the scores of fits with a posterior, and what is to be said of how they were made."""
    drawn = {name: fit for name, fit in fits.items() if "posterior" in fit.children}
    rows = {name: n_rows(fit) for name, fit in drawn.items()}
    # Where models have the same samples the same are drawn.
    alike = len(set(rows.values())) == 1
    subsample = SUBSAMPLE if alike and max(rows.values()) > MOST_SAMPLES else None
    elpd, said = {}, []
    for name, fit in drawn.items():
        some, note = some_draws(fit, min(rows[name], subsample or rows[name]), MOST_DENSITIES)
        elpd[name] = loo(some, subsample)
        of_some = f"{subsample:,} of {rows[name]:,} samples, drawn by chance" if subsample else ""
        how = ", and ".join(filter(None, (of_some, note)))
        said += [f"{name} is scored by {how}."] if how else []
    return elpd, said


def n_rows(fit: xr.DataTree) -> int:
    """Return how many responses a fit has, of all its units."""
    return sum(one.design.n_rows for one in reopen(fit))


def some_draws(fit: xr.DataTree, rows: int, most: int) -> tuple[xr.DataTree, str]:
    """Return a fit of so many draws that these times rows are no more than ``most``.

    There are some at least; and of how many of all, in words, where they are not all.
    """
    posterior = fit["posterior"].to_dataset()
    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    asked = max(FEWEST_DRAWS, most // max(1, rows))
    if draws <= asked:
        return fit, ""
    few = thin(fit, asked)
    kept = few["posterior"].sizes["chain"] * few["posterior"].sizes["draw"]
    return few, "" if kept == draws else f"{kept:,} of {draws:,} draws, evenly spaced"

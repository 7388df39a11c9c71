"""Scores that say how they were come by: ArviZ's own types, with words and Monte-Carlo errors."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from arviz_stats.utils import ELPDDataLOO

from bayesglm.results.scores.kfold_data import KFold

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

WIDTH = 88  # characters of a line


@dataclass(kw_only=True, repr=False)
class Scored(ELPDDataLOO):
    """The elpd of units left out one by one, each by the rung of the ladder that it needed.

    Attributes
    ----------
    why : str
        What was done, and why.
    doubts : tuple of str
        What speaks against the number, or against the question.
    mcse : float
        Monte-Carlo standard error of ``elpd``; of closed forms that of the rule over sigma.
    mcse_i : DataArray
        The same of ``elpd_i``.
    rung_i : DataArray
        The rung that told each: ``"psis"``, ``"exact"``, ``"integrated"``, ``"mixture"``,
        ``"modes"``, ``"moments"`` or ``"refit"``.
    rungs : DataFrame
        By rung: how many units it told (``n``), how much it moved the sum (``moved``, beside the
        weights of the first), and the Monte-Carlo error of its part (``mcse``).
    influence_pareto_k : DataArray
        k-hat of each unit's influence on the posterior: of the weights of the first rung. Those
        that stand behind ``elpd_i`` are in ``pareto_k``, 0 of refits and closed forms; how well the
        fit's own algorithm did is the attribute ``khat`` of the fit.
    """

    why: str
    doubts: tuple[str, ...]
    mcse: float
    mcse_i: xr.DataArray
    rung_i: xr.DataArray
    rungs: pd.DataFrame

    def _footer(self) -> str:
        return super()._footer() + _words(self.why, self.doubts)


@dataclass(kw_only=True, repr=False)
class ScoredFolds(KFold):
    """The elpd of folds that were left out whole; ``why`` and ``doubts`` as in `Scored`."""

    why: str
    doubts: tuple[str, ...]

    def _footer(self) -> str:
        return super()._footer() + _words(self.why, self.doubts)


def _words(why: str, doubts: tuple[str, ...]) -> str:
    lines = [fill(why, WIDTH)]
    lines += [fill(f"Doubt: {one}", WIDTH, subsequent_indent="  ") for one in doubts]
    return "\n\n" + "\n".join(lines)

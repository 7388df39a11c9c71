"""Trials of a recording: where each sample stands in its own, and under which condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.clock import read_clock, seconds
from bayesglm.errors import DataError
from bayesglm.show.figures import COLOURS, MOST_LETTERS
from bayesglm.show.text import plain
from bayesglm.spec.hints import closest, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
MOST_CONDITIONS = len(COLOURS)


@dataclass(frozen=True)
class Trials:
    """The trials of samples: the number of each sample's, and its time since the trial's start.

    ``since`` is in seconds, or in samples where the data have no time (``unit``). ``condition``
    holds the number of each trial's condition, whose names are ``names``; without conditions all
    are one, which has no name.
    """

    labels: Array
    of_sample: Array
    since: Array
    step: float
    unit: str
    condition: Array
    names: tuple[str, ...]

    @property
    def sorted(self) -> Array:
        """The trials, those of one condition together, in their order."""
        return np.argsort(self.condition, kind="stable")


def trials_of(dataset: xr.Dataset, dim: str, by: Any = None) -> Trials:
    """Read trials, and the condition of each: a variable's name, or a label for every trial.

    Data without a coordinate ``trial`` are one trial. Raises DataError where a condition changes
    inside a trial, or where there are more than can be told apart.
    """
    clock = read_clock(dataset, dim, None)
    starts = np.unique(clock.start)
    of_sample = np.searchsorted(starts, clock.start)
    times = seconds(dataset["time"]) if "time" in dataset.variables else None
    step, unit = (1.0, "samples") if times is None else (clock.step or 1.0, "s")
    places = np.arange(clock.n_samples, dtype=float) if times is None else np.asarray(times)
    labels = dataset["trial"].values[starts] if "trial" in dataset.coords else starts
    condition, names = _conditions(dataset, dim, by, of_sample, starts)
    since = places - places[clock.start]
    return Trials(labels, of_sample, since, step, unit, condition, names)


def _conditions(
    dataset: xr.Dataset, dim: str, by: Any, of_sample: Array, starts: Array
) -> tuple[Array, tuple[str, ...]]:
    n = len(starts)
    if by is None:
        return np.zeros(n, dtype=np.intp), ("",)
    if isinstance(by, str):
        if by not in dataset.variables:
            names = [str(name) for name in dataset.variables]
            raise DataError(
                f"the data have no variable {shown(by)} to tell conditions by"
                f"{closest(by, names)}; give its name, or a label for each of the {n} trials."
            )
        values = dataset[by].values
    else:
        values = np.asarray(by)
    if values.ndim != 1 or len(values) not in (n, len(of_sample)):
        raise DataError(
            f"by= is one label a trial ({n}) or a sample ({len(of_sample)}) of dim {dim!r}; got "
            f"the shape {values.shape}."
        )
    if len(values) == len(of_sample) and len(of_sample) != n:
        changes = np.flatnonzero(values != values[starts][of_sample])
        if len(changes):
            raise DataError(
                f"the condition changes inside a trial: at sample {changes[0]} it is "
                f"{shown(values[changes[0]])}, and at the trial's start "
                f"{shown(values[starts][of_sample[changes[0]]])}; give one label for each trial."
            )
        values = values[starts]
    levels, condition = np.unique(values, return_inverse=True)
    if len(levels) > MOST_CONDITIONS:
        raise DataError(
            f"by= tells {len(levels)} conditions, and {MOST_CONDITIONS} colours can be told apart; "
            "put them into fewer, such as numpy.digitize(values, edges)."
        )
    return condition, tuple(plain(one, MOST_LETTERS) for one in levels)

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


def trials_of(dataset: xr.Dataset, dim: str, by: Any = None, whose: str = "data have") -> Trials:
    """Read trials, and the condition of each: a variable's name or itself, or a label for each.

    ``whose`` they are is said where no variable has the name. Data without a coordinate ``trial``
    are one trial. Raises DataError where a condition changes inside a trial, where a trial has
    none, or where there are more than can be told apart.
    """
    clock = read_clock(dataset, dim, None)
    starts = np.unique(clock.start)
    of_sample = np.searchsorted(starts, clock.start)
    times = seconds(dataset["time"]) if "time" in dataset.variables else None
    step, unit = (1.0, "samples") if times is None else (clock.step or 1.0, "s")
    places = np.arange(clock.n_samples, dtype=float) if times is None else np.asarray(times)
    labels = dataset["trial"].values[starts] if "trial" in dataset.coords else starts
    values = _given(dataset, dim, by, labels, whose)
    condition, names = _conditions(values, dim, of_sample, starts)
    since = places - places[clock.start]
    return Trials(labels, of_sample, since, step, unit, condition, names)


def _given(dataset: xr.Dataset, dim: str, by: Any, trials: Array, whose: str) -> Array | None:
    """Return the labels that are given: of a variable with an index those at the places here."""
    import xarray as xr

    if by is None:
        return None
    if isinstance(by, str):
        if by not in dataset.variables:
            hint = closest(by, [str(name) for name in dataset.variables])
            raise DataError(
                f"the {whose} no variable {shown(by)} to tell conditions by.{hint} Give a "
                f"variable's name, the variable itself, as by=data[{shown(by)}], or a label for "
                f"each of the {len(trials)} trials."
            )
        return dataset[by].values
    values = np.asarray(by)
    own = str(by.dims[0]) if isinstance(by, xr.DataArray) and by.ndim == 1 else ""
    if not own or own not in by.indexes or not by.indexes[own].is_unique:
        return values
    if own == dim and dim in dataset.coords:
        places = dataset[dim].values
    elif own == "trial":
        places = trials
    else:
        return values
    found = by.indexes[own].get_indexer(places)
    if (found < 0).any():
        first = places[np.argmax(found < 0)].item()
        raise DataError(f"by= has no label at {own}={shown(first)}; give one for every {own}.")
    return values[found]


def _conditions(
    values: Array | None, dim: str, of_sample: Array, starts: Array
) -> tuple[Array, tuple[str, ...]]:
    n = len(starts)
    if values is None:
        return np.zeros(n, dtype=np.intp), ("",)
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

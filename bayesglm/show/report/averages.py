"""Averaged effects of one fit: what changes of its predictors do to the mean of its response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bayesglm.design.readings import OfGroups
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.effects.asked import Asked
from bayesglm.results.effects.columns import Column, changeable, column_of
from bayesglm.results.effects.comparisons import comparisons
from bayesglm.results.effects.fitted import Fitted, opened
from bayesglm.results.effects.tables import NUMBERS, level_name
from bayesglm.show.effect_lines import in_words
from bayesglm.show.units import mean_of
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES

if TYPE_CHECKING:
    import xarray as xr

MOST_SAMPLES = 4_000  # that are averaged over, of those of a fit that has no lags: chosen
MOST_LEVELS = 12  # of a factor, each of which is compared with the first: chosen
type Interval = tuple[float, float, float]  # the estimate and the ends


class Change(NamedTuple):
    """A change of one variable, of what (a unit, a level of the response), and what it does."""

    variable: str
    change: str
    of: tuple[str, ...]
    difference: Interval
    ratio: Interval | None

    @property
    def is_certain(self) -> bool:
        """Whether the interval lies on one side of zero; a MAP has none, and no doubt."""
        _, low, high = self.difference
        return not low <= 0.0 <= high

    def told(self, of: Sequence[str], is_map: bool) -> str:
        """Say the change and its difference, ``of`` being what its labels are of."""
        what = ", ".join(f"{name} {label}" for name, label in zip(of, self.of, strict=True))
        middle, low, high = (f"{one:+.3g}" for one in self.difference)
        by = middle if is_map else f"{middle} [{low}, {high}]"
        return f"{self.variable} {self.change} by {by}" + (f" ({what})" if what else "")


@dataclass(frozen=True)
class Averages:
    """The changes of one fit's predictors, averaged over ``n_samples``, every ``step``-th.

    ``value`` names what changes, ``of`` what each change is of beside its variable; ``left_out``
    are predictors without a change, each with the reason, ``numbers`` those that hold numbers.
    """

    value: str
    of: tuple[str, ...]
    changes: tuple[Change, ...]
    left_out: dict[str, str]
    numbers: frozenset[str]
    n_samples: int
    step: int
    is_map: bool

    def order(self) -> list[str]:
        """Return the variables, those whose change is certain and large first."""
        size: dict[str, tuple[bool, float]] = {}
        for one in self.changes:
            own = (one.is_certain, abs(one.difference[0]))
            size[one.variable] = max(size.get(one.variable, (False, 0.0)), own)
        return sorted(size, key=lambda name: (not size[name][0], -size[name][1]))


def averages_of(fit: xr.DataTree) -> Averages:
    """Average the changes of all predictors of a fit that are read sample by sample."""
    fitted = opened(fit, Asked("mean", None, OfGroups("own", "raise"), 0.94, False, None))
    model = fitted.plan.model
    lagged = {name for term in model.every_term if term.is_lagged for name in term.variables}
    asked: dict[str, Any] = {}
    words: list[tuple[str, str]] = []
    left_out, numbers = {}, set()
    for name in changeable(fitted):
        if name in lagged:
            continue
        column = column_of(fitted, name)
        change, told = _change(column)
        numbers |= {name} if column.levels is None else set()
        if told:
            asked[name] = change
            words += [(name, one) for one in told]
        else:
            left_out[name] = _why_none(column)
    n = len(fitted.observed.rows)
    has_past = any(term.is_lagged or term.reads_response for term in model.every_term)
    step = 1 if has_past else -(-n // MOST_SAMPLES)
    population = fitted.plan.population
    labels = [] if population is None else [str(population)]
    labels += [] if fitted.levels is None else [level_name(fitted)]
    changes = _changes(fit, asked, words, _grid(fitted, step), labels) if asked else ()
    of = labels if fitted.levels is None else [*labels[:-1], model.response]
    noun = mean_of(model.response, FAMILY_NAMES[model.family])
    value = noun if fitted.levels is None else f"probability of {model.response}"
    own = frozenset(numbers)
    is_map = fitted.is_map
    return Averages(value, tuple(of), changes, left_out, own, -(-n // step), step, is_map)


def _change(column: Column) -> tuple[Any, list[str]]:
    """Return a variable's change as `comparisons` takes it, and words for each contrast of it."""
    if column.levels is not None:
        levels = column.levels if len(column.levels) <= MOST_LEVELS else ()
        return None, [f"{in_words(levels[0])} → {in_words(one)}" for one in levels[1:]]
    if not column.is_flat:
        return None, []
    if column.is_binary:
        return (0, 1), ["0 → 1"]
    ends = column.quantile(0.25), column.quantile(0.75)
    if ends[0] == ends[1]:
        ends = float(column.values.min()), float(column.values.max())
    return ends, [] if ends[0] == ends[1] else [f"{in_words(ends[0])} → {in_words(ends[1])}"]


def _why_none(column: Column) -> str:
    """Say why a variable has no change."""
    if column.levels is not None:
        return f"{len(column.levels)} levels"
    return "the same in all samples" if column.is_flat else "several values for each sample"


def _grid(fitted: Fitted, step: int) -> xr.Dataset | None:
    """Return every so many samples of those in use; None where these are all."""
    if step == 1:
        return None
    laid = fitted.observed
    return laid.dataset.isel({laid.dim: laid.rows[::step]})


def _changes(
    fit: xr.DataTree,
    asked: Mapping[str, Any],
    words: Sequence[tuple[str, str]],
    grid: xr.Dataset | None,
    of: Sequence[str],
) -> tuple[Change, ...]:
    """Return what each change does, and what it multiplies where the link is a logarithm."""
    model = model_of(fit)
    has_ratio = LINK_NAMES[model.link_name].is_log and FAMILY_NAMES[model.family].labels is None
    ways = ("difference", "ratio") if has_ratio else ("difference",)
    tables = [comparisons(fit, asked, grid=grid, by=True, comparison=way) for way in ways]
    numbers = [table[list(NUMBERS)].to_numpy(dtype=float).tolist() for table in tables]
    labels = tables[0][list(of)].astype(str).to_numpy().tolist()
    each = len(labels) // len(words)
    return tuple(
        Change(
            *words[k // each],
            tuple(labels[k]),
            tuple(numbers[0][k]),
            tuple(numbers[1][k]) if has_ratio else None,
        )
        for k in range(len(labels))
    )

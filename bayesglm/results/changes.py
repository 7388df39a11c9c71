"""What single changes of predictors do, as a fit tells it: the strongest change of each term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen
from bayesglm.numerics.summaries import quantiles_of
from bayesglm.results.explain_beliefs import COLUMNS, Beliefs, across, changes_of
from bayesglm.results.explain_facts import Reading
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.response_levels import n_and_reference

if TYPE_CHECKING:
    import xarray as xr

    from bayesglm.spec.model import GLM
    from bayesglm.spec.terms.term import Term

Array = np.ndarray
DRAWS = 1000  # of a posterior, evenly spaced, that tell of it: chosen
PLACES = np.array([0.5, 0.03, 0.97])  # the median, and 94% equal-tailed, as everywhere
# Draws and rows, evenly spaced, that tell how far a term moves a linear predictor: chosen.
FEW_DRAWS, ROWS = 400, 500
STEP, LEVEL, DRIVE, SPREAD, RANGE = "step", "level", "drive", "spread", "range"


@dataclass(frozen=True)
class Change:
    """The strongest change that a term makes to a linear predictor, of one unit of a population.

    ``kind`` says what changes: a ``STEP`` of a predictor, or the ``LEVEL`` of a factor; a curve
    between two places of its ``RANGE``; or it is an sd, of what a term of many columns adds from
    sample to sample (``DRIVE``), or of the effects of many levels (``SPREAD``). ``of`` are the
    words of that, ``at`` those of where it is strongest. ``median``, ``lower`` and ``upper`` (94%,
    equal-tailed; NaN of a MAP) are of the linear predictor; ``value`` is where these three take
    what the ``reading`` speaks of, from its base. ``strength`` is the sd of what the term adds from
    sample to sample, in the units of the linear predictor. ``outcome`` is what the mean is that of,
    or what the odds are for: the response, or one of its levels against the reference.
    """

    term: str
    unit: str
    kind: str
    of: str
    at: str
    median: float
    lower: float
    upper: float
    reading: Reading
    value: tuple[float, ...] | None
    strength: float
    outcome: str

    @property
    def is_sd(self) -> bool:
        """Whether it is a size without a direction."""
        return self.kind in (DRIVE, SPREAD)

    @property
    def leaves_out_zero(self) -> bool:
        """Whether the interval of a change with a direction tells which it is."""
        return not self.is_sd and (self.lower > 0.0 or self.upper < 0.0)


def strongest_changes(fit: xr.DataTree) -> list[Change]:
    """Return the strongest change of each term, term by term, of a population unit by unit.

    Of a term of several coefficients it is the one whose posterior median (or MAP) is furthest
    from zero, in sds of its predictor: looked for, and so larger than one that was named before.
    Of effects that are redrawn level by level it is the sd that is learned for them; where none is,
    they are left out.
    """
    has_draws = "draw" in parameter_group(fit).dims
    told = []
    for kept in kept_of(fit, reopen(fit)):
        whole = kept.finished[1]
        source, theta = whole.first()
        if len(theta):
            some = theta[:: -(-len(theta) // DRAWS)]
            unit = _Unit(Beliefs(whole.problem), source, some, has_draws, whole.redrawn)
            names = [named.name for named in whole.problem.design.predictors.named]
            told += [unit.change(k) for k, name in enumerate(names) if unit.tells(name)]
    return told


@dataclass(frozen=True)
class _Unit:
    """Draws of a unit: of ``source``, which has the names of its problem, and one level of what is
    ``redrawn``."""

    beliefs: Beliefs
    source: Problem
    theta: Array
    has_draws: bool
    redrawn: str | None

    def tells(self, name: str) -> bool:
        """Whether the draws tell of a term."""
        free = [one.name for one in self.source.natural.registry.free]
        return name != self.redrawn or f"{name}_scale" in free

    def change(self, k: int) -> Change:
        """Return the strongest change of the k-th term."""
        problem = self.beliefs.problem
        predictors, term = problem.design.predictors, problem.plan.model.every_term[k]
        block = predictors.blocks[k]
        drive, level = self._drive(k), ""
        if term.facts.of_levels:
            kind, of, at, moved = SPREAD, term.label, "", self._spread(k)
        elif block.curve is not None:
            named = predictors.named[k]
            kind, (of, at, level, moved) = (
                RANGE,
                _of_curve(block, named, block.read(self._values(k))),
            )
        elif block.steps:
            levels = [str(one) for one in getattr(term, "levels", None) or ()]
            kind, of, at = LEVEL, term.label, f"{levels[-1]} against {levels[0]}"
            moved = self._values(k).sum(axis=1)
        else:
            kind, of, at, level, moved = _of_coefficients(problem, k, block.read(self._values(k)))
            if drive is not None and _is_drive(block, term):
                kind, of, moved = DRIVE, ", ".join(term.variables) or term.label, drive
        median, lower, upper = (float(one) for one in quantiles_of(moved, PLACES))
        if not self.has_draws:
            lower = upper = np.nan
        channel, labels = predictors.line_of(k), problem.plan.labels
        told = [self.beliefs.effect(of, 1.0, (x, x), channel) for x in (median, lower, upper)]
        value = tuple(one.value[0] for one in told if one.value is not None)
        return Change(
            term=term.label,
            unit="" if labels is None else str(labels[problem.neuron]),
            kind=kind,
            of=of,
            at=at,
            median=median,
            lower=lower,
            upper=upper,
            reading=self.beliefs.reading(channel),
            value=value if len(value) == len(told) else None,
            strength=abs(median) if drive is None else float(np.median(drive)),
            outcome=outcome_of(problem.plan.model, level),
        )

    def _values(self, k: int) -> Array:
        """Return draws of the natural values of a term's coefficients."""
        named = self.source.design.predictors.named[k]
        return self.source.natural.registry.named(named.name).natural(self.theta)

    def _spread(self, k: int) -> Array:
        """Return, draw by draw, the sd of the effects of levels; of several effects the largest."""
        block = self.source.design.predictors.blocks[k]
        if block.name == self.redrawn:
            sds = self.source.natural.registry.named(f"{block.name}_scale").natural(self.theta)
        else:
            w = self._values(k)
            sds = w.reshape(len(w), -1, block.shape[-1]).std(axis=2)
        return np.asarray(sds[:, int(np.argmax(sds.mean(axis=0)))])

    def _drive(self, k: int) -> Array | None:
        """Return, draw by draw, the sd over samples of what a term adds.

        None of a single column, of effects that are redrawn, and where several levels share it.
        """
        predictors = self.beliefs.problem.design.predictors
        block, rows = predictors.blocks[k], predictors.rows
        is_single = block.size == 1 and block.codes is None  # its step, one sd, tells the same
        shared = predictors.sharing is not None or predictors.levels is not None
        if is_single or shared or block.name == self.redrawn:
            return None
        few = self.theta[:: -(-len(self.theta) // FEW_DRAWS)]
        place = self.source.places[self.source.design.predictors.named[k].name]
        own = self.source.natural.w(few)[:, place]
        added = block.on(rows[:: -(-len(rows) // ROWS)]).times(own)
        return np.broadcast_to(np.asarray(added).std(axis=1), len(few))


def outcome_of(model: GLM, level: str = "") -> str:
    """Say what coefficients speak of: the response, a level of it, or a higher one.

    >>> from bayesglm.spec.model import GLM
    >>> outcome_of(GLM("y", "x"))
    'y'
    >>> outcome_of(GLM("won", "x", family="bernoulli", levels=("no", "yes")))
    'won = yes'
    >>> outcome_of(GLM("mood", "x", family="categorical", levels=("bad", "fair", "good")), "good")
    'mood = good against bad'
    """
    labels = FAMILY_NAMES[model.family].labels
    if labels is None or not model.levels:
        return model.response
    if labels.most == 2:
        return f"{model.response} = {model.levels[1]}"
    if labels.ordered:
        return f"a higher {model.response}"
    _, reference = n_and_reference(model)
    against = "the average" if reference is None else model.levels[reference]
    return f"{model.response} = {level} against {against}" if level else model.response


def _is_drive(block: Block, term: Term) -> bool:
    """Say whether no single coefficient tells of a term: lags of a signal, many columns."""
    apart = term.reads_response or block.unit is not None or block.codes is not None
    return not apart and int(np.prod(block.drawn_shape, dtype=int)) > COLUMNS


def _of_curve(block: Block, named: Block, drawn: Array) -> tuple[str, str, str, Array]:
    """Return the change between the places of a curve (or surface) that lie furthest apart.

    Its words are those of the predictor, of the places, and of the response's level. Of several
    curves it is of the one that reaches furthest.
    """
    assert block.curve is not None
    shape, axes = block.curve.shape, block.curve.axes
    every = drawn.reshape(len(drawn), -1, int(np.prod(shape, dtype=int)))
    which = int(np.argmax(np.ptp(every.mean(axis=0), axis=1)))
    low, high = _ends(every[:, which].mean(axis=0))
    first, last = (
        ", ".join(
            f"{axis.x[j]:.3g}" for axis, j in zip(axes, np.unravel_index(k, shape), strict=True)
        )
        for k in (low, high)
    )
    if len(axes) > 1:
        first, last = f"({first})", f"({last})"
    beside = [
        (dim, n)
        for dim, n in zip(named.dims, named.shape, strict=True)
        if not dim.endswith("_basis")
    ]
    places = np.unravel_index(which, [n for _, n in beside]) if beside else ()
    words = {
        dim: str(named.coords[dim][place] if dim in named.coords else place)
        for (dim, _), place in zip(beside, places, strict=True)
    }
    level = " ".join(words.pop(dim, "") for dim in named.across)
    of = " and ".join(axis.variable for axis in axes)
    inside = f" in {', '.join(words.values())}" if words else ""
    return (
        f"{of}{inside}",
        f"from {first} to {last}",
        level,
        every[:, which, high] - every[:, which, low],
    )


def _ends(mean: Array) -> tuple[int, int]:
    """Return the places of a curve that lie furthest apart, the earlier one first."""
    low, high = sorted((int(np.argmin(mean)), int(np.argmax(mean))))
    return low, high


def _of_coefficients(problem: Problem, k: int, w: Array) -> tuple[str, str, str, str, Array]:
    """Return the kind, the words and the draws of a term's strongest coefficient, times its step.

    The words are of what changes, where, and for which level of the response. Coefficients that are
    no parameter (of one of a population with itself) are left aside.
    """
    predictors, term = problem.design.predictors, problem.plan.model.every_term[k]
    block, named = predictors.blocks[k], predictors.named[k]
    best: tuple[float, Any] = (-1.0, None)
    for of, step, members in changes_of(problem, k):
        every = across(members, named, block)
        sizes = np.nan_to_num(np.abs(np.median(w[:, every], axis=0)) * step, nan=-1.0)
        j = int(np.argmax(sizes))
        if sizes[j] > best[0]:
            words = of if len(members) == 1 or block.codes is not None else ""
            best = float(sizes[j]), (words, step, int(every[j]))
    of, step, j = best[1]
    shape = (*named.shape[: len(named.shape) - len(block.shape)], *block.drawn_shape)
    places, moved = _at(named, shape, j), w[:, j] * step
    level = " ".join(places.pop(dim, "") for dim in named.across)
    at = ", ".join(places.values())
    if block.codes is not None and not block.per_column:
        against = _reference_of(term, block)
        what = term.label if step == 1.0 else f"{term.label}, for one sd ({step:.3g}) of its number"
        return LEVEL, what, f"{at} against {against}" if against else at, level, moved
    return STEP, _step_in_words(problem, k, of, step), at, level, moved


def _step_in_words(problem: Problem, k: int, of: str, step: float) -> str:
    """Return what changes, without the place where it does."""
    block, term = problem.design.predictors.blocks[k], problem.plan.model.every_term[k]
    what = ", ".join(term.variables) or term.label
    if term.reads_response:
        is_event = problem.natural.family.words.counts_events
        return f"one more {'event in' if is_event else 'of'} {problem.plan.model.response}"
    if block.unit is not None:
        return f"an event of {what}"
    return of if of and block.of_lags is None else f"one sd of {what} ({step:.3g})"


def _reference_of(term: Term, block: Block) -> str:
    """Return what the level of a factor is held against; empty where each has its own mean."""
    if block.sums or not block.has_silent:
        return "the average" if block.sums else ""
    levels = getattr(term, "levels", None) or ("the reference",)
    reference = getattr(term, "reference", None)
    return str(levels[0] if reference is None else reference)


def _at(named: Block, shape: tuple[int, ...], j: int) -> dict[str, str]:
    """Return the place of a coefficient in words, dim by dim: its lag, its level, its pixel."""
    words: dict[str, str] = {}
    if len(shape) != len(named.dims):
        return words
    for dim, place, n in zip(named.dims, np.unravel_index(j, shape), shape, strict=True):
        if (n == 1 and not dim.endswith("_level")) or dim == f"{named.name}_column":
            continue
        lags = named.lags if dim in (f"{named.name}_lag", f"{named.name}_basis") else None
        if lags is not None and n == len(lags):
            words[dim] = _lag_in_words(float(lags[place]), named.step)
        else:
            labels = named.coords.get(dim)
            label = str(place if labels is None else labels[place])
            own = dim.removeprefix(f"{named.name}_")
            words[dim] = (
                label if own.startswith("level") or dim in named.across else f"{own} {label}"
            )
    return words


def _lag_in_words(lag: float, step: float | None) -> str:
    """Return a lag in milliseconds or seconds, or in samples where these have no time."""
    if step is None:
        return f"lag {lag:g}"
    seconds = lag * step
    return f"lag {1000 * seconds:.3g} ms" if abs(seconds) < 1.0 else f"lag {seconds:.3g} s"

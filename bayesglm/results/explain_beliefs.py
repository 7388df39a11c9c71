"""What priors believe, in units of the data: what one change of a predictor does, before these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block, Curve
from bayesglm.design.design import family_of, plain_family_of
from bayesglm.design.spreads import sd_of_predictor
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.words import INTERCEPT
from bayesglm.numerics.families.at_mean import eta_of_mean
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.explain_facts import Effect, Interval, Reading, Swing
from bayesglm.results.marginals import PROB, Spread, interval_of, spread_of
from bayesglm.results.prior_draws import draw_thetas
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.model import GLM

Array = np.ndarray
# Draws from the prior: as many numbers in all, between these: 10,000 tell the ends of an interval
# to 1% of its length.
NUMBERS, FEWEST, MOST = 1_000_000, 400, 10_000
SCALAR = 50_000  # draws of a single number, whose ends they tell to half of that
ROWS, OF_SWINGS = 200, 500  # rows and draws along which a term is followed: chosen
COLUMNS = 6  # of a term, each of which is told by itself: chosen
ALIKE = 0.1  # of their length, by how much intervals may differ that are told as one


@dataclass(frozen=True)
class Beliefs:
    """The priors of one neuron, drawn from; each method tells of one parameter."""

    problem: Problem

    @cached_property
    def theta(self) -> Array:
        """Draws ``(n, size)`` of the natural density."""
        size = max(1, self.problem.natural.size)
        n = int(np.clip(NUMBERS // size, FEWEST, MOST))
        return draw_thetas(self.problem, n, np.random.default_rng(0))

    @cached_property
    def parts(self) -> dict[int, PriorPart]:
        """The priors of runs of coefficients, by where they begin."""
        return {part.where.start: part for part in self.problem.natural.coefficients}

    def part(self, name: str) -> PriorPart:
        """Return the prior of a parameter that is a run of coefficients."""
        return self.parts[self.problem.places[name].start]

    def values(self, name: str) -> Array:
        """Return draws of the natural values of a parameter ``(n, entries)``."""
        return self.problem.natural.registry.named(name).natural(self.theta)

    @cached_property
    def _start(self) -> Array:
        """Where solvers start: the mean response, and no effects."""
        return self.problem.start(self.problem.natural)

    @cached_property
    def _bases(self) -> Array:
        """The linear predictors at which the mean, and other parameters, are where data start."""
        problem, design = self.problem, self.problem.design
        family = plain_family_of(problem.plan.model)
        start, rows, trials = self._start, design.predictors.rows, design.predictors.trials
        phi = tuple(np.float64(value) for value in self._start_phi(start) if np.ndim(value) == 0)
        tries = None if trials is None else trials[rows]
        if family.n_levels:
            return np.zeros(len(problem.natural.family.channels))
        of_mean = eta_of_mean(family, design.typical[..., rows], phi, tries)
        places = problem.places
        others = [start[places[f"{name}_intercept"]][0] for name in problem.plan.model.predicted]
        return np.array([of_mean, *others])

    def _start_phi(self, start: Array) -> list[Any]:
        """Return every dispersion of the family at the start, those predicted among them."""
        problem = self.problem
        family, known = plain_family_of(problem.plan.model), {}
        for one in problem.natural.registry.dispersions:
            known[one.name] = one.value_at(start)
        for name in problem.plan.model.predicted:
            u = start[problem.places[f"{name}_intercept"]]
            known[name] = float(family.dispersion_named(name).transform.natural(u)[0])
        return [known[name] for name in family.dispersion_names]

    @cached_property
    def _family(self) -> Any:
        """The family of whole responses, whatever is seen of them."""
        return family_of(replace(self.problem.plan.model, censored=None, truncated=None))

    @cached_property
    def _phi(self) -> list[Any]:
        """The dispersions at the start."""
        phi = self.problem.natural.phi(self._start)
        return [np.float64(v) if np.ndim(v) == 0 else v for v in phi]

    def _value(self, channel: int) -> Callable[[Array], Array] | None:
        """Return the parameter that a linear predictor is of, as a function of it alone."""
        family, phi = self._family, self._phi
        if family.n_levels:
            return None

        def value(eta: Array) -> Array:
            every = np.repeat(self._bases[:, None], len(eta), axis=1)
            every[channel] = eta
            with np.errstate(all="ignore"):
                if channel:
                    place = family.words.dispersions.index(family.channels[channel])
                    return np.asarray(family.every_phi(every, phi)[place], dtype=float)
                return np.asarray(family.mean(every, phi, None))

        return value

    def reading(self, channel: int) -> Reading:
        """Return how a linear predictor is read."""
        family = self.problem.natural.family
        name = family.channels[channel] if channel and not family.n_levels else None
        plain, value = reading_of(self.problem.plan.model, name), self._value(channel)
        if value is None:
            return plain
        return plain._replace(base=float(value(self._bases[channel : channel + 1])[0]))

    def effect(self, of: str, step: float, change: Interval, channel: int) -> Effect:
        """Return what a change of the linear predictor makes of its parameter."""
        reading, value = self.reading(channel), self._value(channel)
        if reading.base is None or value is None:
            return Effect(of, step, change, reading)
        eta = self._bases[channel] + np.array(change)
        domain = self.problem.natural.family.domain
        if not channel and not domain.holds(eta).all():
            return Effect(of, step, change, reading)
        low, high = np.sort(value(eta))
        return Effect(of, step, change, reading, (float(low), float(high)))

    def spread(self, name: str) -> Spread:
        """Return what is said of each entry of a parameter, from the density where that is known.

        Of a dispersion or a scale it is from more draws than of coefficients.
        """
        own = self.problem.natural.registry.named(name)
        if own.prior is not None:
            n = max(FEWEST, SCALAR // max(1, own.n_natural))
            draws = own.prior.draw(np.random.default_rng(0), (n, own.n_natural))
            return spread_of(None, own.once(draws))
        part = self.part(name)
        of_dispersion = [f"{one}_intercept" for one in self.problem.plan.model.predicted]
        apart = own.size == own.n_natural and name not in of_dispersion
        return spread_of(part if apart or not part.prior.proper else None, self.values(name))

    def effects(self, k: int) -> tuple[Effect, ...]:
        """Return what the k-th term believes of single changes of what it reads."""
        problem, predictors = self.problem, self.problem.design.predictors
        block, named = predictors.blocks[k], predictors.named[k]
        channel = predictors.line_of(k)
        if block.curve is not None:
            return ()
        if block.steps:
            labels = [str(one) for one in problem.plan.model.every_term[k].levels or ()]
            total = interval_of(self.values(named.name).sum(axis=1))
            of = f"{named.name} from {labels[0]} to {labels[-1]}"
            return (self.effect(of, 1.0, (float(total[0]), float(total[1])), channel),)
        low, high, _ = self.spread(named.name)
        if low is None or high is None:
            return ()
        if block.drawn is not None:  # a kernel, over the lags
            low, high = interval_of(block.read(self.values(named.name)))
        told = []
        for of, step, members in changes_of(problem, k):
            every = across(members, named, block)
            one = _widest(low[every] * step, high[every] * step)
            told.append(self.effect(of, step, one, channel))
        return _joined(told)

    def swing(self, k: int) -> Swing | None:
        """Return how far a term of several columns moves the linear predictor."""
        predictors = self.problem.design.predictors
        block, named = predictors.blocks[k], predictors.named[k]
        if block.size < 2 or block.steps or (block.codes is not None and block.curve is None):
            return None
        w = self.values(named.name)[:OF_SWINGS]
        w = w.reshape(len(w), -1, *block.shape)[:, 0]
        if block.curve is not None:
            axis = 1 + block.curve_axis
            w = np.moveaxis(w, axis, -1).reshape(len(w), -1, block.shape[axis - 1])[:, 0]
            added, over = w @ block.curve.columns.T, f"over the range of {_told(block.curve)}"
        else:
            rows = predictors.rows[:: -(-len(predictors.rows) // ROWS)]
            columns = (block.bare or block).columns(rows)
            added, over = w.reshape(len(w), -1) @ columns.T, "from sample to sample"
        low, high = interval_of(added.T)
        typical, most = np.quantile(high - low, [0.5, PROB])
        reading = self.reading(predictors.line_of(k))
        part = self.part(named.name)
        free = (
            "" if part.prior.proper else f"what its {part.structure.name} leaves free left aside, "
        )
        swing = Swing(free + over, float(typical), float(most), reading)
        if block.curve is not None and block.curve.across is None:
            return replace(swing, turns=_turns(added))
        if block.curve is not None:
            return swing
        return _with_roughness(swing, block, w, part.structure.diagonal)

    def interval(self, name: str) -> Interval | None:
        """Return the interval of a dispersion or a learned scale; of several the widest."""
        low, high, _ = self.spread(name)
        return None if low is None or high is None else _widest(low[low < high], high[low < high])

    def interval_of_intercept(self, name: str) -> Interval | None:
        """Return what an intercept believes of the parameter whose it is; None of levels."""
        channel = [line.intercept for line in self.problem.design.predictors.lines].index(name)
        value, (low, high, _) = self._value(channel), self.spread(name)
        if value is None or low is None or high is None:
            return None
        eta = np.array([low[0], high[0]])
        if not channel and not self.problem.natural.family.domain.holds(eta).all():
            return None
        ends = np.sort(value(eta))
        return float(ends[0]), float(ends[1])

    def implied_sd(self, name: str) -> Interval | None:
        """Return the sds of responses about their mean that a dispersion's interval says."""
        problem = self.problem
        family = plain_family_of(problem.plan.model)
        collapse, ends = family.dispersion_named(name).collapse, self.interval(name)
        if collapse is None or ends is None:
            return None
        rows = problem.design.predictors.rows
        sds = np.sort(collapse.sd(np.array(ends), float(problem.design.typical[..., rows].mean())))
        return None if np.allclose(sds, ends, rtol=1e-3) else (float(sds[0]), float(sds[1]))


def reading_of(model: GLM, dispersion: str | None) -> Reading:
    """Return how the linear predictor of the mean, or of a dispersion, is read of any data."""
    words = FAMILY_NAMES[model.family]
    link = LINK_NAMES[model.link_name if dispersion is None else words.link_of(dispersion)]
    noun = words.noun if dispersion is None else dispersion
    if dispersion is None:
        multiplied = noun if link.is_log else link.multiplied
        return Reading(f"the {multiplied}" if link.multiplied else "", f"the {noun}", link.unit)
    multiplied = noun if link.is_log else f"the {link.multiplied} of {noun}"
    return Reading(multiplied if link.multiplied else "", noun, link.unit)


def changes_of(problem: Problem, k: int) -> list[tuple[str, float, Array]]:
    """Return changes of what a term reads: in words, their sizes, and the coefficients of each."""
    design, term = problem.design, problem.plan.model.every_term[k]
    block = design.predictors.blocks[k]
    every = np.arange(int(np.prod(block.drawn_shape, dtype=int)))
    sds = sd_of_predictor(block, design) / block.length
    label = term.label
    if block.codes is not None and block.per_column:
        effects = np.split(every, len(sds))
        names = block.coords[block.dims[0]] if len(block.shape) > 1 else [INTERCEPT]
        return [
            (
                f"a level of {label} against the average"
                if name == INTERCEPT
                else f"{_one_sd(str(name), sd)} in a level of {label}",
                float(sd),
                members,
            )
            for name, sd, members in zip(names, sds, effects, strict=True)
        ]
    if block.codes is not None:
        against = "the average of all" if block.sums else "the reference"
        held = (
            f"a level of {label} against {against}"
            if block.has_silent or block.sums
            else (f"a level of {label}")
        )
        more = "" if sds[0] == 1.0 else f", for {_one_sd('its predictor', sds[0])}"
        return [(held + more, float(sds[0]), every)]
    if term.reads_response:
        return [(f"one more {problem.plan.model.response} at one lag", 1.0, every)]
    what = ", ".join(term.variables) or label
    if block.unit is not None:
        size = "" if block.unit == 1.0 else f" of size {block.unit:.3g}"
        return [(f"an event of {label}{size} at one lag", block.unit, every)]
    if block.of_lags is not None:
        return [(f"{_one_sd(what, sds[0])} at one lag", float(sds[0]), every)]
    of_one_variable = len(term.variables) < len(every)
    if len(every) > COLUMNS or block.multiplier is not None or (of_one_variable and len(every) > 1):
        return [(f"one sd of any of the {len(every)} columns of {label}", float(sds.max()), every)]
    names = [block.label(j) for j in range(len(every))]
    if len(term.variables) == len(every):
        names = list(term.variables)
    sds = np.broadcast_to(sds, len(every))
    return [_change_of_column(problem, block, j, names[j], sds[j]) for j in range(len(every))]


def _change_of_column(
    problem: Problem, block: Block, j: int, name: str, sd: float
) -> tuple[str, float, Array]:
    """Return one sd of a column; of one that takes two values the step between these."""
    values = block.signal[problem.design.predictors.rows, j]
    low, high = float(values.min()), float(values.max())
    if low < high and bool(np.isin(values, (low, high)).all()):
        return f"{name} from {low:.4g} to {high:.4g}", high - low, np.array([j])
    return _one_sd(name, sd), float(sd), np.array([j])


def _told(curve: Curve) -> str:
    return " and ".join(axis.variable for axis in curve.axes)


def _one_sd(name: str, sd: float) -> str:
    return f"one sd of {name} ({sd:.3g})"


def across(members: Array, named: Block, block: Block) -> Array:
    """Return the same coefficients of each of several channels."""
    n = int(np.prod(named.shape, dtype=int)) // max(1, int(np.prod(block.shape, dtype=int)))
    size = int(np.prod(block.drawn_shape, dtype=int))
    return (np.arange(n)[:, None] * size + members).ravel()


def _widest(low: Array, high: Array) -> Interval:
    """Return the interval that reaches from the lowest end to the highest."""
    return float(np.min(low)), float(np.max(high))


def _joined(told: list[Effect]) -> tuple[Effect, ...]:
    """Return effects, as one where all are alike."""
    ends = np.array([one.change for one in told])
    spread = np.ptp(ends, axis=0)
    if len(told) < 2 or np.any(spread > ALIKE * np.abs(ends).max()):
        return tuple(told)
    names = [one.of for one in told]
    if not all(name.startswith("one sd of ") for name in names):
        return tuple(told)
    each = ", ".join(name.removeprefix("one sd of ") for name in names)
    return (replace(told[0], of=f"one sd of {each}, of each alike", step=float("nan")),)


def _with_roughness(swing: Swing, block: Block, w: Array, apart: bool) -> Swing:
    """Add how neighbours differ: along lags, or under a prior that knows any the last dim."""
    lag = f"{block.name}_lag" if block.drawn is None else f"{block.name}_basis"
    if not block.grid or (apart and lag not in block.dims):
        return swing
    axis = block.dims.index(lag) if lag in block.dims else len(block.shape) - 1
    n = block.drawn_shape[axis]
    if n < 2 or block.column_names:
        return swing
    w = block.read(w.reshape(len(w), -1)).reshape(len(w), *block.drawn_shape)
    steps, away = np.diff(w, axis=1 + axis), w - w.mean(axis=1 + axis, keepdims=True)
    size = np.sqrt(np.median(np.square(away)) * n / (n - 1))
    if not size > 0.0:
        return swing
    rough = float(np.sqrt(0.5 * np.median(np.square(steps))) / size)
    return replace(
        swing, neighbours="lags" if block.dims[axis] == lag else block.dims[axis], rough=rough
    )


def _turns(curves: Array) -> tuple[float, float]:
    """Return how often curves ``(draws, places)`` turn: the median, and what 94% stay below."""
    rising = np.sign(np.diff(curves, axis=1))
    counts = (rising[:, 1:] * rising[:, :-1] < 0.0).sum(axis=1)
    typical, most = np.quantile(counts, [0.5, PROB])
    return float(typical), float(most)

"""What each prior of a model says: as a penalty, as a belief, as a region, and beside the data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesglm.errors import BayesGLMError, DataError, ModelError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.problem.problem import Problem, open_again, open_problems
from bayesglm.inference.tree.opened import (
    is_fit,
    is_projected,
    kept_of,
    model_of,
    parameter_group,
    reopen,
)
from bayesglm.results.explain_beliefs import Beliefs, reading_of
from bayesglm.results.explain_decided import (
    decided,
    region_of,
    share_of_own,
    shares_of_data_at,
    shares_of_part,
)
from bayesglm.results.explain_facts import Decided, Effect, Told
from bayesglm.results.explain_words import said
from bayesglm.spec.cards import card, entries_part
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.notation import density_text, every_parameter, penalty_text
from bayesglm.spec.numbers import entries, number_text
from bayesglm.spec.terms.lags import place_of_one
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.term import FACTOR

Array = np.ndarray
DRAWS = 4000  # of a posterior, evenly spaced, that tell of it: chosen
MOST_LEVELS = 200  # of a group whose effects are redrawn, that tell of its prior: chosen
MOST_SHOWN = 40  # parameters that are written out; of more the rest is counted
FLAT = "every value is as likely as any other"
DATA_DECIDE = "weakly informative, scaled by the data; give data= to see it"
NEEDS_DATA = "of one coefficient it says what their number decides; give data= to see it"


@dataclass(frozen=True)
class Explanation:
    """What the priors of a model say, and what the data made of them: facts, written as sentences.

    - `response`, `family`, `link`: those of the model.
    - `method`: how the fit was made; empty where none was given.
    - `terms`: a `Told` for each parameter (of a population for each neuron), in the order of
      ``print(model)``; ``explanation["age"]`` is that of one.
    - `notes`: what could not be said, and why.
    """

    response: str
    family: str
    link: str
    method: str
    terms: tuple[Told, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Told:
        """Return what is told of a parameter, of the first neuron in a population."""
        names = [one.name for one in self.terms]
        if not is_among(name, names):
            raise ModelError(
                f"the model has no parameter {shown(name)}; it has {', '.join(names)}."
                f"{closest(name, names)}"
            )
        return self.terms[names.index(name)]

    @property
    def title(self) -> str:
        """Say in one line what is told."""
        decided = "" if not self.method else ", and what they decided"
        return f"What the priors of {self.response} say{decided}"

    def entries(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Run through the parameters: their names, and what is said of each, part by part."""
        for told in self.terms[:MOST_SHOWN]:
            yield f"{told.name}{f' ({told.neuron})' if told.neuron else ''}", said(told)

    def __str__(self) -> str:
        lines = [f"{self.title} ({self.family}, {self.link} link)"]
        for name, parts in self.entries():
            lines += ["", name, *(f"  {heading:<8} {text}" for heading, text in parts)]
        more = len(self.terms) - MOST_SHOWN
        notes = [*self.notes, *([f"and {more:,} more, in .terms"] if more > 0 else [])]
        return "\n".join([*lines, *([""] if notes else []), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return card(self.title, [entries_part(self.entries(), self.notes)])


def explain(model_or_fit: Any, data: Any = None) -> Explanation:
    """Tell what each prior says, as a penalty, as a belief, as a region; and what it decided.

    Parameters
    ----------
    model_or_fit : GLM or fit
        Of a model alone what a prior says of one unit of a predictor; with ``data`` in units of
        these (one sd, the levels, the kernel, the curve), and the region in which the MAP lies. Of
        a fit also how much of the posterior each prior decides, and where the data contradict it.
    data : Dataset, DataFrame or mapping, optional
        The data of a model; a fit holds its own.

    Returns
    -------
    Explanation
        Shown as text, and as a card in notebooks. ``.terms`` hold the numbers:

        - ``effects``: what one change of a predictor does, an equal-tailed interval of 94% prior
          probability: of the linear predictor, and of the mean from where it is now. Multiplied
          odds, rates or means where exp of a coefficient is a ratio.
        - ``swing``: of kernels, curves and images, how far they move the linear predictor, and how
          rough they may be.
        - ``region``: the MAP maximises the likelihood where the penalty is at most its own, the
          constraint form of penalised likelihood (Tibshirani 1996, equation 2).
        - ``decided``: prior and posterior sd; the effective number of parameters,
          -sum Cov(u_j, d log likelihood / du_j), by Stein's identity what the prior's share leaves
          of each; of a MAP the trace of (H + P)^-1 H. The coefficient furthest out in its prior,
          with the prior's chance of lying further out; contradicted where that is below 1%, for as
          many coefficients as there are.

    Raises
    ------
    DataError
        Neither a model nor a fit; data beside a fit, or as `fit` raises.
    ModelError
        As `fit`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 1, 0, 1], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", family="bernoulli", prior=bg.ridge(4.0))
    >>> print(bg.explain(model))
    What the priors of y say (bernoulli, logit link)
    <BLANKLINE>
    intercept
      prior    Flat; no penalty
      belief   every value is as likely as any other
    <BLANKLINE>
    x
      prior    Normal(0, 0.5²); ridge(4) = 4/2 · Σ x²
      belief   one unit of x changes the odds by a factor of up to 2.6, with 94% prior probability
    >>> told = bg.explain(bg.fit_map(model, data))["x"]
    >>> round(told.region.norm, 3), round(told.decided.edf, 2)
    (0.305, 0.38)
    """
    if isinstance(model_or_fit, GLM):
        if data is None:
            return _of_model(model_or_fit)
        return _of_problems(open_problems(model_or_fit, data), "", None)
    if is_fit(model_or_fit) and data is not None:
        raise DataError(
            "a fit holds its data; leave data out, or explain its model on others: "
            "explain(GLM.from_json(fit.attrs['model']), data)."
        )
    return explain_fit(model_or_fit, regions=True)


def explain_fit(fit: Any, regions: bool) -> Explanation:
    """Return what `explain` tells of a fit; the regions of MAPs, which it takes to find, on demand.

    A MAP that there is not is then no note.
    """
    model = model_of(fit)
    group = parameter_group(fit)
    problems = reopen(fit)
    assert problems[0].plan.model == model
    kept = [one.finished[1] for one in kept_of(fit, problems)]
    thetas, notes = [one.theta for one in kept], []
    redrawn = kept[0].redrawn
    if redrawn is not None:
        parts = [one.part(slice(0, min(MOST_LEVELS, one.shape[1]))) for one in kept]
        problems, thetas = [one.problem for one in parts], [one.theta for one in parts]
        n, every = min(MOST_LEVELS, kept[0].shape[1]), kept[0].shape[1]
        if n < every:
            notes = [
                f"The first {n:,} of the {every:,} levels of {redrawn!r}, and their rows, tell "
                "this."
            ]
    if is_projected(fit):
        thetas = [theta[:0] for theta in thetas]
        notes.append(
            "The draws are projected from those of a larger model, under whose priors these were "
            "drawn: what a prior decided is told of that fit, and not of this one."
        )
    method = str(fit.attrs.get("method", "")) or "posterior"
    explained = _of_problems(problems, method, (thetas, "draw" in group.dims), regions)
    return replace(explained, notes=(*explained.notes, *notes))


def _of_model(model: GLM) -> Explanation:
    """Explain a model without data: each prior as one of a single coefficient."""
    terms = {term.label: term for term in model.every_term}
    lines = {term.label: name for name, one in model.predicted.items() for term in one.terms}
    told = []
    for one in every_parameter(model):
        prior = one.prior
        if one.term is not None:
            told.append(_of_term(model, terms[one.term], lines.get(one.term), one.held, prior))
        elif prior is None:
            told.append(Told(one.name, "", "weakly informative", "", unsaid=DATA_DECIDE))
        else:
            told.append(_plainly(one.name, "", one.held, prior))
    link = model.link_name
    return Explanation(model.response, model.family, link, "", tuple(told))


def _of_term(model: GLM, term: Any, line: str | None, held: str, prior: Any) -> Told:
    """Explain the prior of a term by what it says of one unit of its predictor."""
    if prior is None:
        return Told(term.label, "", "weakly informative", "", unsaid=DATA_DECIDE)
    plain = _plainly(term.label, "", held, prior)
    if isinstance(prior, str):
        return replace(plain, unsaid=NEEDS_DATA)
    change = _of_one(prior)
    if change is None:
        return replace(plain, unsaid=plain.unsaid or NEEDS_DATA)
    what = f"one unit of {', '.join(term.variables) or term.label}"
    if term.reads_response:
        what = f"one more {model.response} {place_of_one(term)}"
    elif FACTOR in term.roles.values():
        what = f"a level of {term.label}"
    elif term.is_lagged:
        what += f" {place_of_one(term)}"
    return replace(plain, effects=(Effect(what, 1.0, change, reading_of(model, line)),))


def _of_one(prior: Any) -> tuple[float, float] | None:
    """Return the 94% interval of a single coefficient; None where it depends on how many are.

    Of arrays of scales that of the widest.
    """
    fields = {
        name: max(entries(value), key=abs)
        for name, value in vars(prior).items()
        if isinstance(value, tuple) and name in ("scale", "loc", "df", "ratio")
    }
    if prior.traits.needs_dims or prior.traits.of_variance:
        return None
    alone = Linear("x", prior=replace(prior, **fields))
    model = GLM("y", alone, dispersion=1.0, intercept=None)
    try:
        problem = open_again(model, {"y": [0.0, 1.0, 0.0], "x": [0.0, 1.0, 2.0]})[0]
    except BayesGLMError:
        return None
    beliefs = Beliefs(problem)
    if beliefs.part("x").prior.marginal is not None:
        return None
    low, high, _ = beliefs.spread("x")
    return None if low is None or high is None else (float(low[0]), float(high[0]))


def _plainly(name: str, neuron: str, held: str, prior: Any) -> Told:
    """Return a record with a prior as it is written, and no more."""
    if isinstance(prior, str):
        return Told(name, neuron, prior, "")
    if isinstance(prior, (float, tuple)):
        return Told(name, neuron, f"fixed at {number_text(prior)}", "")
    density = density_text(prior, f"{held}_{prior.traits.learned}")
    flat = FLAT if _says_nothing(prior) else ""
    return Told(name, neuron, density, penalty_text(held, prior), unsaid=flat)


def _says_nothing(prior: Any) -> bool:
    return not prior.traits.has_scale and not vars(prior)


def _of_problems(
    problems: list[Problem],
    method: str,
    fitted: tuple[list[Array], bool] | None,
    regions: bool = True,
) -> Explanation:
    """Explain a model on its data, and what a fit of it says."""
    plan = problems[0].plan
    thetas, drawn = fitted or (None, False)
    modes: Sequence[Array | None]
    notes: list[str] = []
    if thetas is not None and not drawn:
        modes = [theta[0] for theta in thetas]
    elif not regions:
        modes = [None] * len(problems)
    else:
        modes, notes = _modes(problems)
    told: list[Told] = []
    for k, problem in enumerate(problems):
        label = "" if plan.labels is None else str(plan.labels[k])
        own = None if thetas is None else thetas[k]
        told += _Neuron(problem, Beliefs(problem), label, own, drawn, modes[k]).told()
    model = plan.model
    return Explanation(
        model.response, model.family, model.link_name, method, tuple(told), tuple(notes)
    )


def _modes(problems: list[Problem]) -> tuple[Sequence[Array | None], list[str]]:
    """Return the MAP of each neuron, in whose regions they lie; and why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [solution.x for solution in find_modes(problems)], []
    except BayesGLMError as error:
        reason = str(error).partition(".")[0]
        return [None] * len(problems), [
            f"There is no MAP, so there is no constraint region: {reason}."
        ]


@dataclass(frozen=True)
class _Neuron:
    """One neuron's problem, its beliefs, and what is known of its posterior and its MAP."""

    problem: Problem
    beliefs: Beliefs
    label: str
    thetas: Array | None
    drawn: bool
    mode: Array | None

    def told(self) -> Iterator[Told]:
        """Run through the parameters in the order of the model's text."""
        problem = self.problem
        predictors = problem.design.predictors
        blocks = {block.name: k for k, block in enumerate(predictors.named)}
        intercepts = [line.intercept for line in predictors.lines]
        for one in every_parameter(problem.plan.model):
            name = one.term or one.name
            plain = _plainly(name, self.label, one.held, one.prior)
            if one.term is not None:
                yield self._of_term(plain, blocks[one.term])
            elif name not in problem.places:
                yield plain
            elif name in intercepts:
                yield self._of_intercept(plain, name)
            else:
                yield self._of_own(plain, name)

    def _of_term(self, plain: Told, k: int) -> Told:
        beliefs, problem = self.beliefs, self.problem
        term = problem.plan.model.every_term[k]
        name, traits = term.label, term.prior.traits
        part, region = beliefs.part(name), None
        if self.mode is not None:
            measure = traits.measure
            region = region_of(part, measure, traits.power, self.mode)
        return replace(
            plain,
            effects=beliefs.effects(k),
            swing=beliefs.swing(k),
            region=region,
            decided=self._decided(name),
        )

    def _of_intercept(self, plain: Told, name: str) -> Told:
        interval = self.beliefs.interval_of_intercept(name)
        reading = reading_of(
            self.problem.plan.model,
            None if name == "intercept" else name.removesuffix("_intercept"),
        )
        about = f"where all predictors are zero {reading.noun}"
        return replace(plain, interval=interval, about=about, decided=self._decided(name))

    def _of_own(self, plain: Told, name: str) -> Told:
        own = self.problem.natural.registry.named(name)
        interval = self.beliefs.interval(name)
        spread = self.beliefs.implied_sd(name) if own.role == "dispersion" else None
        return replace(
            plain, interval=interval, about=name, spread=spread, decided=self._decided(name)
        )

    def _decided(self, name: str) -> Decided | None:
        """Return how much of a parameter's posterior its prior decides; None without a fit."""
        if self.thetas is None or not len(self.thetas):
            return None
        return decided_of(self.problem, self.beliefs, name, self.thetas, self.drawn)


def decided_of(
    problem: Problem, beliefs: Beliefs, name: str, thetas: Array, drawn: bool
) -> Decided:
    """Return how much of a parameter's posterior, or of its MAP, the prior decides."""
    own, some = problem.natural.registry.named(name), thetas[:: -(-len(thetas) // DRAWS)]
    values = own.once(own.natural(some))
    size = own.size
    if own.role == "coefficients" and drawn:
        transform = problem.unconstrained.registry.named(name).transform
        shares = shares_of_part(beliefs.part(name), transform, some)
        edf = float(np.clip(size - shares.sum(), 0.0, size))
    elif own.role == "coefficients":
        data = shares_of_data_at(problem, thetas[0])
        edf = np.nan if data is None else float(data[own.place].sum())
    else:
        shares_of_own = share_of_own(own, some) if drawn else None
        edf = np.nan
        if shares_of_own is not None:
            edf = float(np.clip(size - shares_of_own.sum(), 0.0, size))
    n = values.shape[-1]
    labels = own.names() if own.size == n else [name] * n
    if name in [problem.design.predictors.blocks[k].name for k in problem.confined]:
        edf = np.nan  # fewer than numbers, as the rank says
    found = decided(beliefs.spread(name), labels, values, edf, drawn)
    return replace(found, size=size)

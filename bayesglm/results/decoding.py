"""A fit opened to be read backwards: its neurons on new spikes, some of its draws, one variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.design.clock import Clock
from bayesglm.design.design import Predictors
from bayesglm.design.door import SAMPLE_DIM, as_dataset, sample_dim_of
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.response_levels import read_response
from bayesglm.design.variables import require
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import kept_of, stored_data
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.numerics.families.record import Family
from bayesglm.results.predict import as_fitted
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.terms.term import PREDICTOR

Array = np.ndarray
TOGETHER = 2_000_000  # linear predictors that are made at a time: chosen


@dataclass(frozen=True)
class Backwards:
    """Neurons of a fit on new spikes: what their rows read but for some variables, and draws.

    ``thetas`` are the draws ``(draws, size)`` of each neuron, of which ``mean`` is that of all.
    """

    problems: list[Problem]
    predictors: tuple[Predictors, ...]
    dataset: xr.Dataset
    dim: str
    y: Array  # (rows, neurons)
    trials: Array | None  # (rows, neurons)
    thetas: list[Array]
    mean: list[Array]

    @property
    def rows(self) -> Array:
        """The samples that are read."""
        return self.predictors[0].rows

    @property
    def family(self) -> Family:
        """The family of all neurons."""
        return self.problems[0].natural.family

    @property
    def n_draws(self) -> int:
        """How many draws are read."""
        return len(self.thetas[0])

    def phi(self, thetas: Sequence[Array]) -> list[list[Array]]:
        """Return the dispersions ``(neurons,)`` of each of the draws ``(draws, size)``."""
        n = len(thetas[0])
        every = [
            [np.broadcast_to(np.ravel(value), n) for value in one.natural.phi(theta)]
            for one, theta in zip(self.problems, thetas, strict=True)
        ]
        by_name = [np.stack(values, axis=-1) for values in zip(*every, strict=True)]
        return [[values[d] for values in by_name] for d in range(n)]

    def eta(self, thetas: Sequence[Array]) -> Array:
        """Return linear predictors ``(draws, rows, neurons)`` of draws ``(draws, size)``."""
        pairs = enumerate(zip(self.predictors, thetas, strict=True))
        return np.stack([eta_of(one, self.w(k, theta)) for k, (one, theta) in pairs], axis=-1)

    def w(self, k: int, theta: Array) -> Array:
        """Return the coefficients ``(draws, p)`` of one neuron's thetas."""
        return theta[:, : self.problems[k].natural.n_coefficients]


def eta_of(predictors: Predictors, w: Array) -> Array:
    """Return linear predictors ``(draws, rows)`` at coefficients ``(draws, p)``."""
    eta = np.empty((len(w), len(predictors.rows)))
    step = max(16, TOGETHER // len(w))
    for start in range(0, len(predictors.rows), step):
        part = slice(start, min(start + step, len(predictors.rows)))
        eta[:, part] = linear_predictors(predictors.block(part), w)[0]
    return eta


def linear_readers(problem: Problem) -> dict[str, int]:
    """Return the predictors that one term alone reads, linearly, and the number of its block.

    That is a term whose signal is the variable as it is, not a function of it.
    """
    terms, blocks = problem.plan.model.every_term, problem.design.predictors.blocks
    read = [name for term in terms for name in term.variables]
    readers = {}
    for k, (term, block) in enumerate(zip(terms, map(bare_of, blocks), strict=True)):
        own = block.is_plain or (block.lags is not None and block.multiplier is None)
        for name, role in term.roles.items():
            alone = role == PREDICTOR and read.count(name) == 1
            if own and alone and _is_signal(problem, name, block):
                readers[name] = k
    return readers


def _is_signal(problem: Problem, name: str, block: Block) -> bool:
    """Say whether the signal of a block is a variable of the data, gaps aside."""
    plan = problem.plan
    variable = plan.dataset[name]
    if plan.population in variable.dims:
        variable = variable.isel({plan.population: problem.neuron})
    if variable.dtype.kind not in "iufb" or block.signal.shape != (
        len(variable),
        variable.size // len(variable),
    ):
        return False
    values = variable.values.reshape(block.signal.shape)
    return bool(np.all((block.signal == values) | np.isnan(values)))


def open_backwards(
    fit: xr.DataTree,
    problems: list[Problem],
    data: Any,
    variables: Sequence[str],
    fill: Callable[[xr.Dataset, str], xr.Dataset],
    draws: int,
) -> Backwards:
    """Lay a fit on new spikes, in which ``fill`` puts values for what is to be decoded."""
    plan = problems[0].plan
    dataset = as_dataset(data)
    dim = sample_dim_of(dataset, plan.model.response)
    require(dataset, plan.model.response, "response")
    given = fill(dataset.drop_vars([one for one in variables if one in dataset]), dim)
    dataset, dim, predictors = plan_prediction(
        plan.model, given, plan.population, len(problems), labels=plan.own_labels
    )
    predictors = as_fitted(problems, dataset, predictors, "linear")
    y, trials = _responses(problems, predictors, dataset, dim)
    kept = kept_of(fit, problems)
    if kept[0].redrawn is not None:
        raise ModelError(
            f"the fit keeps no draws of the effects of group {kept[0].redrawn!r}, whose levels are "
            "very many; decode with a fit of fewer draws, or a MAP."
        )
    every = [one.finished[1].theta for one in kept]
    count = min(map(len, every))
    if not count:
        raise DataError("an interruption left a neuron without draws; fit the others alone.")
    chosen = np.unique(np.linspace(0, count - 1, min(draws, count)).astype(int))
    return Backwards(
        problems,
        predictors,
        dataset,
        dim,
        y,
        trials,
        [theta[chosen] for theta in every],
        [theta.mean(axis=0) for theta in every],
    )


def _responses(
    problems: list[Problem], predictors: tuple[Predictors, ...], dataset: xr.Dataset, dim: str
) -> tuple[Array, Array | None]:
    """Return responses and numbers of trials ``(rows, neurons)``; DataError unless they fit."""
    model, family = problems[0].plan.model, problems[0].natural.family
    response = read_response(model, dataset[model.response], dim, dataset)
    columns = response.reshape(len(response), -1)
    if columns.shape[1] != len(problems):
        raise DataError(
            f"response {model.response!r} of the data has {columns.shape[1]} neurons, and the fit "
            f"{len(problems)}; give those of the fit."
        )
    rows = predictors[0].rows
    counted = [one.trials[rows] for one in predictors if one.trials is not None]
    trials = np.stack(counted, axis=1) if counted else None
    y = np.asarray(columns[rows], dtype=np.float64)
    wrong = ~np.broadcast_to(family.valid(y, trials), y.shape)
    if wrong.any():
        t, k = np.argwhere(wrong)[0]
        raise DataError(
            f"response {model.response!r}{problems[k].where}: a {family.name} response takes "
            f"{family.support}; {int(wrong.sum())} values of the data to be decoded are not, the "
            f"first at {dim}={int(rows[t])} ({y[t, k]:g}). Count or code them as those of the fit."
        )
    return y, trials


def check_decodable(problems: list[Problem], variables: Sequence[str]) -> None:
    """Raise ModelError where the model is none that is decoded."""
    problem = problems[0]
    model, predictors = problem.plan.model, problem.design.predictors
    family = problem.natural.family
    known = [name for term in model.every_term for name in term.variables]
    for name in variables:
        if not isinstance(name, str) or name not in known:
            raise ModelError(
                f"no term of the model reads {shown(name)}; what can be decoded is among "
                f"{', '.join(dict.fromkeys(known)) or 'nothing'}."
                f"{closest(name, known) if isinstance(name, str) else ''}"
            )
        beside = next((role for role, one in model.roles.items() if one == name), None)
        if beside is not None:
            raise ModelError(
                f"{name!r} is the {beside} of the model as well; decode needs it known."
            )
    if predictors.beside or predictors.levels is not None or model.censored or model.truncated:
        raise ModelError(
            "decoding reads responses with one linear predictor, seen as they are; this model has "
            "several (a dispersion's, or those of levels), or responses seen within bounds."
        )
    if not family.log_concave:
        raise ModelError(
            f"decoding climbs to one mode, and the {family.name} likelihood with the "
            f"{family.link} link may have several; take a canonical link (poisson with log, "
            "bernoulli with logit, gaussian with identity)."
        )


def lags_of(block: Block) -> Array:
    """Return the lags at which a term reads its signal: of one without lags the present."""
    return np.zeros(1, dtype=int) if block.lags is None else np.asarray(block.lags)


def bare_of(block: Block) -> Block:
    """Return a block as its term lays it, without the waves over which a prior lays it."""
    return block.bare or block


def coefficients_of(block: Block, w: Array) -> Array:
    """Return the coefficients of the bare columns ``(draws, columns)``, of those that a fit has."""
    return w if block.waves is None else block.transform.natural(w)


def impulses(block: Block) -> Array:
    """Return what coefficients make of a signal that is one once ``(lags, features, columns)``.

    The block is bare. Times its coefficients that is the kernel, on whatever functions it stands.
    """
    n_features, lags = block.signal.shape[1], lags_of(block)
    reach = int(np.abs(lags).max())
    n = 2 * reach + 1
    clock = Clock(np.zeros(n, dtype=int), np.full(n, n), block.step)
    made = []
    for feature in range(n_features):
        signal = np.zeros((n, n_features))
        signal[reach, feature] = 1.0
        probe = replace(block, signal=signal, clock=None if block.lags is None else clock)
        made.append(probe.columns(reach + lags))
    return np.stack(made, axis=1)


def stored_variable(fit: xr.DataTree, name: str) -> xr.DataArray:
    """Return a variable as the fit stored it, its samples first."""
    return stored_data(fit)[name].transpose(fit.attrs[SAMPLE_DIM], ...)

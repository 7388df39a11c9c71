"""The Bayes factor of a point null, by the density of one fit's posterior there."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import group_redrawn, kept_of, model_of, parameter_group
from bayesglm.inference.tree.words import entries_of
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.bayes_factors.lines import Null
from bayesglm.results.bayes_factors.null import contrast_of
from bayesglm.results.bayes_factors.scaled import FACTORS, checked_factors, defaults_among
from bayesglm.results.bayes_factors.told import of_defaults, table_of
from bayesglm.results.scores.log_likelihood import posterior_problems
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = np.ndarray
INSTEAD = "fit the model without it too, and write bayes_factor({'with': fit, 'without': other})"


def savage_dickey(
    fit: xr.DataTree, term: str, value: float = 0.0, factors: Iterable[float] = FACTORS
) -> pd.DataFrame:
    """Weigh a coefficient, or a term, against a point null by the posterior's density there.

    Where a prior has a finite density at the null and the priors of all else do not depend on it,
    the Bayes factor against the null is a ratio of two densities (Dickey 1971, Annals of
    Mathematical Statistics 42:204-223):

        log BF = log p(value) - log p(value | y)

    It equals that of `bayes_factor` for the fit and one without the term. The posterior's density
    is no estimate by kernels, which know nothing of tails, but a mean over the draws,

        p(value | y) = E[ g(w) p(value, T psi, y) |det T| / p(w, psi, y) ],

    with g a normal density of the coefficients w, and T an affine map of the other parameters psi
    from their peak in the posterior to their peak at the null (Chen 1994, JASA 89:818-824, with a
    map under which the ratios of a normal posterior are all the same). It reaches nulls thirty nats
    away as well as near ones; ratios are Pareto-smoothed.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    term : str
        A term, ``"x"``, all of whose coefficients are held at the value; or one coefficient, as
        `summary` names it: ``"region[West]"``, ``"intercept"``.
    value : float
        The null, in units of the coefficient.
    factors : sequence of float
        As in `bayes_factor`: the prior of what is held, this many times as wide. The draws are
        weighted to each, and ``khat`` tells how well they reach.

    Returns
    -------
    pandas.DataFrame
        As of `bayes_factor`: ``log_bf`` in favour of a free coefficient, against the value; a row
        for each factor, and each neuron of a population.

    Raises
    ------
    DataError
        A fit without a posterior; no such term or coefficient; a value that is no number.
    ModelError
        A null at which the ratio is not defined: under improper priors; learned scales, whose
        density at zero may be infinite (`Horseshoe`) and which other coefficients share; bounds; a
        `SpikeSlab`, which has its own probability of inclusion; one coefficient of several that
        hang together by their prior.

    Warns
    -----
    BayesGLMWarning
        A k-hat that is too high at the priors as they are.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> table = bg.savage_dickey(fitted, "x")
    >>> bool(table.loc[("x", 1.0), "log_bf"] > 5)
    True
    >>> table.attrs["against"]
    'x = 0'
    """
    factors = checked_factors(factors)
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(float(value)):
        raise DataError(f"value must be a finite number, got {shown(value)}.")
    problems = posterior_problems(fit)
    if group_redrawn(fit) is not None:
        raise ModelError(
            f"the effects of {group_redrawn(fit)!r} are redrawn level by level, so that their "
            f"joint density is not at hand; {INSTEAD}."
        )
    name, places = _named(fit, term)
    chains = fit["posterior"].sizes["chain"]
    worth = float(fit.attrs.get("importance_ess", np.inf))
    nulls = [_null(one, name, places, str(term), float(value)) for one in problems]
    contrasts = [
        contrast_of(kept, null, chains, worth)
        for kept, null in zip(kept_of(fit, problems), nulls, strict=True)
    ]
    table = table_of(contrasts, factors)
    defaults = defaults_among([problems[0].plan], contrasts[0].varied)
    if defaults:
        table.attrs["sentences"].append(of_defaults(defaults))
    limit = khat_limit(fit["posterior"].sizes["draw"] * chains)
    bad = [one for one in contrasts if not one.at(1.0).khat < limit]
    for one in bad:
        tell(
            f"the posterior's density at {one.against} cannot be trusted: k-hat is "
            f"{one.at(1.0).khat:.2f}, and its limit {limit:.2f}. Take more draws, or {INSTEAD}."
        )
    table.attrs |= {"against": f"{term} = {value:g}", "varied": list(contrasts[0].varied)}
    return table


def _named(fit: xr.DataTree, term: object) -> tuple[str, Array | None]:
    """Return the parameter that is named, and which of its entries: None for all."""
    words: dict[str, tuple[str, Array | None]] = {}
    for entries in entries_of(model_of(fit), parameter_group(fit)):
        if entries.own or entries.of_eta:
            words |= {
                word: (entries.name, np.array([place]))
                for word, place in zip(entries.words, entries.places, strict=True)
            }
            words[entries.name] = (entries.name, None)
    if not is_among(term, words):
        terms = ", ".join(name for name, (_, place) in words.items() if place is None)
        raise DataError(
            f"the fit has no term or coefficient {shown(term)}; the terms are {terms}, and summary "
            f"names their coefficients.{closest(term, words)}"
        )
    return words[str(term)]


def _null(problem: Problem, name: str, places: Array | None, label: str, value: float) -> Null:
    """Return what is held in one neuron's theta; ModelError where a ratio is not defined."""
    where = problem.places.get(name)
    part = next((one for one in problem.natural.coefficients if one.where == where), None)
    if where is None or part is None:
        raise ModelError(
            f"{name!r} is no coefficient with a prior of its own, so it has no point null; "
            f"{INSTEAD}."
        )
    fault = _fault(problem, name, part, value, alone=places is not None and part.size > 1)
    if fault:
        raise ModelError(
            f"the Savage-Dickey ratio of {label!r} is not defined: {fault}; {INSTEAD}."
        )
    every = np.arange(where.start, where.stop)
    own = every if places is None else every[places]
    neuron = problem.plan.labels
    unit = "" if neuron is None else f" ({problem.plan.population} {neuron[problem.neuron]})"
    return Null(own, part, name, f"{label}{unit}", float(value))


def _fault(problem: Problem, name: str, part: PriorPart, value: float, alone: bool) -> str:
    """Say why a density at a point is infinite, or no matter of that point alone; or nothing."""
    confined = [problem.design.predictors.blocks[k].name for k in problem.confined]
    if part.learned is not None:
        return (
            "its prior learns a scale, so that its density at zero may be infinite, and what it "
            "shares depends on it"
        )
    if not part.prior.proper:
        return "its prior is improper and has no density there (give it bg.Normal(1.0), say)"
    if part.prior.two_normals is not None:
        return f"its prior has a spike at zero, and the posterior tells {name}_inclusion instead"
    if part.support != "real":
        return "its prior has a bound, where the density is that of one side"
    if name in confined:
        return "it is a field of low rank, whose numbers are not unique"
    if alone and (not part.structure.diagonal or part.structure.groups):
        return "its prior holds it together with the term's other coefficients; name the term"
    block = next((one for one in problem.design.predictors.blocks if one.name == name), None)
    if value and block is not None and block.waves is not None:
        return "a field is held at zero only"
    return ""

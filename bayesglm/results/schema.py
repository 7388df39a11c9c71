"""What a tree of this package holds, checked against its own model before and after a file.

A tree that passes serves every later verb: the groups are there, the parameters have the names,
dims and labels of the model laid on the stored data, and they are numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.door import SAMPLE_DIM
from bayesglm.design.labels import same_labels
from bayesglm.errors import DataError
from bayesglm.inference.draws import PROBS
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import responses_of, sample_coords
from bayesglm.inference.tree.named import parameters
from bayesglm.inference.tree.opened import EFFECTS, model_of, reopen
from bayesglm.results.scores.scoring import SCORINGS

Array = np.ndarray
LEADS: dict[str, tuple[str, ...]] = {
    "posterior": ("chain", "draw"),
    "map": (),
    "path": ("scale",),
    "prior": ("chain", "draw"),
}
# Other groups that stand beside them.
BESIDE = {
    "posterior": ("sample_stats",),
    "map": (),
    "path": ("statistics",),
    "prior": ("prior_predictive",),
}
LIKE_PARAMETERS = {"proposal": "posterior", "sd": "path"}  # groups with the same variables
DATA = ("observed_data", "constant_data")
WHOLE, WORD = (int, np.integer), (str,)
TOGETHER = "together"  # the name of a tuning's curve of several terms that have one scale
ATTRIBUTES = {
    "n_samples": WHOLE,
    "n_dropped": WHOLE,
    "population": WORD,
    "method": WORD,
    SAMPLE_DIM: WORD,
}


def check_tree(tree: xr.DataTree) -> None:
    """Raise DataError or ModelError unless the tree is a fit, a path or a tuning of this package.

    Draws that an interrupted sampler did not reach may be missing, whole draws at a time.
    """
    model = model_of(tree)
    if tree.attrs.get("method") == "tuning":
        return _check_tuning(tree, [term.label for term in model.every_term])
    group = next((name for name in LEADS if name in tree.children), None)
    if group is None:
        raise DataError(
            f"the tree holds no parameters: none of the groups {', '.join(LEADS)}; its groups are "
            f"{', '.join(tree.children) or 'none'}."
        )
    for name in (*BESIDE[group], *DATA):
        if name not in tree.children:
            raise DataError(f"the tree lacks the group {name!r}, which a {group} has beside it.")
    for name, kind in ATTRIBUTES.items():
        if not isinstance(tree.attrs.get(name), kind):
            raise DataError(f"the tree lacks the attribute {name!r}.")
    if tree.attrs[SAMPLE_DIM] not in tree["constant_data"].to_dataset().dims:
        raise DataError(f"the group 'constant_data' lacks the dim {tree.attrs[SAMPLE_DIM]!r}.")
    problems = reopen(tree)
    _check_data(tree, problems)
    _check_parameters(tree, group, problems)
    if group == "posterior" and "prior" in tree.children:
        _check_parameters(tree, "prior", problems)
        _check_draws(tree, tree["prior"].to_dataset(), "prior")
    if "log_prior" in tree.children:
        _check_log_prior(tree, problems[0])


def _check_tuning(tree: xr.DataTree, terms: list[str]) -> None:
    if not tree.children or not isinstance(tree.attrs.get("criterion"), str):
        raise DataError("the tree says that it is a tuning, and holds no curve.")
    for name, node in tree.children.items():
        curve = node.to_dataset()
        if name not in terms and name != TOGETHER:
            raise DataError(f"the tree holds a curve for {name!r}, which is no term of its model.")
        if "scale" not in curve.coords or curve["scale"].dims != ("scale",):
            raise DataError(f"the curve of {name!r} has no coordinate 'scale'.")
        if not np.any(curve["scale"].values == curve.attrs.get("chosen")):
            raise DataError(f"the curve of {name!r} does not say which of its scales was chosen.")
        columns = {"log_evidence", "elpd", *SCORINGS} & set(curve.data_vars)
        if not columns or any(curve[name].dims != ("scale",) for name in curve.data_vars):
            raise DataError(f"the curve of {name!r} holds no score along 'scale'.")


def _check_data(tree: xr.DataTree, problems: list[Problem]) -> None:
    plan, predictors = problems[0].plan, problems[0].design.predictors
    counts = {"n_samples": predictors.n_samples, "n_dropped": plan.n_dropped}
    counts |= {"n_missing": plan.n_missing} if "n_missing" in tree.attrs else {}
    for name, count in counts.items():
        if tree.attrs[name] != count:
            raise DataError(
                f"the tree says {name}={tree.attrs[name]}, but its data make that {count}; cut "
                "data before they are fitted, not after."
            )
    response = plan.model.response
    dims = (plan.sample_dim,) if plan.population is None else (plan.sample_dim, plan.population)
    own_dims, expected, _ = responses_of(problems)
    own = tree["observed_data"].to_dataset()
    kinds = "biuf" if plan.model.levels is None else "biufOU"
    observed = _variable(own, "observed_data", response, own_dims, kinds)
    _check_samples(own, "observed_data", problems)
    if not np.array_equal(observed.transpose(*own_dims).values, expected):
        raise DataError(
            f"the response {response!r} differs between 'observed_data' and 'constant_data'."
        )
    lead = ("chain", "draw")
    if "log_likelihood" in tree.children:
        _check_by_draw(tree, "log_likelihood", (*lead, *dims), problems, "biuf")
    for name in ("posterior_predictive", "prior_predictive"):
        if name in tree.children:
            _check_by_draw(tree, name, (*lead, *own_dims), problems, kinds)


def _check_by_draw(
    tree: xr.DataTree, place: str, dims: Any, problems: list[Problem], kinds: str
) -> None:
    """Check a group with a number for each draw and sample of the response."""
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    own = tree[place].to_dataset()
    stored = _variable(own, place, plan.model.response, dims, kinds)
    if stored.sizes[plan.sample_dim] != len(rows):
        raise DataError(f"the group {place!r} does not have the samples of the fit.")
    _check_samples(own, place, problems)
    _check_draws(tree, own, place)


def _check_draws(tree: xr.DataTree, own: xr.Dataset, place: str) -> None:
    """Raise DataError unless draws are labelled as some of the posterior's are."""
    if "posterior" not in tree.children:
        return
    for dim in LEADS["posterior"]:
        known = tree["posterior"].to_dataset().variables.get(dim)
        if known is not None and dim in own.coords and np.isin(own[dim], known).all():
            continue
        if known is None and dim not in own.coords:
            continue
        raise DataError(
            f"the labels {dim!r} of the group {place!r} are not among those of the posterior; "
            "make it anew by bg.add_groups."
        )


def _check_samples(own: xr.Dataset, place: str, problems: list[Problem]) -> None:
    """Raise DataError where samples, or neurons, are not labelled as in the stored data."""
    for name, given in sample_coords(problems).items():
        labels = given[1] if isinstance(given, tuple) else given
        if name in own.coords and not same_labels(own.variables[name].values, labels):
            raise DataError(
                f"the labels {name!r} of the group {place!r} are not those of 'constant_data'; "
                "label data before they are fitted, not after."
            )


def _check_parameters(tree: xr.DataTree, group: str, problems: list[Problem]) -> None:
    lead = LEADS[group]
    of_one = np.zeros((*(1 for _ in lead), problems[0].natural.size))
    template = parameters(problems, [of_one] * len(problems), lead)
    coefficients = problems[0].natural.n_coefficients
    redrawn = None
    if EFFECTS in tree.children:
        redrawn = _check_effects(tree[EFFECTS].to_dataset(), template, problems[0], lead)
    for place in (group, *(name for name, of in LIKE_PARAMETERS.items() if of == group)):
        if place not in tree.children:
            continue
        own = tree[place].to_dataset()
        for name in own.data_vars:
            if not set(lead) <= set(own.variables[name].dims):
                raise DataError(
                    f"the variable {name!r} of the group {place!r} does not lie along "
                    f"{', '.join(lead)}; keep it in a group of its own."
                )
        named = [
            name
            for name, where in problems[0].places.items()
            if name != redrawn and (place != "sd" or where.start < coefficients)
        ]
        for name in named:
            _check_like(own, place, template, name, lead)
        empty = template.isel(dict.fromkeys(lead, 0)).isnull()
        _check_numbers(own, empty, named, place, (*lead, problems[0].plan.population))


def _check_log_prior(tree: xr.DataTree, problem: Problem) -> None:
    """Check the log densities of priors: numbers of some of the model's parameters."""
    own, population = tree["log_prior"].to_dataset(), problem.plan.population
    known = {one.name: one for one in problem.natural.registry.free}
    for name in map(str, own.data_vars):
        if name not in known:
            raise DataError(f"the group 'log_prior' holds {name!r}, no parameter of the model.")
        alone = population is None or known[name].common
        dims = ("chain", "draw") if alone else ("chain", "draw", population)
        values = _variable(own, "log_prior", name, dims).values
        if np.isposinf(values).any():
            raise DataError(
                f"the group 'log_prior' holds infinite densities of {name!r}; make it anew by "
                "bg.add_groups."
            )
    _check_draws(tree, own, "log_prior")


def _check_effects(
    own: xr.Dataset, template: xr.Dataset, problem: Problem, lead: tuple[str, ...]
) -> str:
    """Check the marginals of effects that are redrawn, and return whose they are."""
    name = own.attrs.get("group")
    groups = [term.label for term in problem.plan.model.every_term if term.facts.of_levels]
    if name not in groups or lead != ("chain", "draw"):
        raise DataError(
            f"the group {EFFECTS!r} says that it holds the effects of {name!r}, which is no group "
            "of the model whose effects a posterior has."
        )
    if not np.array_equal(own.variables.get("quantile", ()), PROBS):
        raise DataError(f"the group {EFFECTS!r} lacks the coordinate 'quantile' of {PROBS}.")
    expected = template[name].isel(dict.fromkeys(lead, 0), drop=True)
    for kind, along in (("mean", ()), ("sd", ()), ("quantile", ("quantile",))):
        variable = f"{name}_{kind}"
        like = expected.rename(variable).to_dataset()
        if along:
            like = like.expand_dims(quantile=np.array(PROBS))
        _check_like(own, EFFECTS, like, variable, ())
        if not np.isfinite(own.variables[variable].values).all():
            raise DataError(
                f"the group {EFFECTS!r} holds values of {variable!r} that are missing or infinite; "
                "fit the model again."
            )
    return str(name)


def _check_like(
    own: xr.Dataset, place: str, template: xr.Dataset, name: str, lead: tuple[str, ...]
) -> None:
    """Check dims, sizes and labels of a parameter against those that its model gives it."""
    dims = template.variables[name].dims
    _variable(own, place, name, dims)
    for dim in map(str, dims):
        if dim in lead:
            continue
        labels = template.variables[dim]
        if dim not in own.coords or not own.variables[dim].equals(labels):
            raise DataError(
                f"the labels of dim {dim!r} of the parameter {name!r} in the group {place!r} are "
                "not those that the model has on the stored data."
            )


def _check_numbers(
    own: xr.Dataset,
    empty: xr.Dataset,
    named: list[str],
    place: str,
    by_draw: tuple[str | None, ...],
) -> None:
    """Check that parameters are finite, but for draws that are missing as a whole.

    Where the model has no parameter, as in coupling of one with itself, all are ``empty``.
    """
    absent: Array | None = None
    for name in named:
        variable = own.variables[name]
        outside = [dim for dim in by_draw if dim in variable.dims]
        if empty.variables[name].any():
            variable = variable.where(~empty.variables[name] | variable.notnull(), 0.0)
        values = variable.transpose(*outside, ...).values
        inside = tuple(range(len(outside), values.ndim))
        missing = np.isnan(values).any(inside)
        absent = missing if absent is None else absent
        if missing.ndim < absent.ndim:  # one for all neurons
            missing = np.broadcast_to(missing[..., None], absent.shape)
        whole = np.isfinite(values).all(inside) | np.isnan(values).all(inside)
        if not whole.all() or not np.array_equal(missing, absent):
            wrong = "missing or infinite"
        elif "draw" not in by_draw and missing.any():
            wrong = "missing"
        else:
            continue
        raise DataError(
            f"the parameter {name!r} in the group {place!r} holds values that are {wrong}; fit the "
            "model again."
        )


def _variable(
    own: xr.Dataset, place: str, name: str, dims: Any, kinds: str = "biuf"
) -> xr.Variable:
    """Return a variable of a group, numbers (or labels) over some dims in any order.

    Bare: its coordinates would be looked for among all of the group's.
    """
    if name not in own.data_vars:
        raise DataError(f"the group {place!r} lacks the variable {name!r}.")
    variable = own.variables[name]
    if set(variable.dims) != set(dims) or variable.dtype.kind not in kinds:
        raise DataError(
            f"the variable {name!r} of the group {place!r} is of type {variable.dtype} over "
            f"{variable.dims}, not numbers over {tuple(dims)}."
        )
    return variable

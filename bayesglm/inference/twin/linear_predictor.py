"""A linear predictor as a building block inside any PyMC model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.door import as_dataset, sample_dim_of
from bayesglm.design.terms.linear import takes_columns, takes_values
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.inference.twin.model import coords_of, predictor_of_mean
from bayesglm.numerics.priors.spectra import VarianceScale
from bayesglm.spec.given import check_is_model, verb_of_models
from bayesglm.spec.model import GLM
from bayesglm.spec.names import fault_of
from bayesglm.spec.terms.term import Term

if TYPE_CHECKING:
    import pymc
    from pytensor.tensor import TensorVariable

type Tensor = Any


class Given(NamedTuple):
    """A variable of PyTensor in the place of a variable of the data, and its dims."""

    value: Tensor
    dims: tuple[str, ...]


@verb_of_models
def linear_predictor(model: GLM, data: Any, name: str | None = None) -> TensorVariable:
    """Add a model's linear predictor to the open PyMC model, and return it: eta, as a tensor.

    The priors of the intercept and of every term become variables of the open `pymc.Model`, under
    the names that `to_pymc` gives them, with their dims, their learned scales and the columns as
    ``pm.Data``. What the model says of the likelihood stays out: no response is observed, no
    dispersion is added, and trials and weights are not read. So eta can be one of several states'
    predictors, have a latent drive added to it, or go into a likelihood that no GLM has.

    Parameters
    ----------
    model : GLM
        Its family and response tell the scale of default priors, and of which samples there is a
        full past; offset and exposure are part of eta.
    data : Dataset, DataFrame or mapping
        As in `fit_map`. In a mapping the variables of `Linear` terms may be variables of PyTensor,
        ``(sample, *feature dims)``: other parameters of the open model, say. Such a term has a
        prior of its own, since nothing is known of how far its predictor varies.
    name : str, optional
        What names and dims begin with: ``name="left"`` adds ``left_intercept``, and coefficients
        ``left_stimulus`` along ``left_stimulus_lag``. Each of several predictors in one model has
        a name of its own.

    Returns
    -------
    pytensor.tensor.TensorVariable
        eta ``(sample[, population])`` of the samples in use, labelled by the model's coordinate of
        the sample dim (``left_time``). It is no variable of the model: ``pm.Deterministic`` makes
        it one.

    Raises
    ------
    ModelError
        No open PyMC model, a name that the open model has already, a family with a linear predictor
        for each of several levels, a dispersion with a predictor of its own, an R2D2 prior in units
        of a sigma that is to be learned, or a variable of PyTensor where none can stand.
    DataError
        As in `fit_map`; or a variable of PyTensor with another number of samples than the data.

    Examples
    --------
    Two kinds of trials, of which only the share is known, each with a psychometric curve:

    >>> import bayesglm as bg
    >>> import pymc as pm
    >>> data = {"choice": [0, 1, 1, 0], "contrast": [-0.8, 0.3, 0.9, -0.1]}
    >>> curve = bg.GLM("choice", "contrast", family="bernoulli", prior=bg.Normal(2.0))
    >>> with pm.Model() as mixture:
    ...     engaged = bg.linear_predictor(curve, data, name="engaged")
    ...     p = 0.9 * pm.math.sigmoid(engaged) + 0.1 * 0.5
    ...     choice = pm.Bernoulli("choice", p, observed=data["choice"])
    >>> [variable.name for variable in mixture.free_RVs]
    ['engaged_intercept', 'engaged_contrast']
    """
    import pymc as pm

    open_model = pm.Model.get_context(error_if_none=False)
    if open_model is None:
        raise ModelError(
            "linear_predictor adds to an open PyMC model, and none is open; write "
            "with pymc.Model(): eta = bayesglm.linear_predictor(model, data). For a model with its "
            "likelihood write to_pymc(model, data)."
        )
    fault = None if name is None else fault_of(name) if isinstance(name, str) else "no string"
    if fault is not None:
        raise ModelError(f"linear_predictor cannot put the name {name!r} before names: {fault}.")
    check_is_model(model, data)
    data, given = _told_apart(model, data, open_model)
    problems = open_problems(model, data)
    _check_alone(problems)
    population = () if problems[0].plan.population is None else (problems[0].plan.population,)
    with pm.Model(coords=coords_of(problems), model=None) as alone:
        eta = predictor_of_mean(problems, population, {})
    eta = _with_given(problems, alone, eta, given)
    _move(alone, open_model, name)
    return eta


def _check_alone(problems: list[Problem]) -> None:
    """Raise ModelError where the mean's linear predictor is not all that the model says of eta."""
    first = problems[0]
    model, predictors = first.plan.model, first.design.predictors
    if predictors.levels is not None:
        raise ModelError(
            f"a {model.family} response has a linear predictor for each of its levels, and "
            "linear_predictor adds one; call it once for each level, with a model of a family of "
            "one predictor (bernoulli, say), each time under another name=."
        )
    for other in model.predicted:
        raise ModelError(
            f"{other!r} has a linear predictor of its own, and linear_predictor adds that of the "
            "mean; give its terms to another call as those of a mean, under another name=."
        )
    named = {where.start: name for name, where in first.places.items()}
    for part in first.natural.coefficients:
        if isinstance(part.learned, VarianceScale) and part.learned.sigma is not None:
            raise ModelError(
                f"the R2D2 prior of {named[part.where.start]!r} is in units of sigma, which is no "
                "part of a linear predictor; say it: R2D2(..., sigma=1.0), or fix the model's "
                "dispersion."
            )


def _told_apart(model: GLM, data: Any, open_model: pymc.Model) -> tuple[Any, dict[str, Given]]:
    """Return data with zeros in the place of PyTensor's variables, and these by name."""
    from pytensor.graph.basic import Variable

    if not isinstance(data, Mapping):
        return data, {}
    symbolic = {key: value for key, value in data.items() if isinstance(value, Variable)}
    if not symbolic:
        return data, {}
    for key in symbolic:
        _check_reads_values(model, key)
    known = as_dataset({key: value for key, value in data.items() if key not in symbolic})
    if model.response not in known.variables:
        raise DataError(
            f"the response {model.response!r} is not in the data, and is what tells the samples of "
            f"{', '.join(map(repr, symbolic))}; add it."
        )
    dim = sample_dim_of(known, model.response)
    given, placeholders = {}, {}
    for key, value in symbolic.items():
        dims = open_model.named_vars_to_dims.get(value.name) or (
            dim,
            *(f"{key}_dim_{k}" for k in range(value.type.ndim - 1)),
        )
        given[key] = Given(value, (dim, *map(str, dims[1:])))
        placeholders[key] = (given[key].dims, np.zeros(_shape(key, value, known.sizes[dim])))
    labels = {
        own: list(labels)
        for one in given.values()
        for own, labels in open_model.coords.items()
        if own in one.dims[1:] and labels is not None
    }
    return as_dataset(known.assign(placeholders).assign_coords(labels), dim), given


def _shape(name: str, value: Tensor, n_samples: int) -> tuple[int, ...]:
    """Return the shape of a variable of PyTensor, or raise where it is unknown or does not fit."""
    if value.type.ndim == 0:
        raise DataError(f"{name!r} is a single number of PyTensor; give one value per sample.")
    n, *features = value.type.shape
    if n is not None and n != n_samples:
        raise DataError(
            f"{name!r} is a variable of PyTensor with {n} samples, and the data have {n_samples}."
        )
    if None in features:
        # As of random variables whose shape is computed, from the lengths of dims say.
        features = [int(one) for one in value.shape[1:].eval()]
    return (n_samples, *features)


def _check_reads_values(model: GLM, name: str) -> None:
    """Raise ModelError unless a variable is read by linear terms alone that have priors."""
    roles = {role: variable for role, variable in model.roles.items() if variable == name}
    readers = [term for term in model.terms if name in term.variables]
    if name == model.response or roles:
        what = "response" if name == model.response else next(iter(roles))
        raise ModelError(
            f"the {what} {name!r} is a variable of PyTensor, which only predictors can be; add it "
            "to the eta that linear_predictor returns, where that is meant."
        )
    for term in readers:
        if not takes_values(term):
            raise ModelError(
                f"{name!r} is a variable of PyTensor, and term {term.label!r} makes columns of its "
                f"values; only Linear terms without a transform take such. Compute them with "
                f"PyTensor, and write Linear({name!r})."
            )
        prior: Any = model.prior_of(term)
        if prior is None or (prior.traits.of_variance and prior.predictor_sd is None):
            raise ModelError(
                f"{name!r} is a variable of PyTensor, of which nothing tells how far it varies; "
                f"give the scale of term {term.label!r}: prior=Normal(1.0), say."
            )


def _with_given(
    problems: list[Problem], alone: pymc.Model, eta: Tensor, given: dict[str, Given]
) -> Tensor:
    """Return eta of PyTensor's variables in the place of columns, which are no data any more."""
    import pytensor.tensor as pt
    from pytensor.graph.replace import graph_replace

    model, rows = problems[0].plan.model, problems[0].design.predictors.rows
    for term in model.terms:
        if not given.keys() & set(term.variables):
            continue
        column = alone[f"{term.label}_data"]
        values = _values_of(problems[0], term, given)
        order = [values.dims.index(dim) for dim in alone.named_vars_to_dims[column.name]]
        own = values.value.transpose(*order)[rows].astype("float64")
        eta = graph_replace(eta, {column: pt.specify_shape(own, column.get_value().shape)})
        alone.data_vars.remove(column)
        del alone.named_vars[column.name]
    return eta


def _values_of(problem: Problem, term: Term, given: dict[str, Given]) -> Given:
    """Return a term's values of all samples, with their dims: of one variable, or of several."""
    import pytensor.tensor as pt

    plan, n = problem.plan, problem.design.predictors.n_samples
    several = [
        given[one] if one in given else Given(plan.dataset[one].values, (plan.sample_dim,))
        for one in term.variables
    ]
    checked = [
        # Indexing by the rows in use would not tell of samples too many.
        pt.specify_shape(pt.as_tensor(one.value), (n, *(None for _ in one.dims[1:])))
        for one in several
    ]
    if takes_columns(term):
        return Given(pt.stack(checked, axis=-1), (plan.sample_dim, f"{term.label}_column"))
    return Given(checked[0], several[0].dims)


def _move(alone: pymc.Model, into: pymc.Model, prefix: str | None) -> None:
    """Give the variables and dims of one model to another, with a prefix before their names."""

    def named(own: str) -> str:
        return own if prefix is None else f"{prefix}_{own}"

    dims = {
        named(dim): (tuple(labels or ()), alone.dim_lengths[dim])
        for dim, labels in alone.coords.items()
    }
    _check_new({named(own) for own in alone.named_vars}, dims, into, prefix)
    for dim, (labels, length) in dims.items():
        into.add_coord(dim, labels, length=length)
    for own, variable in alone.named_vars.items():
        # The open model may put the name of an outer one before.
        of_variable = tuple(map(named, alone.named_vars_to_dims.get(own, ()))) or None
        if variable in alone.free_RVs:
            into.register_rv(
                variable,
                named(own),
                dims=of_variable,
                transform=alone.rvs_to_transforms[variable],
                default_transform=None,
                initval=alone.rvs_to_initial_values[variable],
            )
            continue
        variable.name = into.name_for(named(own))
        for kind in ("data_vars", "deterministics", "potentials"):
            if variable in getattr(alone, kind):
                getattr(into, kind).append(variable)
        into.add_named_variable(variable, of_variable)


def _check_new(
    names: set[str], dims: Mapping[str, Any], into: pymc.Model, prefix: str | None
) -> None:
    """Raise ModelError where the open model has a name already, or a dim with other labels."""
    remedy = (
        "give this one a name=, which is put before its names"
        if prefix is None
        else f"give this one another name than {prefix!r}"
    )
    taken = {into.name_of(one) for one in into.named_vars}
    for one in sorted(names):
        if one in taken or one in into.coords:
            what = "variable" if one in taken else "dim"
            raise ModelError(f"the open PyMC model has a {what} {one!r} already; {remedy}.")
    for dim, (labels, _) in dims.items():
        if dim in taken:
            raise ModelError(f"the open PyMC model has a variable {dim!r} already; {remedy}.")
        if dim in into.coords and not np.array_equal(into.coords[dim] or (), labels):
            raise ModelError(
                f"the open PyMC model has a dim {dim!r} with other labels already; {remedy}."
            )

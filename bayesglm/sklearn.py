"""The door of scikit-learn: the model that a fitted estimator has maximised."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.bridge.arguments import convention_of
from bayesglm.spec.bridge.penalty_numbers import positive_number
from bayesglm.spec.bridge.reading import Reading, read
from bayesglm.spec.bridge.weights import combined, prior_of_weights, weights_of
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.prior.apart import Flat
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.response_levels import FIRST
from bayesglm.spec.terms.linear import Linear

LIBRARIES = ("sklearn", "celer", "skglm", "glum")
BLOCK = "X"


@dataclass(frozen=True)
class Estimator:
    """How an estimator says what its convention asks for.

    ``fitted`` are attributes that a fit chose, by the setting that they are; ``always`` settings
    that it has no argument for; ``parameters`` those that are a family's parameter, by its name.
    ``sigma`` reads the sd of the noise, where the estimator has found one; ``kept`` says which
    columns it has not pruned.
    """

    convention: str
    fitted: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    sigma: Callable[[Any], float] | None = None
    kept: Callable[[Any], list[bool]] | None = None


def _sd_of_precision(estimator: Any) -> float:
    return float(estimator.alpha_) ** -0.5


def _not_pruned(estimator: Any) -> list[bool]:
    return [bool(one < estimator.threshold_lambda) for one in estimator.lambda_]


CHOSEN = {"alpha": "alpha_"}
ESTIMATORS = {
    "sklearn.LinearRegression": Estimator("sklearn.Ridge", always={"alpha": 0.0}),
    "sklearn.RidgeCV": Estimator("sklearn.Ridge", CHOSEN),
    **dict.fromkeys(
        ("sklearn.LassoCV", "sklearn.LassoLarsCV", "sklearn.LassoLarsIC"),
        Estimator("sklearn.Lasso", CHOSEN),
    ),
    "sklearn.LassoLars": Estimator("sklearn.Lasso"),
    "sklearn.ElasticNetCV": Estimator("sklearn.ElasticNet", CHOSEN | {"l1_ratio": "l1_ratio_"}),
    "sklearn.LogisticRegressionCV": Estimator(
        "sklearn.LogisticRegression", {"C": "C_", "l1_ratio": "l1_ratio_"}
    ),
    "sklearn.TweedieRegressor": Estimator("sklearn.TweedieRegressor", parameters={"p": "power"}),
    "sklearn.BayesianRidge": Estimator(
        "sklearn.BayesianRidge.fitted", {"lambda_": "lambda_"}, sigma=_sd_of_precision
    ),
    "sklearn.ARDRegression": Estimator(
        "sklearn.ARDRegression.fitted",
        {"lambda_": "lambda_"},
        sigma=_sd_of_precision,
        kept=_not_pruned,
    ),
    "celer.LassoCV": Estimator("celer.Lasso", CHOSEN),
    "celer.ElasticNetCV": Estimator("celer.ElasticNet", CHOSEN | {"l1_ratio": "l1_ratio_"}),
    "glum.GeneralizedLinearRegressor": Estimator("glum"),
}
# What scikit-learn's deprecated argument says, in the settings that have taken its place.
PENALTIES: dict[Any, dict[str, Any]] = {
    "l1": {"l1_ratio": 1.0},
    "l2": {"l1_ratio": 0.0},
    "elasticnet": {},
    "deprecated": {},
    None: {"C": math.inf},
}


def from_sklearn(
    estimator: Any,
    response: str = "y",
    n: float | None = None,
    sigma: float | None = None,
    phi: float | None = None,
    weights: str | None = None,
) -> GLM:
    """Return the model whose MAP estimate a fitted estimator is, so that it can be given to `fit`.

    Parameters
    ----------
    estimator
        A fitted linear estimator of scikit-learn, or of celer, skglm or glum: Ridge, Lasso,
        ElasticNet, LinearRegression, LogisticRegression, their CV variants (the penalty that these
        chose), PoissonRegressor, GammaRegressor, TweedieRegressor, BayesianRidge and ARDRegression
        (with the precisions that they found, as numbers). A search gives its best estimator. In a
        pipeline a StandardScaler may stand before it: priors are then of the columns as they are,
        with a scale of each.
    response : str
        What the data call the response.
    n : float, optional
        The number of samples, where the estimator's loss is a mean (all but Ridge and
        LogisticRegression); of weighted samples the sum of their weights.
    sigma : float, optional
        The sd of the noise of gaussian responses, beside which a penalty stands. Estimators do not
        find it; ``np.std(y - estimator.predict(X), ddof=1 + n_columns)`` is one.
    phi : float, optional
        The dispersion of other responses: 1/alpha of gamma ones.
    weights : str, optional
        The variable of the sample weights with which the estimator was fitted, class weights
        included (``sklearn.utils.class_weight.compute_sample_weight``).

    Returns
    -------
    GLM
        With a term for each name in ``feature_names_in_``; of an array without names, one term
        ``X`` over its columns. Levels are those of ``classes_``; three and more classes have a
        vector of coefficients each (``reference=None``). Of several responses, given over a dim
        of their own, it is the model of each.

    Raises
    ------
    ModelError
        An estimator that is not fitted, that minimises what no prior says, or whose prior depends
        on something that is not told; a pipeline with other steps.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] > rng.logistic(size=200)
    >>> estimator = LogisticRegression(C=0.5, tol=1e-8).fit(X, y)
    >>> model = bg.from_sklearn(estimator)
    >>> model
    GLM('y', [Linear('X', prior=Normal(0.7071067811865476))], family='bernoulli')
    >>> best = bg.fit_map(model, {"y": y, "X": X})
    >>> bool(np.allclose(best["map"]["X"], estimator.coef_[0], atol=1e-6))
    True
    """
    final, names, scaler = _unwrapped(estimator)
    said = _record_of(final)
    if not hasattr(final, "coef_"):
        raise ModelError(_unfitted(final))
    _check_class_weight(final, weights)
    sigma = _sigma(final, said, None if sigma is None else positive_number("sigma", sigma))
    phi = phi if phi is None else positive_number("phi", phi)
    told = {"n": n, "sigma": sigma, "phi": phi}
    reading = read(said.convention, _settings(final, said) | told)
    family = _family(reading.family, final)
    kept = said.kept(final) if said.kept is not None else None
    terms, prior = _terms(_of_raw_columns(reading, scaler), names, kept)
    return GLM(
        response,
        terms,
        family=family,
        link=_link(final),
        prior=prior,
        intercept=reading.intercept,
        dispersion=_dispersion(family, final, said, sigma**2 if sigma is not None else phi),
        weights=weights,
        levels=_levels(final),
        reference=None if _has_vectors(family) else FIRST,
    )


def _unfitted(estimator: Any) -> str:
    return (
        f"{type(estimator).__name__} is not fitted, and the model takes columns, classes and "
        "penalties that are chosen from the fit; call its fit(X, y) first."
    )


def _unwrapped(estimator: Any) -> tuple[Any, list[str] | None, Any]:
    """Return the estimator inside a search or a pipeline, the names of columns, their scaler."""
    best = getattr(estimator, "best_estimator_", estimator)
    if best is estimator and type(estimator).__name__.endswith("SearchCV"):
        raise ModelError(_unfitted(estimator))
    steps = [step for _, step in getattr(best, "steps", [(None, best)])]
    final, before = steps[-1], [step for step in steps[:-1] if step not in ("passthrough", None)]
    names = getattr(best, "feature_names_in_", None)
    others = [step for step in before if type(step).__name__ != "StandardScaler"]
    if others or len(before) > 1:
        fault = others[0] if others else before[1]
        raise ModelError(
            f"the pipeline has the step {type(fault).__name__}, and coefficients are those of its "
            "columns; only one StandardScaler before the estimator is undone here. Give the last "
            "step by itself, and to the model the columns that it sees."
        )
    return final, None if names is None else [str(name) for name in names], (before or [None])[0]


def _record_of(estimator: Any) -> Estimator:
    """Return how an estimator says what its convention asks for."""
    for kind in type(estimator).__mro__:
        library = kind.__module__.partition(".")[0]
        if library not in LIBRARIES:
            continue
        name = f"{library}.{kind.__name__}"
        return ESTIMATORS[name] if name in ESTIMATORS else Estimator(convention_of(name).name)
    raise ModelError(
        f"from_sklearn takes a fitted estimator of scikit-learn, celer, skglm or glum, got "
        f"{shown(estimator)}."
    )


def _check_class_weight(estimator: Any, weights: str | None) -> None:
    given = getattr(estimator, "class_weight", None)
    if given is not None and weights is None:
        raise ModelError(
            f"class_weight={shown(given)} weighs the samples, and the model needs it; tell "
            "weights=, the variable of sklearn.utils.class_weight.compute_sample_weight("
            "class_weight, y)."
        )


def _sigma(estimator: Any, said: Estimator, told: float | None) -> float | None:
    """Return the sd of the noise: the one that is told, or that the estimator has found."""
    if said.sigma is None:
        return told
    if told is not None:
        raise ModelError(
            f"{type(estimator).__name__} has found sigma, {said.sigma(estimator):.4g}; leave it "
            "out."
        )
    return said.sigma(estimator)


def _settings(estimator: Any, said: Estimator) -> dict[str, Any]:
    """Return the settings of a convention that an estimator has."""
    record = convention_of(said.convention)
    given = estimator.get_params(deep=False)
    settings = {name: given[name] for name in record.settings if name in given}
    if "penalty" in record.refused:
        settings |= PENALTIES.get(settings.pop("penalty", "deprecated"), {})
    chosen = {name: _plain(getattr(estimator, of)) for name, of in said.fitted.items()}
    told = {name: one for name, one in chosen.items() if one is not None}
    return settings | dict(said.always) | told


def _plain(value: Any) -> Any:
    """Return numbers as Python's, and several that are the same as that one."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list) and value and all(one == value[0] for one in value):
        return _plain(value[0])
    return value


def _of_raw_columns(reading: Reading, scaler: Any) -> Any:
    """Return the prior of the coefficients of columns as they are, before a scaler."""
    if scaler is None:
        return reading.prior
    if getattr(scaler, "with_mean", False) and reading.intercept != Flat():
        raise ModelError(
            "the StandardScaler moves columns to their means, and the intercept of the columns as "
            "they are is another, of which the estimator's says no prior; fit it with an intercept "
            "that is free, or with StandardScaler(with_mean=False)."
        )
    if scaler.scale_ is None:
        return reading.prior
    sds = frozen_number("the scaler's scale_", scaler.scale_, positive=True)
    squares = combined(lambda sd: sd * sd, sds)
    return prior_of_weights(weights_of(reading.prior).times(sds, squares))


def _terms(
    prior: Any, names: list[str] | None, kept: list[bool] | None
) -> tuple[list[Linear], CoefficientPrior | None]:
    """Return a term for each name, or one of a block, and the prior that terms without one have."""
    if names is None:
        if kept is not None and not all(kept):
            raise ModelError(
                f"the estimator has pruned column {kept.index(False)}, and columns of an array are "
                "one term; fit it on a DataFrame, whose columns have names and are terms each."
            )
        return [Linear(BLOCK, prior=prior)], None
    places = [place for place, _ in enumerate(names) if kept is None or kept[place]]
    if not any(isinstance(getattr(prior, part.name), tuple) for part in fields(prior)):
        return [Linear(names[place]) for place in places], prior
    return [Linear(names[place], prior=_entry(prior, place)) for place in places], None


def _entry(prior: Any, place: int) -> Any:
    """Return the prior of one column, from one with arrays over them."""
    parts = {part.name: getattr(prior, part.name) for part in fields(prior)}
    of_one = {name: one[place] for name, one in parts.items() if isinstance(one, tuple)}
    return replace(prior, **of_one)


def _family(read_as: str, estimator: Any) -> str:
    """Return the family: of several that a convention has, the one that has so many classes."""
    classes = getattr(estimator, "classes_", None)
    losses = convention_of(_record_of(estimator).convention).losses
    if classes is None:
        return read_as
    holding = [family for family in losses if _holds(family, len(classes))]
    if not holding:
        raise ModelError(
            f"{type(estimator).__name__} has {len(classes)} classes, and a model of its own for "
            "each; fit it to 0 and 1, once for each class."
        )
    return holding[0]


def _holds(family: str, n_classes: int) -> bool:
    labels = FAMILY_NAMES[family].labels
    return labels is not None and (labels.most is None or n_classes <= labels.most)


def _has_vectors(family: str) -> bool:
    labels = FAMILY_NAMES[family].labels
    return labels is not None and labels.each


def _levels(estimator: Any) -> tuple[Any, ...] | None:
    """Return the classes in their order, None where they are no and yes."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or classes.tolist() == [0, 1]:
        return None
    return tuple(classes.tolist())


def _link(estimator: Any) -> str | None:
    link = getattr(estimator, "link", "auto")
    return link if isinstance(link, str) and link != "auto" else None


def _dispersion(
    family: str, estimator: Any, said: Estimator, phi: float | None
) -> float | dict[str, float] | None:
    """Return the family's dispersions as numbers, None where nothing is known of them."""
    name_of = FAMILY_NAMES[family]
    numbers = {
        name: float(phi) ** (-1.0 / power)
        for name, power in zip(name_of.dispersions, name_of.deviance_powers, strict=True)
        if power and phi is not None
    }
    for name, power in zip(name_of.dispersions, name_of.deviance_powers, strict=True):
        if name in said.parameters:
            numbers[name] = float(getattr(estimator, said.parameters[name]))
        elif not power:
            raise ModelError(
                f"{type(estimator).__name__} does not say {name}, which the family {family!r} has; "
                "write the GLM with its number, under the prior that penalty_to_prior gives."
            )
    if len(name_of.dispersions) > 1:
        return numbers or None
    return next(iter(numbers.values()), None)

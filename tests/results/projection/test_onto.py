"""Projections of a fit's draws, beside closed forms and minima that scipy finds by itself."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, xlogy

import bayesglm as bg
from bayesglm.errors import DataError, ModelError
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.reference import Reference, open_reference

N = 80
NAMES = ["a", "b", "c"]
OF_FAMILY = {"gaussian": "y", "poisson": "n", "bernoulli": "yes", "gamma": "t"}


@cache
def data():
    rng = np.random.default_rng(5)
    own = {name: rng.normal(size=N) for name in NAMES}
    own["a"] += 0.5 * own["b"]
    eta = 0.6 * own["a"] - 0.5 * own["c"]
    groups = rng.integers(0, 6, N)
    return {
        **own,
        "g": np.array([f"s{k}" for k in groups]),
        "y": eta + 0.4 * (groups - 2.5) + rng.normal(size=N),
        "n": rng.poisson(np.exp(eta)).astype(float),
        "yes": (rng.uniform(size=N) < expit(eta)).astype(float),
        "t": rng.gamma(2.0, 0.5 * np.exp(eta)),
        "s": np.array(["low", "mid", "high"])[np.digitize(eta + rng.logistic(size=N), [-1.0, 1.0])],
        "weight": rng.integers(1, 4, N).astype(float),
        "before": 0.3 * rng.normal(size=N),
    }


@cache
def fitted(family, **options):
    model = bg.GLM(OF_FAMILY[family], NAMES, family=family, **options)
    return bg.fit(model, data(), draws=50)


def columns(names):
    return np.column_stack([np.ones(N), *(data()[name] for name in names)])


def named(reference: Reference, theta, *names):
    """Return the values of some parameters, one beside the other."""
    registry = reference.problems[0].natural.registry
    return np.concatenate([registry.named(name).natural(theta) for name in names], axis=1)


def test_gaussian_projections_are_least_squares_and_what_they_leave():
    reference = open_reference(fitted("gaussian", weights="weight", offset="before"))
    projected = project_onto(reference, ["a", "c"])
    own, weight = reference.thetas[0], data()["weight"]
    mean = named(reference, own, "intercept", *NAMES) @ columns(NAMES).T
    X, root = columns(["a", "c"]), np.sqrt(weight)
    w = np.linalg.lstsq(root[:, None] * X, (root * mean).T, rcond=None)[0].T
    left = np.average((mean - w @ X.T) ** 2, axis=1, weights=weight)
    sigma = named(reference, own, "sigma")[:, 0]
    found = projected.thetas[0]
    assert_allclose(named(reference, found, "intercept", "a", "c"), w, rtol=1e-10)
    assert_allclose(named(reference, found, "b"), 0.0)
    assert_allclose(named(reference, found, "sigma")[:, 0], np.sqrt(sigma**2 + left), rtol=1e-12)
    nats = 0.5 * weight.sum() * np.log1p(left / sigma**2)
    assert_allclose(projected.kl, nats, rtol=1e-12)


DIVERGENCES = {
    "poisson": lambda m, eta: xlogy(m, m) - m * eta - m + np.exp(eta),
    "bernoulli": lambda m, eta: (
        xlogy(m, m) + xlogy(1.0 - m, 1.0 - m) - m * eta + np.logaddexp(0.0, eta)
    ),
}


@pytest.mark.parametrize("family", DIVERGENCES)
def test_projections_are_minima_of_the_divergence(family):
    reference = open_reference(fitted(family))
    projected = project_onto(reference, ["a", "b"])
    eta = named(reference, reference.thetas[0], "intercept", *NAMES) @ columns(NAMES).T
    found = named(reference, projected.thetas[0], "intercept", "a", "b")
    X, mean_of = columns(["a", "b"]), {"poisson": np.exp, "bernoulli": expit}[family]
    for draw in (0, 77, 199):
        mean = mean_of(eta[draw])

        def fall(w, mean=mean):
            slope = X.T @ (mean_of(X @ w) - mean)
            return DIVERGENCES[family](mean, X @ w).sum(), slope

        best = minimize(fall, np.zeros(3), jac=True, options={"gtol": 1e-9})
        assert_allclose(found[draw], best.x, atol=1e-7)
        assert projected.kl[draw] == pytest.approx(best.fun, rel=1e-9)


def test_gamma_takes_up_what_the_mean_leaves_out():
    reference = open_reference(fitted("gamma"))
    projected = project_onto(reference, ["a"])
    before, after = (
        named(reference, theta, "alpha") for theta in (reference.thetas[0], projected.thetas[0])
    )
    assert (after < before).all()


@pytest.mark.parametrize(
    ("response", "options"),
    [
        ("y", {"family": "student_t"}),
        ("s", {"family": "ordinal", "levels": ("low", "mid", "high")}),
        ("s", {"family": "categorical", "levels": ("low", "mid", "high")}),
        (
            "s",
            {
                "family": "categorical",
                "levels": ("low", "mid", "high"),
                "reference": None,
                "prior": bg.Normal(1.0),
            },
        ),
    ],
)
def test_other_families_are_projected_by_least_squares_of_their_predictors(response, options):
    fit = bg.fit(bg.GLM(response, NAMES, **options), data(), draws=25)
    reference = open_reference(fit)
    projected = project_onto(reference, ["a", "c"])
    registry, places = reference.problems[0].natural.registry, reference.problems[0].places
    every = [
        sum(
            np.multiply.outer(registry.named(name).natural(theta), column)
            for name, column in zip(("intercept", *NAMES), columns(NAMES).T, strict=True)
            if name in places
        )
        for theta in (reference.thetas[0], projected.thetas[0])
    ]
    X = columns(["a", "c"])
    if "intercept" not in places:  # which cutpoints take up
        X, every = X[:, 1:], [one - one.mean(axis=-1, keepdims=True) for one in every]
        X = X - X.mean(axis=0)
    flat = every[0].reshape(-1, N)
    best = (X @ np.linalg.lstsq(X, flat.T, rcond=None)[0]).T
    away = (every[1].reshape(-1, N) - best).reshape(every[1].shape)
    if options.get("reference", "") is None:  # what is common to all levels says nothing
        away = away - away.mean(axis=1, keepdims=True)
    assert_allclose(away, 0.0, atol=1e-9)
    assert projected.kl.sum() == pytest.approx(0.5 * np.sum((flat - best) ** 2), rel=1e-9)


def test_cutpoints_take_up_the_mean_that_a_term_leaves():
    levels = ("low", "mid", "high")
    shifted = {**data(), "a": data()["a"] + 3.0}
    fit = bg.fit(bg.GLM("s", NAMES, family="ordinal", levels=levels), shifted, draws=25)
    reference = open_reference(fit)
    before, after = reference.thetas[0], project_onto(reference, ["c"]).thetas[0]
    a, b, c = (shifted[name].mean() for name in NAMES)
    middle = named(reference, before, "cutpoint") - named(reference, before, *NAMES) @ [
        [a],
        [b],
        [c],
    ]
    assert_allclose(
        named(reference, after, "cutpoint") - c * named(reference, after, "c"), middle, rtol=1e-9
    )


@pytest.mark.parametrize("family", OF_FAMILY)
def test_all_terms_give_the_reference_itself(family):
    reference = open_reference(fitted(family))
    projected = project_onto(reference, NAMES)
    assert np.array_equal(projected.thetas[0], reference.thetas[0])
    assert_allclose(projected.kl, 0.0)


@pytest.mark.parametrize("family", ["gaussian", "poisson", "gamma"])
def test_terms_that_say_nothing_leave_the_reference_as_it_is(family):
    """A projection that is computed, of a draw in which the left-out term is zero."""
    reference = open_reference(fitted(family))
    own = reference.thetas[0].copy()
    own[:, reference.problems[0].places["b"]] = 0.0
    nothing = Reference(reference.problems, (own,), reference.weights)
    projected = project_onto(nothing, ["a", "c"])
    assert_allclose(projected.thetas[0], own, rtol=1e-9, atol=1e-12)
    assert_allclose(projected.kl, 0.0, atol=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_projecting_twice_is_projecting_once(family):
    reference = open_reference(fitted(family))
    first = project_onto(reference, ["a", "b"])
    again = Reference(reference.problems, first.thetas, reference.weights)
    twice = project_onto(again, ["a"]).thetas[0]
    once = project_onto(reference, ["a"]).thetas[0]
    assert_allclose(twice, once, rtol=1e-6, atol=1e-8)


def test_order_of_terms_does_not_matter():
    reference = open_reference(fitted("poisson"))
    one, other = (project_onto(reference, terms) for terms in (["a", "c"], ["c", "a"]))
    assert_allclose(one.thetas[0], other.thetas[0], rtol=1e-9, atol=1e-12)


def test_rows_that_are_there_twice_weigh_two():
    own = data()
    twice = np.repeat(np.arange(N), own["weight"].astype(int))
    rows = {name: values[twice] for name, values in own.items()}
    weighted = open_reference(fitted("poisson", weights="weight"))
    model = weighted.problems[0].plan.model
    other = bg.fit(bg.GLM("n", model.terms, family="poisson"), rows, draws=50)
    (theta,) = weighted.thetas
    repeated = Reference(open_reference(other).problems, (theta,), weighted.weights)
    one, two = (project_onto(reference, ["a"]) for reference in (weighted, repeated))
    assert_allclose(one.thetas[0], two.thetas[0], rtol=1e-7)
    assert_allclose(one.kl, two.kl, rtol=1e-7)


@cache
def with_groups():
    return bg.fit(bg.GLM("y", ["a", "c", bg.Group("g")]), data(), draws=50)


def test_effects_of_levels_are_held_by_their_own_scale():
    reference = open_reference(with_groups())
    projected = project_onto(reference, ["a", "g"])
    own, found = reference.thetas[0], projected.thetas[0]
    levels = np.unique(data()["g"])
    Z = np.column_stack([np.ones(N), data()["a"], data()["g"][:, None] == levels])
    names = ("intercept", "a", "g")
    before = named(reference, own, *names)
    mean = before @ Z.T + named(reference, own, "c") * data()["c"]
    sigma, scale = (named(reference, own, name)[:, 0] for name in ("sigma", "g_scale"))
    for draw in (0, 50, 199):
        P = np.diag([0.0, 0.0, *[(sigma[draw] / scale[draw]) ** 2] * len(levels)])
        best = np.linalg.solve(Z.T @ Z + P, Z.T @ mean[draw] + P @ before[draw])
        assert_allclose(named(reference, found, *names)[draw], best, rtol=1e-6, atol=1e-8)


def test_a_link_with_a_domain_starts_inside_it():
    model = bg.GLM("n", NAMES, family="poisson", link="identity", prior=bg.Normal(0.3))
    rng = np.random.default_rng(3)
    own = {**data(), "n": rng.poisson(np.maximum(3.0 + data()["a"], 0.5)).astype(float)}
    fit = bg.fit(model, own, draws=50)
    projected = project_onto(open_reference(fit), ["c"])
    assert np.isfinite(projected.kl).all()
    assert (projected.kl > 0.0).all()


def test_draws_by_weights_are_taken_in_proportion_to_them():
    reference = open_reference(fitted("gaussian"))
    weights = np.zeros(reference.n_draws)
    weights[[3, 8]] = [3.0, 1.0]
    some = reference.weighted(weights).thinned(8)
    assert_allclose(some.thetas[0], reference.thetas[0][[3] * 6 + [8] * 2])
    assert_allclose(some.weights, 1 / 8)
    assert reference.thinned(10).n_draws == 10


def test_columns_that_the_memory_does_not_hold_are_refused(monkeypatch):
    reference = open_reference(fitted("gaussian"))
    monkeypatch.setattr("bayesglm.results.projection.laid.free_memory", lambda: 1000.0)
    with pytest.raises(DataError, match="the 4 columns of 80 rows need"):
        project_onto(reference, ["a"])


@pytest.mark.parametrize(
    ("fit", "error", "message"),
    [
        (lambda: bg.fit_map(bg.GLM("y", NAMES), data()), DataError, "has only a MAP"),
        (
            lambda: bg.fit(bg.GLM("y", bg.Linear("a", prior=bg.HalfNormal(1.0))), data()),
            ModelError,
            "term 'a' have bounds",
        ),
        (lambda: bg.project(fitted("gaussian")), DataError, "projected from those of a larger"),
    ],
)
def test_what_cannot_be_projected_is_refused(fit, error, message):
    with pytest.raises(error, match=message):
        project_onto(open_reference(fit()), [])

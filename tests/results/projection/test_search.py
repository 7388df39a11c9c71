"""Searches of whole terms: the nearest at each step, whichever way it is found."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesglm as bg
from bayesglm.errors import ModelError
from bayesglm.results.projection.clusters import clusters_of
from bayesglm.results.projection.fitted import fitted
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.reference import Reference, open_reference
from bayesglm.results.projection.search import path_along, search_path
from bayesglm.results.projection.swept import swept
from bayesglm.results.projection.units import Units, units_of

N = 120
NAMES = [f"x{k}" for k in range(5)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 5))
    X[:, 1] = 0.7 * X[:, 0] + 0.7 * X[:, 1]
    own = dict(zip(NAMES, X.T, strict=True))
    own["f"] = np.array(list("uvw"))[rng.integers(0, 3, N)]
    eta = 0.6 * X[:, 0] + 0.4 * X[:, 3] + 0.8 * (own["f"] == "v")
    own["y"] = eta + rng.normal(size=N)
    own["n"] = rng.poisson(np.exp(0.9 * eta)).astype(float)
    own["two"] = np.column_stack([eta + rng.normal(size=N), X[:, 4] + rng.normal(size=N)])
    return own


@pytest.fixture(scope="module")
def gaussian(data) -> Reference:
    return open_reference(bg.fit(bg.GLM("y", [*NAMES, bg.Category("f")]), data, draws=100))


@pytest.fixture(scope="module")
def poisson(data) -> Reference:
    model = bg.GLM("n", [*NAMES, bg.Category("f")], family="poisson")
    return open_reference(bg.fit(model, data, draws=100))


def units(reference: Reference, forced=()) -> Units:
    return units_of(reference.problems[0].plan.model, forced)


def test_sweeping_the_gram_matrix_is_fitting_the_rows(gaussian):
    (clusters,) = clusters_of(gaussian, 0)
    one, other = swept(clusters), fitted(clusters)
    assert one.kl == pytest.approx(other.kl, rel=1e-9)
    for term in ("x3", "f", "x0", "x4", "x2", "x1"):
        assert one.kl_with(term) == pytest.approx(other.kl_with(term), rel=1e-7, abs=1e-9)
        one, other = one.with_term(term), other.with_term(term)
        assert one.kl == pytest.approx(other.kl, rel=1e-7, abs=1e-9)
    assert one.kl == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "poisson"])
def test_each_step_takes_the_term_with_the_smallest_divergence(name, request):
    reference = request.getfixturevalue(name)
    labels = units(reference).terms
    path = search_path(reference, units(reference), "forward", None, seed=1)
    assert sorted(path.terms) == sorted(labels)
    for size in range(3):
        others = [one for one in labels if one not in path.at(size)]
        found = {one: path_along(reference, (*path.at(size), one), seed=1).kl[-1] for one in others}
        assert min(found, key=found.get) == path.terms[size]
        assert path.kl[size + 1] == pytest.approx(min(found.values()), rel=1e-7)


@pytest.mark.parametrize("name", ["gaussian", "poisson"])
@pytest.mark.parametrize("search", ["forward", "group_lasso"])
def test_terms_that_matter_come_first(name, search, request):
    reference = request.getfixturevalue(name)
    path = search_path(reference, units(reference), search, 3, seed=0)
    assert set(path.terms) == {"x0", "x3", "f"}


@pytest.mark.parametrize("response", ["y", "n", "yes"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_true_terms_come_first(response, seed):
    rng = np.random.default_rng([20, seed])
    n, p = 400, 12
    X = rng.normal(size=(n, p))
    true = rng.choice(p, 3, replace=False)
    eta = X[:, true] @ [0.7, -0.7, 0.7]
    responses = {
        "y": ("gaussian", eta + rng.normal(size=n)),
        "n": ("poisson", rng.poisson(np.exp(eta)).astype(float)),
        "yes": ("bernoulli", (eta + rng.logistic(size=n) > 0).astype(float)),
    }
    family, own = responses[response]
    names = [f"x{k}" for k in range(p)]
    given = dict(zip(names, X.T, strict=True)) | {"z": own}
    reference = open_reference(bg.fit(bg.GLM("z", names, family=family), given, draws=100))
    for search in ("forward", "group_lasso"):
        path = search_path(reference, units(reference), search, 4, seed=0)
        assert set(path.at(3)) == {f"x{k}" for k in true}


def test_few_clusters_stand_for_all_draws(gaussian):
    path = path_along(gaussian, ("x0", "f"), seed=0)
    every = [project_onto(gaussian, path.at(size)).kl.mean() for size in range(3)]
    assert_allclose(path.kl, every, rtol=0.15)


def test_a_cluster_for_each_draw_is_the_draws_themselves(poisson):
    some = poisson.thinned(10)
    (clusters,) = clusters_of(some, 0, most=10)
    model = fitted(clusters).with_term("x0")
    assert model.kl == pytest.approx(project_onto(some, ["x0"]).kl.mean(), rel=1e-7)


def carried(reference: Reference, model, data, scales) -> Reference:
    """Return the same draws of a model of the same terms, whose predictors have other units."""
    (problem,), (theta,) = reference.problems, reference.thetas
    (other,) = open_reference(bg.fit(model, data, draws=100)).problems
    turned = np.empty_like(theta)
    for name, place in other.places.items():
        turned[:, place] = theta[:, problem.places[name]] / scales.get(name, 1.0)
    return Reference((other,), (turned,), reference.weights)


@pytest.mark.parametrize("search", ["forward", "group_lasso"])
def test_order_of_terms_and_units_of_predictors_do_not_matter(data, poisson, search):
    scales = {"x2": 1e4, "x0": 1e-4}
    own = {**data, **{name: data[name] * scale for name, scale in scales.items()}}
    terms = poisson.problems[0].plan.model.terms[::-1]
    model = bg.GLM("n", [replace(term, prior=None) for term in terms], family="poisson")
    other = carried(poisson, model, own, scales)
    one, two = (search_path(each, units(each), search, None, 0) for each in (poisson, other))
    assert one.terms == two.terms
    assert_allclose(one.kl, two.kl, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("search", ["forward", "group_lasso"])
def test_forced_terms_come_first(poisson, search):
    path = search_path(poisson, units(poisson, ["x4", "x2"]), search, 4, seed=0)
    assert (set(path.at(2)), path.n_forced) == ({"x2", "x4"}, 2)
    few = search_path(poisson, units(poisson, ["x4", "x2"]), search, 1, seed=0)
    assert set(few.terms) == {"x2", "x4"}


def test_products_wait_for_their_parts():
    slopes = bg.Group("g", slopes="a")
    model = bg.GLM("y", ["a", "b", bg.Interaction("a", "b"), slopes, bg.Group("h")])
    found = units_of(model)
    assert found.parts == {"a:b": {"a", "b"}, "g": {"a"}}
    assert found.next_of([]) == ["a", "b", "h"]
    assert found.next_of(["a"]) == ["b", "g", "h"]
    assert "a:b" in found.next_of(["a", "b"])
    assert units_of(model, ["a:b"]).next_of([]) == ["a:b"]


@pytest.mark.parametrize("search", ["forward", "group_lasso"])
def test_an_interaction_comes_after_its_parts(data, search):
    own = {**data, "y": data["x0"] * data["x1"] + 0.1 * data["y"]}
    terms = [*NAMES[:3], bg.Interaction("x0", "x1")]
    reference = open_reference(bg.fit(bg.GLM("y", terms), own, draws=100))
    path = search_path(reference, units(reference), search, None, seed=0)
    places = {term: k for k, term in enumerate(path.terms)}
    assert places["x0:x1"] > max(places["x0"], places["x1"])
    forced = search_path(reference, units(reference, "x0:x1"), search, 1, seed=0)
    assert forced.terms == ("x0:x1",)


def test_a_term_is_chosen_for_all_neurons_of_a_population(data):
    pairs = {**data, "two": data["two"]}
    model = bg.GLM("two", NAMES)
    reference = open_reference(bg.fit(model, pairs, draws=100))
    path = search_path(reference, units(reference), "forward", 3, seed=0)
    found = {pair: project_onto(reference, pair).kl.mean() for pair in combinations(NAMES, 2)}
    assert set(path.at(2)) == set(min(found, key=found.get))


def test_groups_are_searched_as_one(data):
    rng = np.random.default_rng(9)
    groups = rng.integers(0, 8, N)
    own = {**data, "g": np.array([f"g{k}" for k in groups])}
    own["y"] = data["y"] + 1.5 * rng.normal(size=8)[groups]
    reference = open_reference(bg.fit(bg.GLM("y", [*NAMES, bg.Group("g")]), own, draws=100))
    for search, last in (("forward", 0), ("group_lasso", 1)):  # whose penalty grows with levels
        path = search_path(reference, units(reference), search, None, seed=0)
        assert path.terms.index("g") <= last
        assert np.all(np.diff(path.kl) <= 1e-9)


def test_unknown_forced_terms_are_refused(gaussian):
    with pytest.raises(ModelError, match="forced: the mean of the model has no term 'x9'"):
        units(gaussian, ["x9"])

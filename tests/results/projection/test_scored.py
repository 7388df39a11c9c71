"""Scores along a path are projpred's, of the same draws (tests/references)."""

import json
from functools import cache
from pathlib import Path as File

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.results.projection import scored
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.path import Path
from bayesglm.results.projection.reference import Reference, open_reference
from bayesglm.results.projection.scored import Scores, named, score_path, suggested, tell_of_weights
from bayesglm.results.scores.loo import relative_efficiency

REFERENCES = File(__file__).parents[2] / "references"
TOLD = json.loads((REFERENCES / "projpred.json").read_text())
DATA = pd.read_csv(REFERENCES / "projpred.csv")
FAMILIES = {"gaussian": "gaussian", "binomial": "bernoulli", "poisson": "poisson"}


@cache
def reference_of(name: str) -> Reference:
    """Return the reference that projpred was given: the columns of the draws are our thetas."""
    draws = pd.read_csv(REFERENCES / "projpred_draws.csv")
    theta = draws[draws["family"] == name].drop(columns="family").dropna(axis=1).to_numpy()
    if name == "gaussian":
        theta[:, -1] = np.log(theta[:, -1])
    model = bg.GLM(name, ["x1", "x2", "x3", "x4", "x5", "g"], family=FAMILIES[name])
    problems = tuple(open_problems(model, DATA))
    return Reference(problems, (theta,), np.full(len(theta), 1.0 / len(theta)))


def path_of(name: str) -> Path:
    return Path(tuple(TOLD[name]["order"]), 0, np.zeros(7))


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_of_projpred(name):
    told = TOLD[name]
    scores = score_path(reference_of(name), path_of(name))
    close = {"rtol": 0.0, "atol": 1e-6}
    np.testing.assert_allclose(scores.elpd, told["elpd"], **close)
    np.testing.assert_allclose(scores.elpd_diff, told["elpd_diff"], **close)
    np.testing.assert_allclose(scores.se, told["se"], **close)
    np.testing.assert_allclose(scores.diff_se, told["diff_se"], **close)
    np.testing.assert_allclose(scores.reference_elpd, told["reference_elpd"], **close)
    assert suggested(scores)[:2] == (told["suggested"], True)


@pytest.mark.parametrize("name", FAMILIES)
def test_projected_draws_of_projpred(name):
    reference, told = reference_of(name), TOLD[name]["two_terms"]
    (theta,) = project_onto(reference, TOLD[name]["order"][:2]).thetas
    columns = ["(Intercept)", "x1", "x2", "x3", "x4", "x5", "gb", "gc", "sigma"]
    for column, values in told.items():
        own = theta[: len(values), columns.index(column)]
        own = np.exp(own) if column == "sigma" else own
        np.testing.assert_allclose(own, values, atol=1e-7)


@pytest.mark.parametrize("name", ["binomial", "poisson"])
def test_divergences_of_projpred(name):
    """Its cross entropies are means over rows, and differ from divergences by a constant."""
    reference, order, entropies = reference_of(name), TOLD[name]["order"], TOLD[name]["ce"]
    kl = [project_onto(reference, order[:k]).kl.mean() for k in range(len(order) + 1)]
    np.testing.assert_allclose(kl, len(DATA) * (np.array(entropies) - entropies[-1]), atol=1e-5)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 3))
    data = {"y": rng.poisson(np.exp(0.5 + 0.6 * x[:, 0]))}
    data |= {f"x{k}": x[:, k] for k in range(3)}
    return bg.fit(bg.GLM("y", ["x0", "x1", "x2"], family="poisson"), data, draws=250)


def test_reference_is_scored_as_by_loo(fitted):
    path = Path(("x2", "x0", "x1"), 0, np.zeros(4))
    efficiency = relative_efficiency(fitted["posterior"].to_dataset())
    scores = score_path(open_reference(fitted), path, relative_efficiency=efficiency)
    loo = bg.loo(fitted)
    np.testing.assert_allclose(scores.reference_i[:, 0], loo.elpd_i.values, rtol=1e-12)
    np.testing.assert_allclose(scores.reference_se, loo.se, rtol=1e-12)
    # The model of all terms is the reference.
    np.testing.assert_array_equal(scores.elpd_i[-1], scores.reference_i)
    assert scores.diff_se[-1] == 0.0


def test_few_sizes_at_a_time_score_the_same(fitted, monkeypatch):
    path, reference = Path(("x0", "x1", "x2"), 0, np.zeros(4)), open_reference(fitted)
    every = score_path(reference, path)
    monkeypatch.setattr(scored, "HELD", 1)
    np.testing.assert_allclose(score_path(reference, path).elpd_i, every.elpd_i, rtol=1e-12)


def scores_of(differences: list[list[float]]) -> Scores:
    """Return scores whose pointwise differences to a reference at zero are these, by size."""
    elpd_i = np.array(differences)[..., None]
    return Scores(elpd_i, np.zeros(elpd_i.shape[1:]), np.zeros(elpd_i.shape[1:]))


def test_smallest_model_within_one_standard_error():
    # Of two rows a and b the sum is a + b, and its error |a - b|.
    scores = scores_of([[-9.0, -1.0], [-5.0, 1.0], [-3.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(scores.elpd_diff, [-10.0, -4.0, -2.0, 0.0])
    np.testing.assert_allclose(scores.diff_se, [8.0, 6.0, 4.0, 0.0])
    found = suggested(scores)
    assert (found.size, found.within) == (1, True)
    assert found.why == (
        "the model of 1 term is the smallest whose elpd is within one standard error of the "
        "reference's: 4.0 ± 6.0 nats below it."
    )
    assert suggested(scores, n_forced=2).size == 2


def test_no_model_within_one_standard_error():
    found = suggested(scores_of([[-9.0, -9.0], [-5.0, -4.0], [-3.0, -3.5]]))
    assert (found.size, found.within) == (2, False)
    assert "no model of up to 2 terms" in found.why
    assert "6.5 ± 0.5 nats below" in found.why


def test_rounding_does_not_hide_the_reference():
    found = suggested(scores_of([[-9.0, -9.0], [-1e-12, -1e-12]]))
    assert (found.size, found.within) == (1, True)


def test_high_khats_are_told():
    """Of a hundred draws they are told above 0.5."""
    reference = reference_of("gaussian")
    scores = score_path(reference, path_of("gaussian"))
    n = int((scores.khat > 0.5).sum())
    with pytest.warns(bg.BayesGLMWarning, match=f"k-hat is above 0.50 for {n} of 120 samples"):
        tell_of_weights(scores, reference)


def test_dependent_samples_are_told():
    rng = np.random.default_rng(4)
    walk = np.cumsum(rng.normal(size=200))
    data = xr.Dataset({"y": ("time", walk), "x": ("time", rng.normal(size=200))})
    data = data.assign_coords(time=np.arange(200.0))
    reference = open_reference(bg.fit(bg.GLM("y", "x"), data, draws=100))
    scores = score_path(reference, Path(("x",), 0, np.zeros(2)))
    with pytest.warns(bg.BayesGLMWarning, match="neighbouring samples are correlated"):
        tell_of_weights(scores, reference)


def test_named_terms_are_told_without_advice_on_searches():
    found = named(scores_of([[-9.0, -9.0], [-3.0, -3.5]]))
    assert found == (1, False, found.why)
    assert found.why.endswith("the model of 1 term is 6.5 ± 0.5 nats below the reference's.")
    assert named(scores_of([[0.0, 1.0]]))[:2] == (0, True)

"""A search in each fold is that of its other rows, and its scores those of projected draws."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import bayesglm as bg
from bayesglm.errors import DataError
from bayesglm.results.projection.reference import Reference, open_reference
from bayesglm.results.projection.scored import DRAWS, score_path, suggested
from bayesglm.results.projection.units import units_of
from bayesglm.results.projection.validated import Search, Validated, validated_search
from bayesglm.results.scores.cross_scores import cross_scores
from bayesglm.results.scores.folds import deal_folds
from bayesglm.results.scores.sampling import as_fit

N, P, FOLDS, SEED = 60, 4, 3, 7
NAMES = [f"x{k}" for k in range(P)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(N, P))
    y = 1.0 + x[:, 2] - 0.6 * x[:, 0] + rng.normal(size=N)
    return {"y": y, **dict(zip(NAMES, x.T, strict=True)), "site": np.arange(N) % 12}


@pytest.fixture(scope="module")
def fitted(data):
    return bg.fit(bg.GLM("y", NAMES), data, draws=200)


def search_of(reference: Reference, forced: tuple[str, ...] = (), kind: str = "forward") -> Search:
    return Search(units_of(reference.problems[0].plan.model, forced), kind, None, SEED)


@pytest.fixture(scope="module")
def validated(fitted) -> Validated:
    reference = open_reference(fitted)
    return validated_search(fitted, reference, search_of(reference), FOLDS)


def projected_densities(X, mu, sigma, held, y) -> np.ndarray:
    """Return the log predictive densities of held-out rows, each draw projected by lstsq."""
    others = ~held
    w = np.linalg.lstsq(X[others], mu[:, others].T)[0]
    left_out = ((mu[:, others] - (X[others] @ w).T) ** 2).mean(axis=1)
    each = norm.logpdf(y[held], (X[held] @ w).T, np.sqrt(sigma**2 + left_out)[:, None])
    return logsumexp(each, axis=0) - np.log(len(mu))


def test_scores_of_folds_are_those_of_draws_projected_on_the_others(data, fitted, validated):
    """By least squares and scipy's densities, from the same draws of the folds' posteriors."""
    (problem,) = open_reference(fitted).problems
    fold_of = deal_folds(problem, data, None, FOLDS, SEED)
    of_folds = cross_scores([problem], fold_of, as_fit(200, 4, SEED, DRAWS))
    y = data["y"]
    for k, path in enumerate(validated.paths):
        held, theta = fold_of == k, of_folds.drawn[k, 0].theta
        whole = np.column_stack([np.ones(N), *(data[name] for name in NAMES)])
        mu, sigma = theta[:, :-1] @ whole.T, np.exp(theta[:, -1])
        of_reference = logsumexp(norm.logpdf(y[held], mu[:, held], sigma[:, None]), axis=0)
        of_reference -= np.log(len(theta))
        for size in range(P + 1):
            X = np.column_stack([np.ones(N), *(data[name] for name in path.at(size))])
            told = projected_densities(X, mu, sigma, held, y) - of_reference
            own = (validated.scores.elpd_i[size] - validated.scores.reference_i)[held, 0]
            np.testing.assert_allclose(own, told, atol=1e-8)


def test_the_reference_of_folds_is_scored_as_by_kfold(data, validated):
    scored = bg.kfold(bg.GLM("y", NAMES), data, folds=FOLDS, draws=200, seed=SEED)
    np.testing.assert_allclose(validated.scores.reference_i[:, 0], scored.elpd_i.values, atol=1e-9)
    np.testing.assert_array_equal(validated.scores.elpd_i[-1], validated.scores.reference_i)


def test_shares_of_folds_that_chose_a_term(validated):
    shares = validated.shares(tuple(NAMES))
    assert shares.shape == (P + 1, P)
    np.testing.assert_allclose(shares.sum(axis=1), np.arange(P + 1))  # a model of k has k terms
    assert (np.diff(shares, axis=0) >= 0.0).all()  # what has come in stays
    counted = [np.mean(["x2" in path.terms[:k] for path in validated.paths]) for k in range(P + 1)]
    np.testing.assert_allclose(shares[:, 2], counted)
    assert shares[1, 2] == 1.0  # the strongest term is the first in every fold
    assert validated.told == "3 folds"


def test_forced_terms_are_first_in_every_fold(fitted):
    reference = open_reference(fitted)
    found = validated_search(fitted, reference, search_of(reference, ("x3",)), 2)
    assert {path.terms[0] for path in found.paths} == {"x3"}
    assert all(set(path.terms[1:3]) == {"x0", "x2"} for path in found.paths)


def test_a_search_in_folds_does_not_see_the_rows_that_it_is_scored_on():
    """Of forty columns of noise the first chosen seem to help by the rows that chose them."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(100, 40))
    data = {"y": rng.normal(size=100), **{f"x{k}": x[:, k] for k in range(40)}}
    fitted = bg.fit(bg.GLM("y", [f"x{k}" for k in range(40)], prior=bg.Normal(0.5)), data)
    reference = open_reference(fitted)
    search = Search(units_of(reference.problems[0].plan.model), "forward", 4, 0)
    seen = score_path(reference, search.on(reference)).elpd
    unseen = validated_search(fitted, reference, search, 5).scores.elpd
    assert seen[4] - seen[0] > 5.0
    assert unseen[4] - unseen[0] < 0.0


def test_rows_of_a_label_are_scored_together(data):
    """Their densities add up before the mean over draws; the labels are the units of errors."""
    fitted = bg.fit(bg.GLM("y", [*NAMES, bg.Group("site")]), data, draws=200)
    reference = open_reference(fitted)
    found = validated_search(fitted, reference, search_of(reference), "site")
    assert found.scores.elpd_i.shape == (6, 12, 1)
    assert found.told == "10 folds by 'site'"
    told = bg.score(fitted, new="group", by="site")
    scale = np.abs(told.elpd_i.values).max()
    assert np.abs(found.scores.reference_i[:, 0] - told.elpd_i.values).max() < 0.2 * scale
    assert suggested(found.scores).size in (1, 2)


def test_folds_of_counts_by_either_search():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(150, 4))
    data = {f"x{k}": x[:, k] for k in range(4)}
    data["y"] = rng.poisson(np.exp(0.5 + 0.5 * x[:, 1] - 0.4 * x[:, 3])).astype(float)
    fitted = bg.fit(bg.GLM("y", NAMES, family="poisson"), data, draws=200)
    reference = open_reference(fitted)
    for kind in ("forward", "group_lasso"):
        found = validated_search(fitted, reference, search_of(reference, kind=kind), 4)
        assert all(set(path.terms[:2]) == {"x1", "x3"} for path in found.paths)
        assert suggested(found.scores).size == 2


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, "validate_search must be"),
        (True, "validate_search must be"),
        (2.5, "validate_search must be"),
        (N + 1, "cannot make 61 folds"),
        ("ward", "ward"),
    ],
)
def test_folds_that_cannot_be(fitted, folds, message):
    reference = open_reference(fitted)
    with pytest.raises(DataError, match=message):
        validated_search(fitted, reference, search_of(reference), folds)

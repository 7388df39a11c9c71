"""Folds that are scored without a fit of their own score as if they had one."""

import numpy as np
import pytest
from arviz_stats.utils import ELPDDataLOOKFold
from families import model_of
from scipy.special import logsumexp
from scipy.stats import nbinom
from terms import sample_data

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of
from bayesglm.results.criteria import posterior_of
from bayesglm.results.scores.cross_scores import cross_scores
from bayesglm.results.scores.fold_scores import CORRECTED, EXACT, WEIGHTED
from bayesglm.results.scores.folds import Sets
from bayesglm.results.scores.held_out import every_log_density

DATA = sample_data()
SAMPLING = posterior_of(4000, 0)


def refitted(problems, fold_of, sets=None, sampling=SAMPLING):
    """Return the scores by posteriors that are sampled anew, each without its fold."""
    n = len(fold_of) if sets is None else len(sets.labels)
    scores = np.empty((n, len(problems)))
    for fold in range(fold_of.max() + 1):
        rows = np.flatnonzero(fold_of == fold)
        every = sampling([one.restrict(fold_of != fold) for one in problems])
        own, codes = (rows, None)
        if sets is not None:
            own, codes = np.unique(sets.codes[rows], return_inverse=True)
        scores[own] = every_log_density(every, problems, rows, codes)
    return scores


WHO = tuple(np.unique(DATA["who"].values).tolist())
KEYS = [
    ("bernoulli", "probit"),
    ("poisson", "log"),
    ("gamma", "log"),
    ("student_t", "identity"),
    ("hurdle_poisson", "log"),
]
MODELS = {" ".join(key): model_of(key, ["x"], prior=bg.Normal(1.0)) for key in KEYS} | {
    family: bg.GLM("who", "x", family=family, prior=bg.Normal(1.0), levels=WHO)
    for family in ("categorical", "ordinal")
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_folds_by_one_pool_score_as_refits_do(model):
    problems = open_problems(model, DATA)
    fold_of = np.arange(problems[0].design.n_rows) % 5
    crossed = cross_scores(problems, fold_of, SAMPLING)
    assert (crossed.ways == CORRECTED).sum() >= 4
    assert np.nanmax(crossed.khat) < 0.7
    expected = refitted(problems, fold_of)
    np.testing.assert_allclose(crossed.elpd, expected, atol=0.1)
    assert crossed.elpd.sum() == pytest.approx(expected.sum(), abs=0.3)
    assert crossed.told()["n_corrected"] == (crossed.ways == CORRECTED).sum()


def test_weighted_draws_score_folds_as_refits_do_under_kinks():
    model = bg.GLM("poisson", "x", family="poisson", prior=bg.Laplace(0.5))
    problems = open_problems(model, DATA)
    fold_of = np.arange(problems[0].design.n_rows) % 6
    crossed = cross_scores(problems, fold_of, SAMPLING)
    assert (crossed.ways == WEIGHTED).mean() > 0.6
    expected = refitted(problems, fold_of)
    np.testing.assert_allclose(crossed.elpd, expected, atol=0.15)
    assert crossed.elpd.sum() == pytest.approx(expected.sum(), abs=0.5)


def test_levels_that_are_left_out_score_as_refits_have_them():
    """Rows of a level jointly, its effect integrated out under weighted draws of scale and top."""
    rng = np.random.default_rng(5)
    n_levels, n_each = 40, 6
    effects = 0.7 * rng.standard_normal(n_levels)
    g = np.repeat(np.arange(n_levels), n_each)
    data = {"y": rng.poisson(np.exp(0.3 + effects[g])), "g": g}
    model = bg.GLM("y", bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))), family="poisson")
    fit = bg.fit(model, data)
    problems = open_problems(bg.GLM.from_json(fit.attrs["model"]), data)
    sets = Sets(np.arange(n_levels), g)
    crossed = cross_scores(problems, g % 20, SAMPLING, sets, kept_of(fit, problems))
    assert (crossed.ways == WEIGHTED).all()
    some = np.arange(n_levels) % 20 < 3
    first = np.where(g % 20 < 3, g % 20, 3)
    expected = refitted(problems, first, sets)
    np.testing.assert_allclose(crossed.elpd[some], expected[some], atol=0.05)


@pytest.mark.parametrize("options", [{}, {"dispersion": 0.8}, {"weights": "w", "offset": "o"}])
def test_gaussian_responses_need_draws_of_nothing(options):
    """Sums over very many draws of refits, with weights of zero among others, say the same."""
    rng = np.random.default_rng(5)
    x = 50.0 + rng.standard_normal((40, 2))
    more = {"w": rng.integers(0, 3, 40), "o": rng.standard_normal(40)}
    data = {"y": x @ [1.0, -0.5] + rng.standard_normal(40), "x": x} | more
    problems = open_problems(bg.GLM("y", "x", prior=bg.Normal(1.0), **options), data)
    n = problems[0].design.n_rows  # those that count
    fold_of = np.arange(n) % 4
    crossed = cross_scores(problems, fold_of, SAMPLING)
    assert (crossed.ways == EXACT).all()
    expected = refitted(problems, fold_of, sampling=posterior_of(40_000, 1))
    np.testing.assert_allclose(crossed.elpd, expected, atol=0.02)
    whole = posterior_of(40_000, 2)(problems)
    in_sample = every_log_density(whole, problems, np.arange(n))
    np.testing.assert_allclose(crossed.in_sample, in_sample, atol=0.02)


def test_a_constant_rate_in_closed_form():
    """With a flat log rate the rate of the others is a gamma, and counts negative binomial."""
    rng = np.random.default_rng(5)
    y = rng.poisson(2.0, 6000)
    found = bg.kfold(bg.GLM("y", [], family="poisson"), {"y": y}, folds=5, by="obs")
    fold = np.arange(6000) * 5 // 6000
    total = y.sum() - np.bincount(fold, y)[fold]
    count = 6000 - np.bincount(fold)[fold]
    expected = nbinom.logpmf(y, total, count / (count + 1.0))
    np.testing.assert_allclose(found.elpd_i, expected, atol=1e-4)
    assert found.elpd == pytest.approx(expected.sum(), abs=0.01)
    assert found.elpd_i.attrs["n_corrected"] == 5


def test_a_probability_in_closed_form_however_unlikely_the_fold():
    """All successes are in one fold, so that no draw of all rows is one of the others'."""
    y = np.r_[np.ones(12), np.zeros(28)]
    model = bg.GLM("y", [], family="bernoulli", intercept=bg.Normal(2.0))
    found = bg.kfold(model, {"y": y}, folds=2, by="obs", draws=4000)
    eta = np.linspace(-12.0, 12.0, 4001)
    for fold, rows in enumerate((np.arange(20), np.arange(20, 40))):
        others = np.delete(y, rows)
        log_p = others.sum() * eta - 20 * np.logaddexp(0.0, eta) - 0.125 * eta**2
        values = y[rows][:, None] * eta - np.logaddexp(0.0, eta) + log_p
        expected = logsumexp(values, axis=1) - logsumexp(log_p)
        np.testing.assert_allclose(found.elpd_i[rows], expected, atol=0.05, err_msg=str(fold))


def test_neurons_are_corrected_each_by_itself():
    """A unit that is silent but in one fold needs that fold anew; the others do not."""
    rng = np.random.default_rng(5)
    y = rng.poisson(3.0, (120, 2))
    y[:, 1] = 0
    y[:6, 1] = 9
    data = {"y": y, "x": rng.standard_normal(120)}
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(0.3), intercept=bg.Normal(2.0))
    problems = open_problems(model, data)
    fold_of = np.arange(120) * 5 // 120
    # Four of the six are told by evidences, at the cost of as many posteriors.
    with pytest.warns(bg.BayesGLMWarning, match=r"^2 of 240 held-out .* score\(fit\)"):
        crossed = cross_scores(problems, fold_of, SAMPLING)
    assert (crossed.ways[:, 0] == CORRECTED).all()
    np.testing.assert_allclose(crossed.elpd[:, 0], refitted(problems[:1], fold_of)[:, 0], atol=0.02)
    exact = refitted(problems, fold_of)[:, 1]
    np.testing.assert_allclose(crossed.elpd[24:, 1], exact[24:], atol=0.01)
    assert (crossed.elpd[:6, 1] < -20.0).all()


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "poisson"])
def test_predictions_are_means_by_the_other_folds(family):
    response = "who" if family == "categorical" else family
    model = bg.GLM(response, "x", family=family, prior=bg.Normal(1.0))
    found = bg.kfold(model, DATA, by="time", folds=3)
    assert isinstance(found, ELPDDataLOOKFold)
    for fold in range(3):
        held = np.arange(60) * 3 // 60 == fold
        fit = bg.fit(model, DATA.isel(time=~held))
        mean = bg.predict(fit, DATA.isel(time=held))[response].mean(("chain", "draw"))
        own = found.predictions.isel(time=held)
        np.testing.assert_allclose(own.transpose(*mean.dims), mean, rtol=0.08, atol=0.02)
    if family == "bernoulli":
        chance = np.where(DATA[family] == 1, found.predictions, 1 - found.predictions)
        np.testing.assert_allclose(np.log(chance), found.elpd_i, rtol=1e-12)


def test_a_fold_without_which_the_others_are_separated_is_told():
    """Under flat priors what is left has no proper posterior, whatever weights look like."""
    y = np.r_[np.zeros(10), 1.0, np.ones(10), 0.0]
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.Flat())
    with pytest.raises(bg.DataError, match="fold 11 of 11 cannot be fitted: the data are separ"):
        bg.kfold(model, {"y": y, "x": np.arange(22.0)}, by="obs", folds=11)


def test_draws_beyond_the_domain_of_a_held_out_row_count_for_the_others():
    """Under the identity link a row rules out coefficients that the others leave possible."""
    rng = np.random.default_rng(5)
    x = np.r_[rng.uniform(0.0, 1.0, 38), 2.0, 2.5]
    data = {"y": np.r_[rng.poisson(3.0 - 0.5 * x[:38]), 1, 1], "x": x}
    model = bg.GLM(
        "y", "x", family="poisson", link="identity", prior=bg.Normal(1.0), intercept=bg.Normal(3.0)
    )
    problems = open_problems(model, data)
    fold_of = np.r_[np.arange(38) % 4, 4, 5]
    crossed = cross_scores(problems, fold_of, SAMPLING)
    np.testing.assert_allclose(crossed.elpd, refitted(problems, fold_of), atol=0.1)


OUTLIER = np.array([0.7, -0.2, -0.3, 3.3, 1.5, 9.0, -0.1, 1.1, 0.9, 1.1, 0.5, 0.7, -0.5, 0.9])


@pytest.mark.parametrize("weights", [None, "w"])
def test_a_density_that_no_draw_reaches_is_told_by_evidences(weights):
    x = np.random.default_rng(1).standard_normal(14)
    w = [1, 1, 1, 2, 3, 2, 2, 2, 3, 1, 2, 1, 1, 3]
    data = {"y": OUTLIER, "x": x, "w": w, "unit": np.arange(14)}
    prior = {"prior": bg.Normal(1.0), "dispersion": bg.HalfNormal(2.0)}
    model = bg.GLM("y", "x", weights=weights, **prior)
    exact, by_draws = bg.kfold(model, data, folds=14), bg.kfold(model, data, by="unit", folds=14)
    assert exact.elpd_i.attrs["n_exact"] == by_draws.elpd_i.attrs["n_refitted"] == 14
    np.testing.assert_allclose(by_draws.elpd_i, exact.elpd_i, atol=0.15)
    assert by_draws.elpd == pytest.approx(exact.elpd, abs=0.2)

"""MAP estimates of continuous families against the libraries that have them, flat or ridge."""

import numpy as np
import pytest
import statsmodels.api as sm
from families import drawn
from scipy import optimize, special, stats
from statsmodels.miscmodels.tmodel import TLinearModel
from statsmodels.othermod.betareg import BetaModel

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 2))
ETA = 0.3 + X @ [0.5, -0.3]


def estimate(name, y, prior=None, **options):
    """Return intercept, two coefficients and dispersions of the MAP of a family."""
    terms = bg.Linear("x", prior=prior or bg.Flat())
    tree = bg.fit_map(bg.GLM("y", terms, family=name, **options), {"y": y, "x": X})
    found = tree["map"]
    w = np.r_[float(found["intercept"]), found["x"].values]
    return w, {k: float(v) for k, v in found.data_vars.items() if k not in ("intercept", "x")}


def test_a_tweedie_of_known_dispersions_is_that_of_statsmodels():
    y = drawn("tweedie", ETA)
    assert (y == 0.0).any()
    theirs = sm.families.Tweedie(link=sm.families.links.Log(), var_power=1.6)
    fit = sm.GLM(y, sm.add_constant(X), family=theirs).fit(tol=1e-12)
    w, _ = estimate("tweedie", y, dispersion={"phi": 0.9, "p": 1.6})
    np.testing.assert_allclose(w, fit.params, rtol=1e-6, atol=1e-7)


def test_the_ridge_of_scikit_learns_tweedie_regressor():
    """Its penalty is on half the mean of unit deviances: alpha n on our sum at phi = 1."""
    from sklearn.linear_model import TweedieRegressor

    y = drawn("tweedie", ETA)
    theirs = TweedieRegressor(power=1.3, alpha=0.2, link="log", tol=1e-10, max_iter=5000).fit(X, y)
    prior = bg.ridge(0.2 * len(y))
    w, _ = estimate("tweedie", y, prior, dispersion={"phi": 1.0, "p": 1.3})
    np.testing.assert_allclose(w, np.r_[theirs.intercept_, theirs.coef_], rtol=1e-5, atol=1e-6)


def test_a_tweedie_is_not_censored():
    data = {"y": drawn("tweedie", ETA), "x": X, "status": np.full(len(X), "left")}
    with pytest.raises(bg.ModelError, match="some have a probability of their own"):
        bg.fit_map(bg.GLM("y", "x", family="tweedie", censored="status"), data)


def test_learned_powers_are_those_of_a_search():
    y = drawn("tweedie", ETA)
    w, dispersions = estimate("tweedie", y, dispersion={"phi": bg.Flat()})
    family = FAMILIES["tweedie", "log"]

    def log_density(v):
        eta, p = v[0] + X @ v[1:3], 1.01 + 0.98 * special.expit(v[4])
        return family.log_likelihood(y, eta[None], (np.exp(v[3]), p), None).sum()

    u = special.logit((dispersions["p"] - 1.01) / 0.98)
    ours = np.r_[w, np.log(dispersions["phi"]), u]
    np.testing.assert_allclose(ours, by_search(log_density, ours + 0.05), atol=1e-5)


@pytest.mark.parametrize("name", ["gamma", "inverse_gaussian"])
def test_fixed_dispersions_leave_the_estimates_of_statsmodels(name):
    y = drawn(name, ETA)
    theirs = {"gamma": sm.families.Gamma, "inverse_gaussian": sm.families.InverseGaussian}[name]
    fit = sm.GLM(y, sm.add_constant(X), family=theirs(sm.families.links.Log())).fit(tol=1e-12)
    w, _ = estimate(name, y, dispersion=1.7)
    np.testing.assert_allclose(w, fit.params, rtol=1e-7, atol=1e-8)


def test_the_ridge_of_scikit_learns_gamma_regressor():
    """Its penalty is on half the mean of deviances: alpha n on our sum at alpha = 1."""
    from sklearn.linear_model import GammaRegressor

    y = drawn("gamma", ETA)
    theirs = GammaRegressor(alpha=0.2, tol=1e-10, max_iter=5000).fit(X, y)
    w, _ = estimate("gamma", y, bg.ridge(0.2 * len(y)), dispersion=1.0)
    np.testing.assert_allclose(w, np.r_[theirs.intercept_, theirs.coef_], rtol=1e-5, atol=1e-6)


def test_beta_is_at_the_maximum_of_statsmodels_beta_model():
    y = drawn("beta", ETA)
    w, dispersions = estimate("beta", y, dispersion=bg.Flat())
    theirs = BetaModel(y, sm.add_constant(X))
    best = np.r_[w, np.log(dispersions["kappa"])]
    np.testing.assert_allclose(theirs.score(best), 0.0, atol=1e-6)
    assert np.all(np.linalg.eigvalsh(theirs.hessian(best)) < 0.0)


def test_student_t_is_at_the_maximum_of_statsmodels_linear_model(capsys):
    y = drawn("student_t", ETA)
    w, dispersions = estimate("student_t", y, dispersion={"sigma": bg.Flat(), "nu": bg.Flat()})
    theirs = TLinearModel(y, sm.add_constant(X))  # which prints that it is there
    best = np.r_[w, dispersions["nu"], dispersions["sigma"]]
    np.testing.assert_allclose(theirs.score(best), 0.0, atol=1e-5)
    assert np.all(np.linalg.eigvalsh(theirs.hessian(best)) < 0.0)


def test_a_flat_prior_of_nu_has_a_mode_but_no_posterior():
    y, flat = drawn("student_t", ETA), {"nu": bg.Flat()}
    _, dispersions = estimate("student_t", y, dispersion=flat)
    assert 1.0 < dispersions["nu"] < 100.0
    model = bg.GLM("y", "x", family="student_t", dispersion=flat)
    for verb in (bg.fit, bg.fit_mcmc):
        with pytest.raises(bg.ModelError, match=r"'nu' is improper.* \(dispersion=\{'nu': bg\."):
            verb(model, {"y": y, "x": X})


def test_outliers_move_a_student_t_less_than_a_gaussian():
    y = 0.3 + X @ [0.5, -0.3] + 0.5 * np.random.default_rng(5).normal(size=400)
    y[:20] += 30.0
    gaussian, robust = (estimate(name, y)[0] for name in ("gaussian", "student_t"))
    assert np.abs(robust - [0.3, 0.5, -0.3]).max() < 0.1 < np.abs(gaussian - [0.3, 0.5, -0.3]).max()


def by_search(log_density, start):
    """Return the maximum of a sum of scipy's log densities, by a search that knows no slopes."""
    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 20000, "maxfev": 20000}
    found = optimize.minimize(
        lambda v: -log_density(v), start, method="Nelder-Mead", options=options
    )
    return found.x


def test_weibull_is_scipys_with_the_link_on_the_mean():
    y = drawn("weibull", ETA)
    w, dispersions = estimate("weibull", y, dispersion=bg.Flat())

    def log_density(v):
        alpha = np.exp(v[3])
        scale = np.exp(v[0] + X @ v[1:3]) / special.gamma(1.0 + 1.0 / alpha)
        return stats.weibull_min.logpdf(y, alpha, scale=scale).sum()

    best = by_search(log_density, np.r_[w, np.log(dispersions["alpha"])] + 0.05)
    np.testing.assert_allclose([*w, np.log(dispersions["alpha"])], best, atol=2e-6)


def test_von_mises_is_scipys_with_half_the_angle_in_the_link():
    y = drawn("von_mises", ETA)
    w, dispersions = estimate("von_mises", y, dispersion=bg.Flat())

    def log_density(v):
        mu = 2.0 * np.arctan(v[0] + X @ v[1:3])
        # An intercept that is flat on the circle is Cauchy on the tangent of half the angle.
        return stats.vonmises.logpdf(y, np.exp(v[3]), mu).sum() + stats.cauchy.logpdf(v[0])

    best = by_search(log_density, np.r_[w, np.log(dispersions["kappa"])] + 0.05)
    np.testing.assert_allclose([*w, np.log(dispersions["kappa"])], best, atol=2e-6)

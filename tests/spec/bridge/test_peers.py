"""Priors read off the settings of other libraries have the MAP estimates that these found.

Scikit-learn and statsmodels are fitted here; what others found is in tests/references, beside the
scripts that asked them.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import bayesglm as bg
from bayesglm.spec.bridge.reading import read
from bayesglm.spec.bridge.table import CONVENTIONS
from bayesglm.spec.bridge.weights import weights_of
from bayesglm.spec.bridge.words import by_loss

REFERENCES = Path(__file__).parents[2] / "references"
FRAME = pd.read_csv(REFERENCES / "penalties.csv")
X = FRAME[["a", "b", "c", "d"]].to_numpy()
N, SIGMA = len(X), 0.7
WITH_CONSTANT = sm.add_constant(X)
OF_R = json.loads((REFERENCES / "penalties_R.json").read_text())
OF_PYTHON = json.loads((REFERENCES / "penalties_python.json").read_text())
BLOCKS = {
    "splines": np.array(OF_R["splines"]),
    "columns": X,
    "levels": np.eye(6)[np.arange(N) % 6],
}
LINKS = {"softplus": "softplus", "probit": "probit", "statsmodels.Probit": "probit"}
ALPHA = 0.1


def of_statsmodels(kind, family, settings, known=None):
    """Return a fit of statsmodels in the form in which the others are stored."""
    families = {"poisson": sm.families.Poisson(), "bernoulli": sm.families.Binomial()}
    arguments = {"family": families[family]} if kind == "GLM" else {}
    is_mean = kind in ("GLM", "OLS")
    model = getattr(sm, kind)(FRAME[family].to_numpy(), WITH_CONSTANT, **arguments)
    exact = {"acc": 1e-15, "disp": 0, "trim_mode": "off", "maxiter": 2000}
    if is_mean:
        exact = {"cnvrg_tol": 1e-13, "maxiter": 5000} if settings["L1_wt"] else {}
    plain = {
        name: np.array(one) if isinstance(one, list) else one for name, one in settings.items()
    }
    constant, *slopes = np.asarray(model.fit_regularized(**plain, **exact).params)
    return {
        "convention": f"statsmodels.{kind}",
        "family": family,
        "settings": settings,
        "known": {"n": N, **({"family": WORDS[family]} if kind == "GLM" else {}), **(known or {})},
        "intercept": constant,
        "coefficients": np.transpose(slopes),
    }


WORDS = {"poisson": "poisson", "bernoulli": "binomial"}
NOISE = {"sigma": SIGMA}
OF_STATSMODELS = {
    "OLS ridge": ("OLS", "gaussian", {"alpha": ALPHA, "L1_wt": 0.0}, NOISE),
    "OLS lasso": ("OLS", "gaussian", {"alpha": [0.0, *[ALPHA] * 4], "L1_wt": 1.0}, NOISE),
    "OLS elastic net": ("OLS", "gaussian", {"alpha": ALPHA, "L1_wt": 0.4}, NOISE),
    "GLM ridge": ("GLM", "poisson", {"alpha": [0.0, 0.1, 0.2, 0.3, 0.1], "L1_wt": 0.0}),
    "GLM elastic net": ("GLM", "poisson", {"alpha": ALPHA, "L1_wt": 0.5}),
    "GLM lasso": ("GLM", "bernoulli", {"alpha": [0.0, *[ALPHA / 3] * 4], "L1_wt": 1.0}),
    "Logit": ("Logit", "bernoulli", {"alpha": [0.0, 2.0, 1.0, 4.0, 3.0], "method": "l1"}),
    "Probit": ("Probit", "bernoulli", {"alpha": [0.0, 2.0, 1.0, 4.0, 3.0], "method": "l1"}),
    "Poisson": ("Poisson", "poisson", {"alpha": 3.0, "method": "l1"}),
    "MNLogit": ("MNLogit", "categorical", {"alpha": 3.0, "method": "l1"}),
}
STORED = {
    f"{one['convention']} {one['family']} {place}": one
    for place, one in enumerate([*OF_PYTHON["fits"], *OF_R["fits"]])
}


def model_of(one):
    """Return the model under the priors that a fit of theirs had."""
    reading = read(one["convention"], {**one["settings"], **one["known"]})
    assert reading.family == one["family"]
    phi = one["known"].get("phi", 1.0)
    fixed = {
        "gaussian": one["known"].get("sigma"),
        "gamma": 1.0 / phi,
        "inverse_gaussian": 1.0 / phi,
        "tweedie": {"phi": phi, "p": 1.5},
        "negative_binomial": 1.0 / 0.5,
    }
    is_symmetric = one["convention"] == "glmnet" and one["family"] == "categorical"
    return bg.GLM(
        "y",
        bg.Linear("x", prior=reading.prior),
        family=one["family"],
        link=LINKS.get(one["settings"].get("distr", one["convention"])),
        intercept=None if one.get("block") == "splines" else reading.intercept,
        dispersion=fixed.get(one["family"]),
        **({"reference": None} if is_symmetric else {}),
    )


def check_found(one):
    """Hold the MAP estimate to what a library found."""
    block = BLOCKS.get(one.get("block"), X[:, : np.shape(one.get("coefficients", X))[-1]])
    response = one["family"] if one["family"] in FRAME else "poisson"
    fit = bg.fit_map(model_of(one), {"y": FRAME[response].to_numpy(), "x": block})["map"]
    if "eta" in one:
        eta = float(fit.get("intercept", 0.0)) + block @ fit["x"].values
        np.testing.assert_allclose(eta, one["eta"], atol=1e-6)
        return
    np.testing.assert_allclose(fit["x"], one["coefficients"], atol=1e-6)
    # glmnet's intercepts of several classes add up to zero, as ours do, and are not stored.
    if one["intercept"] is not None:
        np.testing.assert_allclose(fit.get("intercept", 0.0), one["intercept"], atol=1e-6)


@pytest.mark.parametrize("one", STORED.values(), ids=STORED.keys())
def test_a_penalty_read_as_a_prior_gives_what_its_library_found(one):
    check_found(one)


def test_every_row_of_the_table_has_a_fit_of_its_library():
    fits = {(one["convention"], one["family"]) for one in STORED.values()}
    fits |= {(f"statsmodels.{kind}", family) for kind, family, *_ in OF_STATSMODELS.values()}
    # Those of scikit-learn are in test_from_sklearn.py, which goes through all its estimators.
    lacking = [
        (record.name, families)
        for record in CONVENTIONS.values()
        for families, _ in by_loss(record)
        if not record.name.startswith("sklearn.")
        and not any((record.name, family) in fits for family in families)
    ]
    assert not lacking
    assert {name for name, _ in fits} <= set(CONVENTIONS)


@pytest.mark.parametrize("told", OF_STATSMODELS.values(), ids=OF_STATSMODELS.keys())
def test_a_penalty_read_as_a_prior_gives_what_statsmodels_finds(told):
    check_found(of_statsmodels(*told))


WRITTEN = {
    "OLS": ("gaussian", bg.Normal(0.3), {"n": N, **NOISE}),
    "GLM": ("poisson", bg.ElasticNet(0.1), {"n": N, "family": "poisson"}),
    "Logit": ("bernoulli", bg.Laplace(0.3), {}),
    "Poisson": ("poisson", bg.Laplace([0.3, 0.2, 0.1, 0.1]), {}),
}


@pytest.mark.parametrize(("kind", "row"), WRITTEN.items(), ids=WRITTEN.keys())
def test_statsmodels_told_a_prior_leaves_the_constant_free(kind, row):
    family, prior, known = row
    settings = bg.prior_to_penalty(prior, f"statsmodels.{kind}", columns=4, **known)
    assert settings["alpha"][0] == 0.0
    one = of_statsmodels(kind, family, settings)
    model = bg.GLM("y", bg.Linear("x", prior=prior), family=family, dispersion=known.get("sigma"))
    fit = bg.fit_map(model, {"y": FRAME[family].to_numpy(), "x": X})["map"]
    np.testing.assert_allclose(fit["x"], one["coefficients"], atol=1e-6)
    np.testing.assert_allclose(fit["intercept"], one["intercept"], atol=1e-6)


@pytest.mark.parametrize("one", STORED.values(), ids=STORED.keys())
def test_settings_come_back_from_the_prior_that_they_say(one):
    convention, settings = one["convention"], one["settings"]
    reading = read(convention, {**settings, **one["known"]})
    known = {name: told for name, told in one["known"].items() if name != "order"}
    record = CONVENTIONS[convention]
    beside = {name: settings[name] for name in (record.family, "S.scale") if name in settings}
    known |= beside | ({"size": settings["groups"]} if "groups" in settings else {})
    back = bg.prior_to_penalty(reading.prior, convention, **known)
    again = read(convention, {**back, **one["known"], **beside})
    for here, there in zip(weights_of(reading.prior)[:2], weights_of(again.prior)[:2], strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)
    is_said = record.family_is_setting
    told = {name for name in settings if name not in ("S.scale", "weights")}
    told -= set() if is_said else {record.family}
    assert told <= set(back) | {"sds"}
    scaled = {"alpha", "weights"} if "groups" in settings else set()
    for name in sorted(told - scaled):
        if isinstance(settings[name], str):
            assert back[name] == settings[name]
            continue
        # glmnet divides the factors by their mean.
        mean = np.mean(settings[name]) if name == "penalty.factor" else 1.0
        np.testing.assert_allclose(back[name], np.divide(settings[name], mean), rtol=1e-9)

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

REFERENCES = Path(__file__).parents[2] / "references"
FRAME = pd.read_csv(REFERENCES / "penalties.csv")
X = FRAME[["a", "b", "c", "d"]].to_numpy()
N, SIGMA = len(X), 0.7
WITH_CONSTANT = sm.add_constant(X)
OF_R = json.loads((REFERENCES / "penalties_R.json").read_text())
OF_PYTHON = json.loads((REFERENCES / "penalties_python.json").read_text())
BLOCKS = {"splines": np.array(OF_R["splines"]), "columns": X}
LINKS = {"softplus": "softplus", "probit": "probit"}
ALPHA = 0.1


def of_statsmodels(convention, family, settings, known=None):
    """Return a fit of statsmodels in the form in which the others are stored."""
    y = FRAME[family].to_numpy()
    kind = convention.rpartition(".")[2]
    arguments = {"family": sm.families.Poisson()} if family == "poisson" else {}
    arguments = arguments or {"family": sm.families.Binomial()}
    model = getattr(sm, kind)(y, WITH_CONSTANT, **(arguments if kind == "GLM" else {}))
    exact = {"acc": 1e-15, "disp": 0, "trim_mode": "off", "maxiter": 2000}
    if kind in ("OLS", "GLM"):
        exact = {"cnvrg_tol": 1e-13, "maxiter": 5000}
    if settings.get("L1_wt") == 0.0:
        exact = {}
    plain = {
        name: np.array(one) if isinstance(one, list) else one for name, one in settings.items()
    }
    found = np.asarray(model.fit_regularized(**plain, **exact).params)
    return {
        "convention": convention,
        "family": family,
        "settings": settings,
        "known": {"n": N} | (known or {}),
        "intercept": found[0],
        "coefficients": found[1:],
    }


STATSMODELS = {
    "OLS ridge": lambda: of_statsmodels(
        "statsmodels.OLS", "gaussian", {"alpha": ALPHA, "L1_wt": 0.0}, {"sigma": SIGMA}
    ),
    "OLS lasso": lambda: of_statsmodels(
        "statsmodels.OLS",
        "gaussian",
        {"alpha": [0.0, *[ALPHA] * 4], "L1_wt": 1.0},
        {"sigma": SIGMA},
    ),
    "OLS elastic net": lambda: of_statsmodels(
        "statsmodels.OLS", "gaussian", {"alpha": ALPHA, "L1_wt": 0.4}, {"sigma": SIGMA}
    ),
    "GLM ridge": lambda: of_statsmodels(
        "statsmodels.GLM", "poisson", {"alpha": [0.0, 0.1, 0.2, 0.3, 0.1], "L1_wt": 0.0}
    ),
    "GLM elastic net": lambda: of_statsmodels(
        "statsmodels.GLM", "poisson", {"alpha": ALPHA, "L1_wt": 0.5}
    ),
    "Logit": lambda: of_statsmodels(
        "statsmodels.Logit", "bernoulli", {"alpha": [0.0, 2.0, 1.0, 4.0, 3.0], "method": "l1"}
    ),
    "Poisson": lambda: of_statsmodels(
        "statsmodels.Poisson", "poisson", {"alpha": 3.0, "method": "l1"}
    ),
}
STORED = {
    f"{one['convention']} {one['family']} {place}": one
    for place, one in enumerate([*OF_PYTHON["fits"], *OF_R["fits"]])
}


def model_of(one):
    """Return the model under the priors that a fit of theirs had."""
    reading = read(one["convention"], {**one["settings"], **one["known"]})
    family, known = one["family"], one["known"]
    phi = 1.0 / known.get("phi", 1.0)
    fixed = {"gaussian": known.get("sigma"), "gamma": phi, "inverse_gaussian": phi}
    intercept = None if one.get("block") == "splines" else reading.intercept
    return bg.GLM(
        "y",
        bg.Linear("x", prior=reading.prior),
        family=family,
        link=LINKS.get(one["settings"].get("distr")),
        intercept=intercept,
        dispersion=fixed.get(family),
        **({"reference": None} if family == "categorical" else {}),
    )


def check_found(one):
    """Hold the MAP estimate to what a library found."""
    if one["convention"] not in CONVENTIONS:
        raise AssertionError(one["convention"])
    block = BLOCKS.get(one.get("block"), X[:, : min(4, len(one.get("coefficients", X)))])
    y = FRAME[one["family"]].to_numpy()
    fit = bg.fit_map(model_of(one), {"y": y, "x": block})["map"]
    if "eta" in one:
        eta = float(fit.get("intercept", 0.0)) + block @ fit["x"].values
        np.testing.assert_allclose(eta, one["eta"], atol=1e-6)
        return
    np.testing.assert_allclose(np.ravel(fit["x"]), one["coefficients"], atol=1e-6)
    if one["family"] != "categorical":
        assert float(fit.get("intercept", 0.0)) == pytest.approx(one["intercept"], abs=1e-6)


@pytest.mark.parametrize("one", STORED.values(), ids=STORED.keys())
def test_a_penalty_read_as_a_prior_gives_what_its_library_found(one):
    check_found(one)


@pytest.mark.parametrize("made", STATSMODELS.values(), ids=STATSMODELS.keys())
def test_a_penalty_read_as_a_prior_gives_what_statsmodels_finds(made):
    check_found(made())


@pytest.mark.parametrize("one", STORED.values(), ids=STORED.keys())
def test_settings_come_back_from_the_prior_that_they_say(one):
    convention, settings = one["convention"], one["settings"]
    reading = read(convention, {**settings, **one["known"]})
    known = {name: told for name, told in one["known"].items() if name != "order"}
    record = CONVENTIONS[convention]
    known |= {name: settings[name] for name in (record.family, "S.scale") if name in settings}
    known |= {"size": settings["groups"]} if "groups" in settings else {}
    back = bg.prior_to_penalty(reading.prior, convention, **known)
    again = read(
        convention,
        {**back, **one["known"], **{n: settings[n] for n in ("S.scale",) if n in settings}},
    )
    for here, there in zip(weights_of(reading.prior)[:2], weights_of(again.prior)[:2], strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)
    told = {name for name in settings if name not in ("S.scale", "weights")}
    assert told <= set(back) | {"sds"}
    scaled = {"alpha", "weights"} if "groups" in settings else set()
    for name in sorted(told - scaled):
        if isinstance(settings[name], str):
            assert back[name] == settings[name]
        else:
            np.testing.assert_allclose(back[name], settings[name], rtol=1e-9)

"""Posteriors of classical data sets are Bambi's, under the same priors (tests/references)."""

import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.datasets import committee, grunfeld, spector

import bayesglm as bg

TOLD = json.loads((Path(__file__).parents[1] / "references" / "classics.json").read_text())


def investment():
    priors = {
        "intercept": bg.Normal(200.0),
        "value": bg.Normal(1.0),
        "capital": bg.Normal(1.0),
        "firm": bg.Normal(bg.HalfNormal([200.0, 0.5])),
    }
    text = "invest ~ value + capital + (capital || firm)"
    model = bg.formula(text, priors=priors, dispersion=bg.HalfStudentT(100.0, df=4))
    return model, grunfeld.load_pandas().data


def teaching():
    data = spector.load_pandas().data
    data["method"] = data["PSI"].map({0.0: "lectures", 1.0: "own pace"})
    priors = {
        "intercept": bg.Normal(10.0, loc=-5.0),
        "GPA": bg.Normal(2.5),
        "method": bg.Normal(5.0),
        "GPA:method": bg.Normal(1.5),
        "TUCE": bg.Normal(0.5),
    }
    return bg.formula("GRADE ~ GPA * method + TUCE", family="bernoulli", priors=priors), data


def bills():
    data = committee.load_pandas().data
    data["standing"] = data["PRESTIGE"].map({0.0: "plain", 1.0: "prestige"})
    priors = {
        "intercept": bg.Normal(2.0, loc=1.0),
        "SIZE": bg.Normal(0.1),
        "standing": bg.Normal(2.0),
        "SUBS": bg.Normal(0.5),
        "standing:SUBS": bg.Normal(0.5),
    }
    model = bg.formula(
        "BILLS104 ~ SIZE + standing * SUBS + offset(log(STAFF))",
        family="negative_binomial",
        priors=priors,
        dispersion=bg.InverseGamma(0.5, 0.5),
    )
    return model, data


@pytest.mark.parametrize("make", [investment, teaching, bills])
def test_means_and_sds_are_bambis_to_monte_carlo_error(make):
    table, told = bg.summary(bg.fit(*make(), draws=10_000)), TOLD[make.__name__]
    assert set(table.index) - set(told) <= {"variance share of firm"}
    mean, sd, of_mean, of_sd = np.array(list(told.values())).T
    ours = table.loc[list(told)]
    error = ours["sd"] / np.sqrt(ours["ess"])
    assert (error < 0.006 * sd).all()
    assert (np.abs(ours["mean"] - mean) < 4.0 * np.hypot(of_mean, error)).all()
    # sd * sqrt((kurtosis - 1)/(4 n)): beyond that of the mean where tails are heavy, as in theirs.
    error *= np.maximum(1.0, of_sd / of_mean)
    assert (np.abs(ours["sd"] - sd) < 4.0 * np.hypot(of_sd, error)).all()

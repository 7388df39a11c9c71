"""Censored and truncated responses: what is refused, and how it is said."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg

MODEL = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored=("s", "u"))


def data_of(**changed):
    rng = np.random.default_rng(0)
    data = {
        "y": rng.exponential(size=12) + 0.5,
        "x": rng.normal(size=12),
        "s": np.array(["none", "right", "left", "interval"] * 3),
        "low": np.full(12, 0.2),
    }
    data["u"] = np.where(data["s"] == "interval", data["y"] + 1.0, np.nan)
    return data | changed


def words(*first):
    return np.array([*first, *["none"] * (12 - len(first))])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"s": np.arange(12) % 2}, "holds numbers, whose meaning differs"),
        ({"s": np.arange(12) % 2 == 0}, "holds truth values"),
        ({"s": words("none", "rigth")}, "has 'rigth' at obs=1.*Did you mean 'right'"),
        ({"s": words("event")}, "has 'event' at obs=0.*Write 'none'"),
        ({"s": words("Right-censored")}, "Write 'right'"),
        ({"s": words("interval"), "u": np.zeros(12)}, r"must lie above.*obs=0.*Exchange the two"),
        ({"s": words("interval"), "u": data_of()["y"]}, "Say 'none' where a response is exact"),
        ({"s": words("interval"), "u": np.full(12, np.nan)}, "missing or infinite"),
        (
            {"y": np.r_[0.0, data_of()["y"][1:]], "s": words("left")},
            r"no weibull response does.*obs=0",
        ),
        ({"y": np.r_[-1.0, data_of()["y"][1:]]}, "takes positive numbers"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_censored_sample_can_be(changed, said):
    with pytest.raises(bg.DataError, match=said):
        bg.fit_map(MODEL, data_of(**changed))


def test_ends_of_intervals_need_a_variable():
    model = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored="s")
    with pytest.raises(bg.DataError, match=r"censored=\('s', 'upper'\)"):
        bg.fit_map(model, data_of())
    data = data_of()
    del data["s"]
    with pytest.raises(bg.DataError, match="censoring status 's' is not in the data"):
        bg.fit_map(model, data)


def test_censored_counts_end_at_counts():
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0), censored="s")
    data = data_of(y=np.r_[2.5, np.arange(11.0)], s=words("right"))
    with pytest.raises(bg.DataError, match=r"censored ones end at counts; 1 do not.*2\.5"):
        bg.fit_map(model, data)
    binomial = bg.GLM("y", "x", family="binomial", trials="n", prior=bg.Normal(1.0), censored="s")
    data = data_of(y=np.r_[9.0, np.zeros(11)], s=words("right"), n=np.full(12, 8))
    with pytest.raises(bg.DataError, match="no binomial response does"):
        bg.fit_map(binomial, data)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((1.0, None), r"outside the bounds truncated=\(1.0, None\).*censored="),
        ((None, 1.0), "outside the bounds"),
        (("x", 0.1), "lower bound that is not below the upper one"),
        (("nowhere", None), "lower bound 'nowhere' is not in the data"),
    ],
)
def test_what_no_truncated_sample_can_be(bounds, said):
    model = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), truncated=bounds)
    with pytest.raises(bg.DataError, match=said):
        bg.fit_map(model, data_of(x=np.linspace(0.0, 1.0, 12)))


@pytest.mark.parametrize("status", ["right", "left"])
def test_without_an_event_there_is_no_estimate(status):
    with pytest.raises(bg.DataError, match="the data are separated"):
        bg.fit_map(MODEL, data_of(s=np.full(12, status)))


def test_predictors_separate_what_is_censored():
    """Every sample of the second half lies beyond its limit: there the mean has no upper end."""
    late = np.arange(12) >= 6
    model = bg.GLM("y", "late", family="weibull", prior=bg.Flat(), censored="s")
    with pytest.raises(bg.DataError, match="'late' go to infinity"):
        bg.fit_map(model, data_of(late=late, s=np.where(late, "right", "none")))


def test_words_may_be_categories_and_each_neurons_own():
    plain = bg.fit_map(MODEL, data_of())
    frame = pd.DataFrame(data_of())
    frame["s"] = frame["s"].astype("category")
    found = bg.fit_map(MODEL, frame)
    assert found.attrs["log_posterior"] == plain.attrs["log_posterior"]
    data = data_of()
    both = xr.Dataset(
        {
            "y": (("obs", "neuron"), np.stack([data["y"], data["y"] + 0.1], 1)),
            "s": (("obs", "neuron"), np.stack([words("right"), words("left")], 1)),
            "x": ("obs", data["x"]),
        }
    )
    model = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored="s")
    together = bg.fit_map(model, both)
    for k in range(2):
        alone = bg.fit_map(
            model.with_terms([bg.Linear("x", prior=bg.Normal(1.0))]), both.isel(neuron=k)
        )
        assert float(together["map"]["x"][k]) == pytest.approx(float(alone["map"]["x"]), abs=1e-7)


def test_default_priors_count_censored_responses_as_recorded():
    """Intervals count by their middles."""
    data = data_of(s=words("interval", "right"), u=np.full(12, 4.0))
    fit = bg.fit_map(bg.GLM("y", "x", family="gaussian", censored=("s", "u")), data)
    y = data["y"].copy()
    y[0] = 0.5 * (y[0] + 4.0)
    model = bg.GLM.from_json(fit.attrs["model"])
    assert model.dispersion_of("sigma").scale == pytest.approx(y.std())

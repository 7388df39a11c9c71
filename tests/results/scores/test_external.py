"""Predictions of other methods, scored by their own distributions and paired by their samples."""

import warnings
from dataclasses import replace

import arviz_stats
import mpmath as mp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from families import (
    EXACT_KEYS,
    LINKS,
    OF_NUMBERS,
    TRIALS,
    exact_terms,
    phi_of,
    responses_of,
    trials_of,
)
from scipy.stats import poisson

import bayesglm as bg

N = 80
RNG = np.random.default_rng(2)
X = RNG.normal(size=N)
FRAME = pd.DataFrame({"x": X}, index=[f"p{k}" for k in range(N)])
FRAME["count"] = RNG.poisson(np.exp(1.0 + 0.3 * X))
FRAME["yes"] = RNG.random(N) < 1 / (1 + np.exp(-X))
FRAME["side"] = np.array(["a", "b", "c"])[RNG.integers(0, 3, N)]
FRAME["amount"] = 2.0 * X + RNG.normal(size=N)
ORDER = RNG.permutation(N)
CHANCES = pd.DataFrame(RNG.dirichlet(np.ones(3), N), columns=list("abc"), index=FRAME.index)
P = FRAME["x"].map(lambda x: 1 / (1 + np.exp(-x)))
RATES = np.exp(0.9 + 0.2 * FRAME["x"])
DEFAULTS = [
    (name, of.links[0]) for name, of in OF_NUMBERS.items() if (name, of.links[0]) in EXACT_KEYS
]


def fit(response, family):
    return bg.fit(bg.GLM(response, "x", family=family), FRAME, draws=500)


@pytest.mark.parametrize("key", DEFAULTS, ids=lambda key: key[0])
def test_every_family_scores_by_its_density(key):
    name, link = key
    responses, phi = responses_of(key), phi_of(key)
    dispersion = dict(zip(OF_NUMBERS[name].dispersions, phi, strict=True)) or None
    for eta in (-0.4, 0.6):
        mean = float(LINKS[link](mp.mpf(eta)).mu)
        score = bg.external(
            "it",
            predictions=np.full(len(responses), mean),
            observed=np.array(responses),
            family=name,
            dispersion=dispersion,
            trials=trials_of(name),
        )
        exact = [
            float(mp.fsum(exact_terms(key, *map(mp.mpf, (y, eta)), list(map(mp.mpf, phi)), TRIALS)))
            for y in responses
        ]
        np.testing.assert_allclose(score.elpd_i, exact, rtol=1e-9, atol=1e-9)
        assert score.elpd == pytest.approx(sum(exact))
        assert score.elpd_i.attrs["measure"] == (
            "probabilities" if OF_NUMBERS[name].discrete else "densities"
        )


def test_levels_score_by_the_probability_of_what_was_observed():
    expected = [np.log(CHANCES.loc[label, side]) for label, side in FRAME["side"].items()]
    for predictions, levels in (
        (CHANCES, None),
        (CHANCES[["c", "a", "b"]], None),
        (CHANCES.to_numpy(), ["a", "b", "c"]),
        (xr.DataArray(CHANCES, dims=("obs", "level"), coords={"level": list("abc")}), None),
        (xr.DataArray(CHANCES.T, dims=("level", "obs"), coords={"level": list("abc")}), None),
    ):
        for observed in (FRAME["side"], pd.Categorical(FRAME["side"])):
            if isinstance(predictions, xr.DataArray):
                observed = np.asarray(observed)
            score = bg.external("it", predictions=predictions, observed=observed, levels=levels)
            np.testing.assert_allclose(score.elpd_i, expected)


PAIRS = {
    "rates": ("count", "poisson", {"predictions": RATES, "family": "poisson"}),
    "yes": ("yes", "bernoulli", {"predictions": P, "family": "bernoulli"}),
    "yes and no": ("yes", "bernoulli", {"predictions": pd.DataFrame({False: 1 - P, True: P})}),
    "0 and 1": ("yes", "bernoulli", {"predictions": pd.DataFrame({0: 1 - P, 1: P})}),
    "levels": ("side", "categorical", {"predictions": CHANCES}),
    "means": (
        *("amount", "gaussian"),
        {"predictions": 2 * FRAME["x"], "family": "gaussian", "dispersion": 1.0 + 0 * P},
    ),
    "log densities": ("amount", "gaussian", {"log_density": -1.0 - P, "family": "gaussian"}),
}


@pytest.mark.parametrize(("response", "family", "given"), PAIRS.values(), ids=PAIRS.keys())
def test_scores_stand_beside_those_of_fits_sample_by_sample(response, family, given):
    score = bg.loo(fit(response, family))
    one = bg.external("it", observed=FRAME[response], **given)
    moved = {k: v.iloc[ORDER] if hasattr(v, "iloc") else v for k, v in given.items()}
    other = bg.external("it", observed=FRAME[response].iloc[ORDER], **moved)
    difference = score.elpd_i.values - one.elpd_i.values
    tables = [bg.compare({"fit": score, "it": each}) for each in (one, other)]
    for table in tables:
        assert abs(table["elpd_diff"].iloc[1]) == pytest.approx(abs(difference.sum()))
        assert table["dse"].iloc[1] == pytest.approx(np.sqrt(N) * difference.std())
    pd.testing.assert_frame_equal(*tables)
    known = arviz_stats.compare({"fit": score, "it": one}, round_to="none")
    np.testing.assert_allclose(known["elpd_diff"].astype(float), tables[0]["elpd_diff"])
    turned = FRAME[response].iloc[::-1].set_axis(FRAME.index)
    if "predictions" in given:
        with pytest.raises(bg.DataError, match="different responses"):
            bg.compare({"fit": score, "it": bg.external("it", observed=turned, **given)})


def test_whole_labels_stand_beside_folds_and_groups():
    """What a method says of whole labels is compared with what the verbs say of them."""
    frame = FRAME.assign(site=[f"s{k}" for k in RNG.integers(0, 9, N)])
    model = bg.GLM("count", "x", family="poisson")
    with pytest.raises(bg.DataError, match=r"set_coords\('site'\)"):
        bg.score(bg.fit(model, frame, draws=50), new="group", by="site")
    sites = bg.as_dataset(frame).set_coords("site")
    folds = bg.kfold(model, sites, by="site", folds=3, draws=100)
    left_out = {"fold": folds, "fit": bg.score(bg.fit(model, sites, draws=250), "group", "site")}
    rows = frame.set_index("site").assign(rate=RATES.to_numpy())
    density = pd.Series(poisson.logpmf(rows["count"], rows["rate"]), rows.index)
    each = density.groupby("site").sum()
    of_rates = {"predictions": rows["rate"], "observed": rows["count"], "family": "poisson"}
    given = {
        "rates": of_rates,
        "log densities": {"log_density": density, "family": "poisson"},
        "joint": {"log_density": each[::-1], "family": "poisson"},
        "of a nameless index": {"log_density": each.rename_axis(None), "family": "poisson"},
        "of a dim": {"log_density": each.to_xarray(), "family": "poisson"},
    }
    for one in given.values():
        scored = bg.external("it", **one, by="site")
        found = scored.elpd_i.to_series().sort_index()
        np.testing.assert_allclose(found, each)
        assert found.index.tolist() == each.index.tolist()
        for name, other in left_out.items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the scores of 'it' do not say which responses")
                table = bg.compare({"it": scored, name: other})
            assert table.attrs["compared_on"] == "9 levels of 'site'"
            assert table.loc["it", "elpd"] == pytest.approx(each.sum())
    refused = {
        "by='site' is no label .* which has none": {"log_density": each.to_numpy(), "by": "site"},
        "by='region' is no label .* which has obs, site": {"log_density": each, "by": "region"},
        "by must be 'time', or the name": {"log_density": each, "by": ["site"]},
    }
    for message, one in refused.items():
        with pytest.raises(bg.DataError, match=message):
            bg.external("it", **one)
    fewer = bg.external(
        "it", **{k: v if k == "family" else v[1:] for k, v in of_rates.items()}, by="site"
    )
    with pytest.raises(bg.DataError, match="score different samples at 1 of 9 common places"):
        bg.compare({"it": fewer, "fold": folds})
    with pytest.raises(bg.DataError, match=r"give all the same by=: .* external\(..., by='site'\)"):
        bg.compare({"it": bg.external("it", **of_rates), "fold": folds})


def test_bits_beside_a_fit_are_beyond_its_constant_rate():
    score = bg.loo(fit("count", "poisson"))
    trees = bg.external("it", predictions=RATES, observed=FRAME["count"], family="poisson")
    table = bg.compare({"trees": trees, "fit": score})
    bits = table["bits_per_event"]
    per_spike = np.log(2) * FRAME["count"].sum()
    assert bits.iloc[1] - bits.iloc[0] == pytest.approx(table["elpd_diff"].iloc[1] / per_spike)
    assert bg.bits_per_spike(trees)["bits_per_spike"].item() == pytest.approx(bits["trees"])


def test_units_and_times_are_paired_by_their_labels():
    time, counts = 0.01 * np.arange(N), RNG.poisson(1.0, (N, 2))
    data = xr.Dataset(
        {"y": (("time", "unit"), counts), "x": ("time", X)}, {"time": time, "unit": ["u", "v"]}
    )
    score = bg.loo(bg.fit(bg.GLM("y", "x", family="poisson"), data, draws=500))
    rates = xr.ones_like(data["y"], dtype=float)
    given = {"predictions": rates[::-1], "observed": data["y"][::-1], "family": "poisson"}
    net = bg.external("net", **given)
    table = bg.compare({"fit": score, "net": net})
    difference = (score.elpd_i - net.elpd_i).sum()
    assert abs(table["elpd_diff"].iloc[1]) == pytest.approx(abs(float(difference)))
    frame = pd.DataFrame({"time": np.repeat(time, 2)})
    twice = bg.external("it", pd.Series(np.zeros(2 * N), index=pd.Index(frame["time"])))
    assert "sample_position" in twice.elpd_i.coords


def test_what_is_not_said_is_told():
    score = bg.loo(fit("amount", "gaussian"))
    bare = bg.external("it", log_density=-1.0 - P)
    arrays = bg.external("a", log_density=P.to_numpy() - 3.0)
    fewer = bg.external("b", log_density=P.to_numpy()[1:] - 3.0)
    with pytest.raises(bg.DataError, match="which of 80 samples of 'a' and 79 samples of 'b'"):
        bg.compare({"a": arrays, "b": fewer})
    several = pd.MultiIndex.from_product([range(8), range(10)], names=["g", "k"])
    with pytest.raises(bg.DataError, match="cannot be paired: those of 'a' by their positions"):
        bg.compare({"a": arrays, "g": bg.external("g", P.set_axis(several).iloc[::-1] - 3.0)})
    with pytest.warns(bg.BayesGLMWarning, match="scores of 'it' do not say which responses"):
        bg.compare({"fit": score, "it": bare})
    counts = bg.external("it", predictions=P, observed=FRAME["yes"], family="bernoulli")
    with pytest.raises(bg.DataError, match="of 'fit' are densities and those of 'it' are prob"):
        bg.compare({"fit": score, "it": counts})
    other = replace(bare, elpd_i=bare.elpd_i[:-1])
    with pytest.warns(bg.BayesGLMWarning, match="do not say"):
        assert bg.compare({"fit": score, "it": other}).attrs["left_out"] == {"fit": 1, "it": 0}


COUNT, SIDE = FRAME["count"], FRAME["side"]
OF_RATES = {"predictions": RATES, "observed": COUNT, "family": "poisson"}
HOSTILE = {
    "nothing": ({}, "takes either log_density= or predictions="),
    "both": ({"log_density": P, "predictions": P}, "takes either log_density= or predictions="),
    "nothing observed": ({"predictions": CHANCES}, "scored by observed=; give that too"),
    "a word": ({"predictions": "P", "observed": SIDE}, "'predictions' is a single value"),
    "a mapping": ({"predictions": {"a": P}, "observed": SIDE}, "'predictions' is a collection"),
    "length": ({**OF_RATES, "observed": COUNT.to_numpy()[1:]}, "differ in length"),
    "labels": ({**OF_RATES, "observed": COUNT[::-1]}, "have different pandas indexes"),
    "nan": (
        {**OF_RATES, "predictions": RATES.where(X < 1)},
        "missing or infinite .* first at",
    ),
    "gaps": ({**OF_RATES, "observed": COUNT.where(X < 1)}, "'observed' holds .* missing"),
    "family": ({**OF_RATES, "family": "poison"}, "Did you mean 'poisson'"),
    "no family": ({"predictions": RATES, "observed": COUNT}, "of means say family="),
    "below zero": ({**OF_RATES, "predictions": -RATES}, "80 predictions are no rate of poisson"),
    "no chance": ({**OF_RATES, "predictions": 0 * RATES}, "give no chance to what was observed"),
    "no counts": (
        {**OF_RATES, "observed": COUNT + 0.5},
        "80 observed are no non-negative int",
    ),
    "above one": (
        {"predictions": 2 * P, "observed": FRAME["yes"], "family": "bernoulli"},
        "predictions are no probability of bernoulli responses",
    ),
    "no sd": ({**OF_RATES, "family": "gaussian"}, "gaussian predictions need sigma"),
    "sd below zero": (
        {**OF_RATES, "family": "gaussian", "dispersion": -1.0},
        "sigma must lie between 0 and inf, got -1",
    ),
    "sds below zero": (
        {**OF_RATES, "family": "gaussian", "dispersion": FRAME["x"]},
        "sigma do not lie between 0 and inf; the first stands at obs=",
    ),
    "another dispersion": (
        {**OF_RATES, "family": "gaussian", "dispersion": {"sigmo": 1.0}},
        "Did you mean 'sigma'",
    ),
    "one for two": ({**OF_RATES, "family": "student_t", "dispersion": 1.0}, "sigma, nu: name them"),
    "one for none": ({**OF_RATES, "dispersion": 1.0}, "those of poisson are none"),
    "no trials": ({**OF_RATES, "family": "binomial"}, "out of trials=, which are missing"),
    "trials": ({**OF_RATES, "trials": 3}, "poisson predictions take no trials"),
    "no levels": ({"predictions": CHANCES.to_numpy(), "observed": SIDE}, "name as many levels="),
    "a word of levels": (
        {"predictions": CHANCES, "observed": SIDE, "levels": "abc"},
        "labels in the order of columns",
    ),
    "a set of levels": (
        {"predictions": CHANCES, "observed": SIDE, "levels": set("abc")},
        "labels in the order of columns",
    ),
    "levels of numbers": ({**OF_RATES, "levels": ["a", "b"]}, "numbers, which have no levels="),
    "an sd without a family": (
        {"predictions": CHANCES, "observed": SIDE, "dispersion": 1.0},
        "of a family; say family= too",
    ),
    "few levels": ({"predictions": CHANCES, "observed": SIDE, "levels": ["a"]}, "name as many lev"),
    "another level": (
        {"predictions": CHANCES.rename(columns={"c": "d"}), "observed": SIDE},
        r"observed are none of the levels \['a', 'b', 'd'\]",
    ),
    "no probabilities": (
        {"predictions": CHANCES - 0.3, "observed": SIDE},
        "are no probabilities: they lie outside",
    ),
    "above one in all": ({"predictions": CHANCES * 0.9, "observed": SIDE}, "do not add up to 1"),
    "sure of the wrong": (
        {"predictions": pd.DataFrame({"a": 1.0 + 0 * P, "b": 0 * P, "c": 0 * P}), "observed": SIDE},
        "give no chance to what was observed",
    ),
    "labels without names": (
        {"predictions": P, "observed": SIDE, "family": "bernoulli"},
        "name them in levels=: no and yes",
    ),
    "family of levels": (
        {"predictions": CHANCES, "observed": SIDE, "family": "categorical"},
        r"give predictions \(sample, level\) without family=",
    ),
    "shapes": ({**OF_RATES, "predictions": CHANCES}, "one mean for each response"),
    "no name": ({"name": "", "log_density": -P}, "the name of external predictions comes first"),
    "above one in logs": ({"log_density": P, "family": "poisson"}, "80 log_density are above 0"),
    "of labels": ({"log_density": P, "observed": SIDE}, r"the first stands at obs=\d+ \(label 'p"),
    "no level": (
        {"log_density": -P - 2, "observed": SIDE, "levels": ["a", "b"]},
        r"observed are none of the levels \['a', 'b'\]; the first",
    ),
    "truth values": ({"log_density": P > 0, "family": "gaussian"}, "holds true and false"),
    "half a trial": (
        {**OF_RATES, "family": "binomial", "trials": 2.5},
        "trials must be a whole number of at least 0, got 2.5",
    ),
    "half trials": (
        {**OF_RATES, "family": "binomial", "trials": COUNT + 0.5},
        "80 trials are no whole numbers of at least 0; the first stands at obs=0",
    ),
    "a level twice": (
        {"predictions": CHANCES, "observed": SIDE, "levels": list("aab")},
        "two levels are called 'a'",
    ),
    "a column twice": (
        {"predictions": CHANCES.rename(columns={"c": "a"}), "observed": SIDE},
        "two levels are called 'a'",
    ),
    "a level of several": (
        {"predictions": CHANCES, "observed": SIDE, "levels": [["a"], ["b"], ["c"]]},
        "labels, one of each column",
    ),
    "minus infinity": ({"log_density": -P.where(X < 1, np.inf)}, "log_density give no chance"),
}


@pytest.mark.parametrize(("given", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_scored_is_refused(given, message):
    with pytest.raises((bg.DataError, bg.ModelError), match=message):
        bg.external(**{"name": "it"} | given)


def test_the_name_comes_first():
    with pytest.raises(bg.DataError, match="the name of external predictions comes first"):
        bg.external(RATES, COUNT)


def test_what_has_no_chance_and_did_not_happen_does_no_harm():
    score = bg.external("it", predictions=[0.0, 2.0], observed=[0, 3], family="poisson")
    assert score.elpd_i.values.tolist() == pytest.approx([0.0, 3 * np.log(2) - 2 - np.log(6)])
    sure = bg.external("it", predictions=[1.0, 0.0], observed=[1, 0], family="bernoulli")
    assert sure.elpd == pytest.approx(0.0, abs=1e-12)
    far = bg.external("it", predictions=[1e6], observed=[1e6], family="gaussian", dispersion=1.0)
    assert far.elpd == pytest.approx(-0.5 * np.log(2 * np.pi))
    named = bg.external(
        "it", predictions=[0.25], observed=["no"], family="bernoulli", levels=["no", "yes"]
    )
    assert named.elpd == pytest.approx(np.log(0.75))

"""Bad input, fault by fault: which exception, which variable, which place, and which remedy."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from families import OF_NUMBERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES

N = 20
RNG = np.random.default_rng(11)
X, Z = RNG.normal(size=N), RNG.normal(size=N)
COUNTS = RNG.poisson(2.0, N).astype(float)
BINARY = (RNG.random(N) < 0.5).astype(float)
TRIALS = np.full(N, 9.0)
TIME = 0.1 * np.arange(N)
ROLES = {"offset": "o", "weights": "w"}


def changed(values, place, value):
    """Return the values with one of them another."""
    values = np.array(values, dtype=np.result_type(values, type(value)))
    values[place] = value
    return values


def glm(terms="x", family="poisson", **options):
    if FAMILY_NAMES[family].needs_trials:
        options["trials"] = "n"
    return bg.GLM("y", terms, family=family, **options)


def data(**variables):
    return {"y": COUNTS, "x": X, **variables}


def check(kind, model, given, message):
    """Assert that every verb that lays a model on data refuses with that message."""
    for verb in (bg.fit_map, bg.fit, bg.fit_laplace):
        with pytest.raises(kind, match=message):
            verb(model, given)


LABELS = {
    "'s7'": [f"s{k}" for k in range(N)],
    "3": np.arange(N)[::-1] - 9,
    "2020-01-08 00:00:00": pd.date_range("2020-01-01", periods=N),
}


@pytest.mark.parametrize(("label", "index"), LABELS.items(), ids=LABELS.keys())
def test_places_of_labelled_samples_are_told_with_their_label(label, index):
    frame = pd.DataFrame({"y": COUNTS, "x": changed(X, 7, np.nan)}, index=index)
    message = rf"the first at obs=7 \(label {label}\); remove"
    check(bg.DataError, glm(), frame, message)
    frame = pd.DataFrame({"y": changed(COUNTS, 7, 0.5), "x": X}, index=index)
    check(bg.DataError, glm(), frame, rf"the first at obs=7 \(label {label}\) \(0.5\)")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["y", "x", "o", "w", "n"])
def test_missing_and_infinite_values(name, value):
    roles = {"y": "response", "x": "predictor", "o": "offset", "w": "weights", "n": "trials"}
    values = data(o=0.1 * Z, w=np.ones(N), n=TRIALS)
    values[name] = changed(changed(values[name], 7, value), 13, value)
    message = rf"{roles[name]} '{name}' holds 2 missing or infinite values, the first at obs=7; rem"
    check(bg.DataError, glm(family="binomial", offset="o", weights="w"), values, message)


def test_missing_values_of_a_film_say_where():
    film = RNG.normal(size=(N, 2, 3))
    film[4, 1, 2] = np.nan
    found = xr.Dataset({"y": ("time", COUNTS), "film": (("time", "row", "column"), film)})
    check(bg.DataError, glm("film"), found, "'film' holds 1 .* at time=4, row=1, column=2; remove")
    check(bg.DataError, glm(bg.Lagged("film", lags=2)), found, "'film' .* time=4, row=1, column=2")


SUPPORT = {
    "negative count": ("poisson", COUNTS, -1.0, r"non-negative integers; 1 values.*obs=5 \(-1\)"),
    "fractional count": (
        "poisson",
        COUNTS,
        0.5,
        r"non-negative integers; .*obs=5 \(0.5\)\. Did.*'tweedie'",
    ),
    "two": ("bernoulli", BINARY, 2.0, r"0 or 1; 1 values.*obs=5 \(2\)\. Did you mean family='poi"),
    "half": ("bernoulli", BINARY, 0.5, r"0 or 1; .*obs=5 \(0.5\)\. Did you mean family='tweedie'"),
    "minus one": ("bernoulli", BINARY, -1.0, r"0 or 1; .*obs=5 \(-1\)"),
    "too many": ("binomial", COUNTS, 10.0, r"from 0 to trials; .*obs=5 \(10\) of 9 trials"),
    "half a success": ("binomial", COUNTS, 1.5, r"from 0 to trials; .*obs=5 \(1.5\) of 9 trials"),
    "no success": ("binomial", COUNTS, -2.0, r"from 0 to trials; .*obs=5 \(-2\) of 9 trials"),
}


@pytest.mark.parametrize(("family", "y", "value", "message"), SUPPORT.values(), ids=SUPPORT.keys())
def test_responses_of_another_family(family, y, value, message):
    values = data(y=changed(y, 5, value), n=TRIALS)
    check(
        bg.DataError,
        glm(family=family),
        values,
        f"response 'y': a {family} response takes .*{message}",
    )


HALVES = np.array([0.5, 1.0, 2.0, 3.5, 0.5, 2.0])
NEAREST = {
    "halves are no counts": ("poisson", HALVES, "Did you mean family='gamma'"),
    "nor are they shares": ("beta", HALVES, "Did you mean family='gamma'"),
    "negative amounts": ("gamma", -HALVES, "Did you mean family='gaussian'"),
    "zeros among amounts": ("gamma", np.r_[0.0, HALVES], "Did you mean family='tweedie'"),
    "zeros among counts": ("gamma", np.arange(6.0), "Did you mean family='poisson'"),
    "counts above one": ("bernoulli", np.arange(6.0), "Did you mean family='poisson'"),
    "one or two": ("bernoulli", np.r_[1.0, 2.0, 2.0, 1.0], r"levels=\[1, 2\]"),
    "a share of failures": ("binomial", HALVES / 4.0, "Did you mean family='beta'"),
    "above the trials": (
        "binomial",
        np.r_[0.0, 1.0, 12.0],
        "12. of 9 trials. Name the number of all",
    ),
    "a share of nothing": ("beta", np.r_[0.0, 0.2, 0.4], r"\(y \* \(n - 1\) \+ 0.5\) / n of all"),
    "a share of all": ("beta", np.r_[0.2, 0.4, 1.0], "moves those of 0 and 1 inside"),
    "degrees": ("von_mises", np.r_[0.0, 90.0, 270.0], "Angles are in radians"),
}


@pytest.mark.parametrize(("family", "y", "message"), NEAREST.values(), ids=NEAREST.keys())
def test_the_nearest_family_that_has_the_responses(family, y, message):
    values = {"y": y, "x": np.arange(len(y)), "n": np.full(len(y), 9)}
    check(bg.DataError, glm(family=family), values, message)


def test_a_family_of_ones_own_may_be_the_nearest():
    own = bg.OwnFamily(
        "halves",
        "log",
        lambda y, mu: 2.0 * y * np.log(mu) - (2.0 * y + 1.0) * np.log1p(mu),
        twin=lambda mu: None,
        draw=lambda rng, mu: (rng.geometric(1.0 / (1.0 + mu)) - 1) / 2.0,
        valid=lambda y: (y >= 0) & (2.0 * y == np.floor(2.0 * y)),
        support="halves of counts",
        mu_range=(0, np.inf),
        saturated=lambda y: 0.0 * y,
    )
    bg.register_family(own)
    values = {"y": np.r_[0.0, HALVES], "x": np.arange(7)}
    check(bg.DataError, glm(family="poisson"), values, "Did you mean family='halves'")


def test_levels_in_an_order_are_those_of_a_family_with_one():
    y = pd.Categorical(["low", "mid", "high"] * 3, ["low", "mid", "high"], ordered=True)
    for family in ("bernoulli", "gaussian"):
        check(
            bg.DataError, glm(family=family), {"y": y, "x": X[:9]}, "Did you mean family='ordinal'"
        )
        plain = {"y": np.array(y), "x": X[:9]}
        check(bg.DataError, glm(family=family), plain, "Did you mean family='categorical'")


def test_bad_responses_of_a_population_name_the_neuron():
    y = np.column_stack([COUNTS, changed(COUNTS, 5, -1.0)])
    found = xr.Dataset({"y": (("time", "cell"), y), "x": ("time", X)}, {"cell": ["a", "b"]})
    check(bg.DataError, glm(), found, r"response 'y' \(cell=b\): .* at time=5 \(-1\)")


@pytest.mark.parametrize("value", [-1.0, 8.5])
def test_trials_that_are_no_numbers_of_trials(value):
    message = rf"trials 'n' must be whole numbers of at least 0; 1 are not.*obs=3 \({value:g}\)"
    check(bg.DataError, glm(family="binomial"), data(n=changed(TRIALS, 3, value)), message)


def test_weights_that_cannot_be_counts():
    model = glm(weights="w")
    message = r"weights 'w' must be at least 0; 2 are negative, the first at obs=2 \(-3\)"
    check(bg.DataError, model, data(w=changed(changed(np.ones(N), 2, -3), 9, -1)), message)
    check(bg.DataError, model, data(w=np.zeros(N)), "weights 'w' are zero for every sample")
    late = np.r_[np.ones(2), np.zeros(N - 2)]
    lagged = glm(bg.Lagged("x", lags=3), weights="w")
    check(bg.DataError, lagged, data(w=late), "weights 'w' are zero for every sample in use")


FLAT = bg.Flat()
DEPENDENT = {
    "constant": (glm(bg.Linear("x", prior=FLAT)), data(x=np.full(N, 0.1)), "columns 'x' are const"),
    "zero": (glm(bg.Linear("x", prior=FLAT), intercept=None), data(x=np.zeros(N)), "columns 'x'"),
    "duplicated": (glm(["x", "z"], prior=FLAT), data(z=X), "columns 'z' are"),
    "combined": (glm(["x", "z", "v"], prior=FLAT), data(z=Z, v=2 * X - Z + 3), "columns 'v' are"),
    "in a film": (
        glm("film", prior=FLAT),
        data(film=np.column_stack([X, Z, X])),
        r"columns 'film\[film_dim_0=2\]' are",
    ),
    "among several": (
        glm(bg.Linear(("x", "z"), name="both", prior=FLAT)),
        data(z=-X),
        "columns 'z' are",
    ),
    "more columns than samples": (
        glm("film", prior=FLAT),
        data(film=RNG.normal(size=(N, N + 2))),
        r"columns 'film\[film_dim_0=19\]', .* linear combinations of other columns",
    ),
    "lags of a constant": (
        glm(bg.Lagged("x", lags=2, prior=FLAT)),
        data(x=np.ones(N)),
        r"columns 'x\[x_lag=0\]', 'x\[x_lag=1\]' are constant beside the intercept",
    ),
}


@pytest.mark.parametrize(("model", "given", "message"), DEPENDENT.values(), ids=DEPENDENT.keys())
def test_dependent_columns_under_flat_priors(model, given, message):
    message = rf"under Flat priors the {message}.*Remove them, or give .*prior=ridge\(1.0\)"
    check(bg.DataError, model, given, message)


def test_a_constant_predictor_without_a_prior():
    check(bg.DataError, glm(), data(x=np.ones(N)), "predictor 'x' is constant .*remove the term or")


def test_separated_data_under_flat_priors():
    y = (X > 0).astype(float)
    model = glm(bg.Linear("x", prior=FLAT), family="bernoulli")
    message = r"separated: the likelihood of 'y' .*'x'.* give the term a proper prior"
    check(bg.DataError, model, data(y=y), "(?i)" + message)


UNKNOWN = {
    "response": (bg.GLM("spike", "x"), "response 'spike' is not in the data; .*mean 'spikes'"),
    "predictor": (bg.GLM("spikes", "stimulos"), "predictor 'stimulos' .*mean 'stimulus'"),
    "lagged": (bg.GLM("spikes", bg.Lagged("stim", lags=2)), "predictor 'stim' is not in the data"),
    "one of several": (
        bg.GLM("spikes", bg.Linear(("x", "weihgt"), name="k")),
        "predictor 'weihgt' .* Did you mean 'weight'",
    ),
    "offset": (bg.GLM("spikes", "x", offset="ofset"), "offset 'ofset' .* Did you mean 'offset'"),
    "weights": (bg.GLM("spikes", "x", weights="weigth"), "weights 'weigth' .* mean 'weight'"),
    "trials": (
        bg.GLM("spikes", "x", family="binomial", trials="shot"),
        "trials 'shot' is not in the data; .* Did you mean 'shots'",
    ),
    "case": (bg.GLM("spikes", "X"), "predictor 'X' is not in the data; the variables are .*x"),
    "coordinate": (bg.GLM("spikes", "tiem"), "predictor 'tiem' .* Did you mean 'time'"),
    "a sum": (bg.GLM("spikes", "x + stimulus"), r"Write a list: \['x', 'stimulus'\]\.$"),
    "nothing near": (bg.GLM("spikes", "qqq"), r"'qqq' is not in the data; .*shots, time\.$"),
}


@pytest.mark.parametrize(("model", "message"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_variables_suggest_the_near_one(model, message):
    names = ("spikes", "stimulus", "x", "weight", "offset", "shots")
    check(bg.DataError, model, dict.fromkeys(names, X) | {"time": TIME}, message)


STILL = {
    "counts": (glm(), data(y=np.full(N, 3.0)), "all 20 samples in use are 3,"),
    "never": (glm(family="bernoulli"), data(y=np.zeros(N)), "all 20 samples in use are 0,"),
    "always": (glm(family="bernoulli"), data(y=np.ones(N)), "all 20 samples in use are 1,"),
    "shares": (glm(family="binomial"), data(y=TRIALS / 3, n=TRIALS), "are 0.333333,"),
    "gaussian": (glm(family="gaussian"), data(y=np.full(N, 0.1)), "all 20 samples in use are 0.1,"),
    "unknown sigma": (
        glm(family="gaussian", intercept=bg.Normal(1.0)),
        data(y=np.ones(N)),
        "nothing can be learnt .* an unknown dispersion",
    ),
    "where it counts": (
        glm(weights="w"),
        data(w=np.r_[np.ones(3), np.zeros(N - 3)], y=np.r_[2.0, 2.0, 2.0, COUNTS[3:]]),
        "all 3 samples in use are 2,",
    ),
    "after lags": (
        glm(bg.Lagged("x", lags=5)),
        data(y=np.r_[9.0, np.full(N - 1, 2.0)]),
        "all 16 samples in use are 2,",
    ),
    "single sample": (glm("x", prior=bg.ridge(1.0)), {"y": [2], "x": [1.0]}, "all 1 samples"),
}


@pytest.mark.parametrize(("model", "given", "message"), STILL.values(), ids=STILL.keys())
def test_a_response_that_does_not_vary(model, given, message):
    check(bg.DataError, model, given, rf"response 'y' does not vary: .*{message}|{message}")


def test_a_still_response_is_no_fault_under_proper_priors():
    proper = {"intercept": bg.Normal(1.0), "prior": bg.Normal(1.0)}
    for family, options in (("poisson", {}), ("bernoulli", {}), ("gaussian", {"dispersion": 1.0})):
        found = bg.fit_map(glm(family=family, **proper, **options), data(y=np.ones(N)))
        assert np.isfinite(found["map"]["x"])


TIMES = {
    "unsorted": (
        TIME[[0, 1, 3, 2, *range(4, N)]],
        "from obs=1 to obs=2 the 'time' changes by 0.2 s",
    ),
    "repeated": (changed(TIME, 6, TIME[5]), "from obs=5 to obs=6 the 'time' changes by 0 s"),
    "backwards": (TIME[::-1], "from obs=0 to obs=1 the 'time' changes by -0.1 s"),
    "irregular": (
        changed(TIME, 9, 0.95),
        r"from obs=8 to obs=9 .* 0.15 s \(elsewhere 0.1 s; 2 such",
    ),
    "a gap": (np.where(TIME > 0.75, TIME + 5, TIME), "from obs=7 to obs=8 .* by 5.1 s"),
    "standing": (np.zeros(N), "from obs=0 to obs=1 the 'time' changes by 0 s"),
}


@pytest.mark.parametrize("term", [bg.Lagged("x", lags=2), bg.History(lags=2)], ids=["x", "history"])
@pytest.mark.parametrize(("time", "message"), TIMES.values(), ids=TIMES.keys())
def test_time_out_of_order(term, time, message):
    message = rf"term '{term.label}' needs regular, increasing time, but {message}"
    check(bg.DataError, glm(term), data(time=time), message)
    with pytest.raises(
        bg.DataError, match="Sort or resample the data, or mark gaps with a 'trial'"
    ):
        bg.fit_map(glm(term), data(time=time))
    assert np.isfinite(bg.fit_map(glm(), data(time=time))["map"]["x"]), "no matter without lags"


TIME_FAULTS = {
    "missing": (changed(TIME, 4, np.nan), "'time' holds 1 missing or infinite .* at obs=4, .*'x'"),
    "infinite": (changed(TIME, [2, 3], np.inf), "'time' holds 2 missing or infinite .* at obs=2"),
    "all missing": (np.full(N, np.nan), "'time' holds 20 missing or infinite values"),
    "no date": (
        pd.date_range("2026-01-01", periods=N).where(np.arange(N) != 3),
        "'time' holds 1 missing .* at obs=3",
    ),
    "text": ([f"{t:.1f}" for t in TIME], "'time' holds text, but term 'x' needs .*give seconds"),
    "yes or no": (TIME > 1, "'time' holds values of type bool, but term 'x'"),
    "complex": (TIME + 1j, "'time' holds values of type complex128"),
}


@pytest.mark.parametrize(("time", "message"), TIME_FAULTS.values(), ids=TIME_FAULTS.keys())
def test_times_that_are_none(time, message):
    check(bg.DataError, glm(bg.Lagged("x", lags=2)), data(time=time), message)


def test_trials_out_of_order():
    model = glm(bg.Lagged("x", lags=2))
    split = np.r_[np.zeros(8), np.ones(8), np.zeros(4)]
    message = "trial 0.0 stands in two separate runs .* term 'x' .*Sort the data by trial"
    check(bg.DataError, model, data(trial=split), message)
    missing = changed(np.zeros(N), 12, np.nan)
    message = "'trial' is missing at 1 samples, the first at obs=12, but term 'x' .*fill it in"
    check(bg.DataError, model, data(trial=missing), message)
    words = np.array([None, pd.NA, "a", 3] * 5, dtype=object)
    dates = pd.date_range("2026", periods=N).where(np.arange(N) > 4)
    check(bg.DataError, model, data(trial=words), "'trial' is missing at 10 samples, .* obs=0")
    check(bg.DataError, model, data(trial=dates), "'trial' is missing at 5 samples, .* obs=0")
    for trial in (split, missing, words, dates):
        assert np.isfinite(bg.fit_map(glm(), data(trial=trial))["map"]["x"])


LONG = {
    "more lags than samples": (bg.Lagged("x", lags=21), {}, "'x' reaches from lag 0 to 20.*20 sam"),
    "history": (bg.History(lags=20), {}, "'history' reaches from lag 1 to 20"),
    "future": (bg.Lagged("x", lags=(-20, 0)), {}, "'x' reaches from lag -20 to -1"),
    "longer than a trial": (
        bg.Lagged("x", lags=5),
        {"trial": np.repeat(np.arange(5), 4)},
        "'x' reaches from lag 0 to 4, and no trial of the 20 samples is long enough",
    ),
    "a window": (bg.Lagged("x", window=3.0), {"time": TIME}, "'x' reaches from lag 0 to 29"),
    "two terms": (
        [bg.Lagged("x", lags=12), bg.Lagged("x", lags=(-11, 0), name="later")],
        {},
        "no sample has a full past: term 'x'",
    ),
}


@pytest.mark.parametrize(("term", "more", "message"), LONG.values(), ids=LONG.keys())
def test_fewer_samples_than_lags(term, more, message):
    message = rf"no sample has a full past.*{message}" if "full past" not in message else message
    check(bg.DataError, glm(term), data(**more), message)
    with pytest.raises(bg.DataError, match="Use fewer lags, more samples, or edges='zero'"):
        bg.fit_map(glm(term), data(**more))
    zero = glm(term, edges="zero", prior=bg.ridge(1.0))
    assert bg.fit_map(zero, data(**more)).attrs["n_dropped"] == 0


def test_a_mistaken_unit_of_time():
    check(
        bg.ModelError,
        glm(bg.Lagged("x", window=1e9)),
        data(time=TIME),
        "'x' reaches from lag 0.0 to .*lags= is in samples and window= in seconds",
    )
    check(bg.ModelError, glm(bg.History(window=0.02)), data(), "'history': window=0.02 is in sec")
    check(bg.ModelError, glm(bg.History(window=0.02)), data(time=TIME), "no whole lag at 0.1 s")


KINDS = {
    "text": (
        np.array(["a", "b"] * 10),
        r"holds text \(first: .*'a'.* at obs=0\), not numbers; con",
    ),
    "text of numbers": (np.array(["1", "2"] * 10), "holds text"),
    "words of pandas": (pd.Series(["a", "b"] * 10), r"holds text \(first: 'a' at obs=0\)"),
    "category": (pd.Categorical(["a", "b"] * 10), "is a categorical .*one 0/1 column per level"),
    "objects of text": (np.array(["1", 2] * 10, dtype=object), "holds text .*'1' at obs=0"),
    "one word": (np.array([*X[:7], "x", *X[8:]], dtype=object), "holds text .*'x' at obs=7"),
    "objects": (np.array([object()] * N), "holds values of type object .*at obs=0"),
    "decimals": (np.array([Decimal(1)] * N), "holds values of type Decimal"),
    "nothing": (np.array([None] * N), "holds 20 missing or infinite values"),
    "some nothing": (np.array([None, 1] * 10), "holds 10 missing .*obs=0"),
    "pandas' missing": (pd.array([1, None] * 10, dtype="Int64"), "holds 10 missing .*obs=1"),
    "whole, too large": (np.array([10**400, 1] * 10, dtype=object), "holds 10 missing or inf"),
    "dates": (pd.date_range("2026", periods=N), "holds dates .*at obs=0"),
    "durations": (pd.timedelta_range("1s", periods=N), "holds time differences .*at obs=0"),
    "dates as objects": (np.array([pd.Timestamp("2026")] * N), "holds dates"),
    "complex": (X + 1j, "holds values of type complex128"),
    "bytes": (np.array([b"a"] * N), "holds values of type .*S1"),
    "records": (np.zeros(N, dtype=[("a", float)]), "holds values of type"),
    "huge": (changed(X, 3, 1e300), "holds 1 values beyond 1e.*, the first at obs=3.*rescale"),
    "long double": (np.full(N, np.longdouble("1e400")), "holds 20 missing or infinite values"),
}


OF_LABELS = ("text", "words of pandas", "category")  # of which a response may be, of some family


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_no_numbers(kind):
    values, message = KINDS[kind]
    if kind in OF_LABELS:  # where a list of names has them, they are those of a category
        with pytest.raises(bg.DataError, match=f"predictor 'x' {message}"):
            bg.fit_map(glm(bg.Lagged("x", lags=2)), data(x=values))
    else:
        check(bg.DataError, glm(), data(x=values), f"predictor 'x' {message}")
    of_labels = "holds labels, not numbers .*Did you mean family='bernoulli'"
    message = of_labels if kind in OF_LABELS else message
    check(bg.DataError, glm("z"), data(y=values, z=Z), f"response 'y' {message}")


DIMS = {
    "labels of the samples as response": (
        bg.GLM("obs", "x"),
        data(obs=np.arange(N)),
        "response 'obs' is a dim of the data, .*as a variable of another name",
    ),
    "predictor without samples": (
        glm(),
        xr.Dataset({"y": ("time", COUNTS), "x": ("pixel", X[:3])}),
        r"predictor 'x' has the dims \('pixel',\) and not the sample dim 'time'; give one value",
    ),
    "offset with a dim of its own": (
        glm(offset="o"),
        data(o=np.zeros((N, 2))),
        r"offset 'o' has further dims \['o_dim_0'\]; give one value per sample",
    ),
    "weights with a dim of their own": (
        glm(weights="w"),
        data(w=np.ones((N, 2))),
        "weights 'w' ha(s|ve) further dims",
    ),
    "film among several": (
        glm(bg.Linear(("x", "film"), name="k")),
        data(film=np.ones((N, 2))),
        r"predictor 'film' has further dims \['film_dim_0'\]; .* Make it a term of its own",
    ),
    "response of three dims": (
        glm(),
        data(y=np.ones((N, 2, 2))),
        r"response 'y' has the dims .*at most one dim \(neurons\).*Select one of",
    ),
    "no neurons": (glm(), data(y=np.ones((N, 0))), "population dim 'y_dim_0' of 'y' is empty"),
    "lengths": (glm(), data(x=X[:-3]), "differ in length: y has 20, x has 17"),
    "empty": (glm(), {"y": [], "x": []}, "the data are empty: dim 'obs' has no samples"),
    "empty dataset": (
        glm(),
        xr.Dataset({"y": ("bin", []), "x": ("bin", []), "a": ("other", [1.0])}),
        "the data are empty: dim 'bin' has no samples",
    ),
    "empty film": (
        glm("film"),
        data(film=np.ones((N, 0))),
        "predictor 'film' holds no values: its dim 'film_dim_0' is empty",
    ),
}


@pytest.mark.parametrize(("model", "given", "message"), DIMS.values(), ids=DIMS.keys())
def test_shapes_that_do_not_fit(model, given, message):
    check(bg.DataError, model, given, message)


def dims(*names):
    """A Dataset whose film has those feature dims."""
    film = RNG.normal(size=(N, *(2 for _ in names)))
    found = xr.Dataset({"y": ("time", COUNTS), "x": ("time", X), "z": ("time", Z)})
    return found.assign(film=(("time", *names), film))


COLLISIONS = {
    "term like the sample dim": (
        glm(bg.Linear("x", name="time")),
        dims(),
        "term 'time' is named like a dim .*name='time_effect'",
    ),
    "term like a feature dim": (
        glm([bg.Linear("film"), bg.Linear("z", name="row")]),
        dims("row"),
        "term 'row' is named like a dim",
    ),
    "variable like a feature dim": (
        glm(["film", "row"]),
        dims("row").assign_coords(row=[1.0, 2.0]),
        "term 'row' is named like a dim",
    ),
    "response like a dim": (
        bg.GLM("row", "film"),
        dims("row").assign_coords(row=[0.0, 1.0]),
        "response 'row' is a dim of the data",
    ),
    "a dim of lags": (
        glm([bg.Lagged("x", lags=2), "film"]),
        dims("x_lag"),
        "term 'x' needs the dim 'x_lag', which the data have already; give the term another name",
    ),
    "a dim called lag": (
        glm(bg.Lagged("film", lags=2)),
        dims("lag"),
        "term 'film' has lags of its own, .* a dim 'lag' already; rename that dim, or use Linear",
    ),
    "a dim of columns": (
        glm([bg.Linear(("x", "z"), name="k"), "film"]),
        dims("k_column"),
        "term 'k' needs the dim 'k_column'",
    ),
    "a dim of chains": (glm("film"), dims("chain"), "dim 'chain' .*rename"),
    "a dim of draws": (glm("film"), dims("draw"), r"dim 'draw' .*data.rename\({'draw': '...'}\)"),
    "a dim named sigma": (glm("film"), dims("sigma"), "dim 'sigma'"),
    "a dim with a slash": (glm("film"), dims("a/b"), "dim 'a/b' .*'/'; rename it"),
}


@pytest.mark.parametrize(("model", "given", "message"), COLLISIONS.values(), ids=COLLISIONS.keys())
def test_names_that_collide_with_dims(model, given, message):
    check(bg.BayesGLMError, model, given, message)


def test_dims_that_the_model_does_not_read_are_no_matter():
    given = dims("draw").rename(film="other")
    assert np.isfinite(bg.fit_map(glm(), given)["map"]["x"])


@pytest.mark.parametrize("prior", [bg.Normal, bg.Laplace])
def test_prior_arrays_of_another_shape(prior):
    film = dims("row", "column")
    for scale in ([1.0, 2.0, 3.0], [[1.0, 2.0]] * 3, [[[1.0]]] * 2):
        model = glm(bg.Linear("film", prior=prior(scale)))
        message = r"prior of 'film' has a scale of shape .*does not fit.*\(2, 2\); give one number"
        check(bg.ModelError, model, film, message)
        model = glm(bg.Linear("film", prior=prior(1.0, loc=scale)))
        check(bg.ModelError, model, film, "prior of 'film' has a loc of shape")
    check(bg.ModelError, glm(intercept=prior([1.0, 2.0])), film, "prior of 'intercept' has a scale")
    for scale in ([1.0, 2.0], [[1.0], [2.0]], [[1.0, 2.0], [3.0, 4.0]]):
        found = bg.fit_map(glm(bg.Linear("film", prior=prior(scale))), film)
        assert found["map"]["film"].shape == (2, 2)


WALKS = {
    "a single number": (
        bg.Linear("x", prior=bg.RandomWalk(1.0)),
        "the coefficient 'x' is a single number, and a random walk needs a dim .* use it on",
    ),
    "too few lags": (
        bg.Lagged("film", lags=2, prior=bg.RandomWalk(1.0, order=2, dims="lag")),
        "walk of 'film' takes differences of order 2 along 'film_lag', .* only 2 entries; use a",
    ),
    "too few rows": (
        bg.Linear("film", prior=bg.RandomWalk(1.0, order=2)),
        "walk of 'film' takes differences of order 2 along 'row', which has only 2 entries",
    ),
    "an unknown dim": (
        bg.Linear("film", prior=bg.RandomWalk(1.0, dims="height")),
        "walk of 'film' smooths along 'height', which is no dim of .*; it has 'row', 'column'",
    ),
    "lags that are not there": (
        bg.Linear("film", prior=bg.RandomWalk(1.0, dims=("row", "lag"))),
        "walk of 'film' smooths along 'lag', which is no dim",
    ),
    "a scale along what is smoothed": (
        bg.Linear("film", prior=bg.RandomWalk([1.0, 2.0], dims="column")),
        "walk of 'film' has a scale that changes along a dim it smooths; give one scale per",
    ),
    "a scale of another shape": (
        bg.Linear("film", prior=bg.RandomWalk([1.0, 2.0, 3.0])),
        r"prior of 'film' has a scale of shape \(3,\), .*\(2, 2\)",
    ),
}


@pytest.mark.parametrize(("term", "message"), WALKS.values(), ids=WALKS.keys())
def test_random_walks_that_do_not_fit(term, message):
    check(bg.ModelError, glm(term), dims("row", "column"), message)


def test_random_walks_along_two_names_of_one_dim():
    # "lag" is film_lag itself, and is smoothed along once.
    both = bg.Lagged("film", lags=3, prior=bg.RandomWalk(1.0, dims=("lag", "film_lag")))
    once = bg.Lagged("film", lags=3, prior=bg.RandomWalk(1.0, dims="lag"))
    film = dims("row", "column")
    found = [bg.fit_map(glm(term), film)["map"]["film"] for term in (both, once)]
    np.testing.assert_array_equal(*found)


def test_an_intercept_is_no_random_walk():
    with pytest.raises(bg.ModelError):
        bg.fit_map(glm(intercept=bg.RandomWalk(1.0)), data())


def test_dispersion_arrays_of_another_shape():
    for value in ([1.0, 2.0], bg.HalfNormal([1.0, 2.0])):
        check(bg.ModelError, glm(family="gaussian", dispersion=value), data(), "prior of 'sigma'")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "4"])
@pytest.mark.parametrize("what", ["draws", "chains"])
@pytest.mark.parametrize("verb", [bg.fit, bg.fit_laplace, bg.fit_mcmc])
def test_no_draws(verb, what, value):
    message = f"{what} must be a whole number of at least 1, got {value!r}"
    with pytest.raises(bg.DataError, match=message):
        verb(glm(), data(), **{what: value})


def finite(fit):
    """Assert that a MAP estimate holds finite numbers only."""
    for name, values in fit["map"].data_vars.items():
        assert np.isfinite(values).all(), name
    for name in ("log_posterior", "gradient_norm", "n_iter"):
        assert np.isfinite(fit.attrs[name]), name


def answers(model, given):
    """Assert that fit_map gives finite numbers or an error, and warns in its own words at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        try:
            fit = bg.fit_map(model, given)
        except bg.BayesGLMError:
            return
    finite(fit)


ODD = st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 1e-320, 1e-160, 1e20, 1e39, 1e200, 1e308])
FLOATS = ODD | st.floats(width=64) | st.floats(-5, 5) | st.integers(0, 4).map(float)
TAME = st.floats(-5, 5) | st.integers(-2, 4).map(float)
OTHERS = st.sampled_from(
    [None, "a", "1", True, 2, 1j, pd.NA, pd.NaT, np.datetime64("NaT", "s"), [1]]
)


def column(n):
    """One variable of n samples, of any kind."""
    return (
        hnp.arrays(float, n, elements=FLOATS)
        | hnp.arrays(float, n, elements=TAME)
        | hnp.arrays(int, n, elements=st.integers(-1, 4))
        | hnp.arrays(bool, n)
        | hnp.arrays(float, (n, 2), elements=TAME)
        | st.lists(FLOATS | OTHERS, min_size=n, max_size=n)
        | hnp.arrays(hnp.scalar_dtypes(), n)
    )


TERM = st.sampled_from(
    [
        bg.Linear("x"),
        bg.Linear("x", prior=FLAT),
        bg.Linear("x", prior=bg.Normal(1.0)),
        bg.Linear("x", prior=bg.Normal(1e-8, loc=3.0)),
        bg.Linear("x", prior=bg.Laplace(0.5)),
        bg.Linear(("x", "z"), name="both"),
        bg.Linear(("x", "z"), name="both", prior=FLAT),
        bg.Lagged("z", lags=2),
        bg.Lagged("z", lags=(-1, 2), prior=bg.lasso(1.0)),
        bg.History(lags=1),
        bg.History(window=0.5, prior=bg.ridge(3.0)),
    ]
)
LIKELIHOODS = [(name, link) for name, family in OF_NUMBERS.items() for link in family.links]


@st.composite
def cases(draw, values):
    """A model and data for it, at most eight samples of any kind."""
    family, link = draw(st.sampled_from(LIKELIHOODS))
    options = {name: draw(st.sampled_from([None, value])) for name, value in ROLES.items()}
    options["intercept"] = draw(st.sampled_from([FLAT, FLAT, None, bg.Normal(2.0)]))
    options["edges"] = draw(st.sampled_from(["drop", "zero"]))
    if family == "gaussian":
        options["dispersion"] = draw(st.sampled_from([None, 1.0, bg.HalfNormal(1.0), FLAT]))
    terms = draw(st.lists(TERM, max_size=2, unique_by=lambda term: term.label))
    n = draw(st.integers(0, 8))
    names = ["y", "x", "z", "o", "w", "n", *draw(st.sampled_from([[], ["time"], ["trial"]]))]
    given = {name: draw(values(n)) for name in names}
    return glm(terms, family=family, link=link, **options), given


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(cases(column))
def test_anything_gives_finite_numbers_or_a_clear_error(case):
    answers(*case)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(cases(lambda n: hnp.arrays(float, n, elements=st.integers(0, 2).map(float))))
def test_small_whole_numbers_give_finite_numbers_or_a_clear_error(case):
    answers(*case)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    y=st.lists(st.integers(0, 1), min_size=5, max_size=12).map(np.array),
    scale=st.sampled_from([1e-150, 1e-20, 1e-6, 1.0, 1e6, 1e20, 1e39]),
    offset=st.sampled_from([0.0, 1.0, 1e8, 1e30]),
    shape=st.sampled_from(["line", "step", "rare", "alternating", "noise"]),
    likelihood=st.sampled_from(LIKELIHOODS),
    prior=st.sampled_from([None, FLAT, bg.Normal(1.0), bg.Laplace(0.5), bg.Normal(1e30)]),
)
def test_hard_predictors_give_finite_numbers_or_a_clear_error(
    y, scale, offset, shape, likelihood, prior
):
    t = np.arange(len(y))
    x = {
        "line": t,
        "step": t >= len(y) // 2,
        "rare": t == 0,
        "alternating": t % 2,
        "noise": np.random.default_rng(len(y)).normal(size=len(y)),
    }[shape]
    model = glm(bg.Linear("x", prior=prior), family=likelihood[0], link=likelihood[1])
    answers(model, {"y": y, "x": scale * (x + offset), "n": np.full(len(y), 2)})

"""Groups: labels of every kind become levels, effects become columns, faults are told by name."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.plan import plan_fit
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.resolve import resolve

N = 24
RNG = np.random.default_rng(4)
CODES = RNG.permutation(np.arange(N) % 4)
WORDS = np.array(["delta", "alpha", "Beta", "a b"])[CODES]
BASE = {
    "y": RNG.poisson(1.0, N),
    "x": RNG.normal(size=N),
    "v": RNG.normal(size=N) + 3.0,
    "real": RNG.normal(size=N),
    "w": RNG.choice([0.0, 1.0, 2.0], N),
}
FIXED = bg.Normal(0.7)
NUMBERS, TEXT = [0, 1, 2, 3], ["Beta", "a b", "alpha", "delta"]
FACTORS = {
    "int64": (CODES, NUMBERS),
    "uint8": (CODES.astype(np.uint8), NUMBERS),
    "negative": (-CODES, [-3, -2, -1, 0]),
    "large": (CODES + 2**60, [2**60 + k for k in NUMBERS]),
    "whole floats": (CODES.astype(float), NUMBERS),
    "bool": (CODES > 1, [False, True]),
    "objects of int": (CODES.astype(object), NUMBERS),
    "objects of float": (CODES.astype(float).astype(object), NUMBERS),
    "objects of bool": ((CODES > 1).astype(object), [False, True]),
    "nullable integers": (pd.array(CODES, dtype="Int64"), NUMBERS),
    "categories of int": (pd.Categorical(CODES), NUMBERS),
    "fixed-width strings": (WORDS, TEXT),
    "objects of str": (WORDS.astype(object), TEXT),
    "variable-width strings": (WORDS.astype(np.dtypes.StringDType()), TEXT),
    "pandas strings": (pd.array(WORDS, dtype="string"), TEXT),
    "categories": (pd.Categorical(WORDS, categories=["delta", *TEXT[:3], "unused"]), TEXT),
    "lists": (WORDS.tolist(), TEXT),
    "empty words": (np.where(CODES == 0, "", WORDS), ["", *TEXT[:3]]),
}
KINDS = {
    "mapping": lambda columns: columns,
    "frame": pd.DataFrame,
    "dataset": lambda columns: xr.Dataset({name: ("obs", v) for name, v in columns.items()}),
}


def glm(terms, **options):
    return bg.GLM("y", terms, family="poisson", **options)


def block_of(data, term):
    return plan_fit(glm(term), data).designs[0].predictors.blocks[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", FACTORS)
def test_labels_of_every_kind(factor, kind):
    values, levels = FACTORS[factor]
    if kind == "dataset" and factor == "lists":
        values = np.array(values)
    block = block_of(KINDS[kind]({**BASE, "g": values}), bg.Group("g"))
    assert block.coords["g_level"].tolist() == levels
    assert block.coords["g_level"].dtype.kind in {int: "iu", str: "U", bool: "b"}[type(levels[0])]
    assert (block.dims, block.shape) == (("g_level",), (len(levels),))
    chosen = block.coords["g_level"][block.codes].tolist()
    assert chosen == np.asarray(values).tolist()
    X = block.columns(np.arange(N))
    np.testing.assert_array_equal(X, np.equal.outer(chosen, levels))


UNLABELLED = {
    "None": (np.where(CODES == 2, None, WORDS), "lacks"),
    "NaN among words": (np.where(CODES == 2, np.nan, WORDS.astype(object)), "lacks"),
    "NaN": (np.where(CODES == 2, np.nan, CODES), "lacks"),
    "NA": (pd.array([None if k == 2 else k for k in CODES.tolist()], dtype="Int64"), "lacks"),
    "NA among strings": (pd.array(np.where(CODES == 2, None, WORDS), dtype="string"), "lacks"),
    "missing category": (
        pd.Categorical.from_codes(np.where(CODES == 2, -1, CODES), list("abcd")),
        "lacks",
    ),
    "masked": (np.ma.masked_equal(CODES, 2), "lacks"),
    "NaT": (np.where(CODES == 2, np.datetime64("NaT", "D"), np.datetime64("2020-01-01")), "lacks"),
    "halves": (np.where(CODES == 2, CODES + 0.5, CODES), "takes"),
    "infinity": (np.where(CODES == 2, np.inf, CODES), "takes"),
    "beyond whole floats": (np.where(CODES == 2, 2.0**53, CODES), "takes"),
    "numbers among words": (np.where(CODES == 2, 7, WORDS.astype(object)), "takes"),
    "a half among objects": (np.where(CODES == 2, 0.5, CODES.astype(object)), "takes"),
}
OTHERS = {
    "dates": np.datetime64("2020-01-01") + CODES.astype("m8[D]"),
    "durations": CODES.astype("m8[s]"),
    "bytes": WORDS.astype(bytes),
    "complex": CODES + 1j,
    "tuples": np.array([(1, 2), *[(1,)] * (N - 1), None], dtype=object)[:-1],
    "huge integers": CODES.astype(object) + 2**70,
}


@pytest.mark.parametrize("factor", UNLABELLED)
def test_samples_without_a_label(factor):
    values, fault = UNLABELLED[factor]
    places = np.flatnonzero(CODES == 2)
    told = {
        "lacks": rf"factor 'g' lacks {len(places)} labels, the first at obs={places[0]}; remove",
        "takes": rf"factor 'g' takes labels that are all words or all whole numbers; {len(places)} "
        rf"are not, the first at obs={places[0]} \(.*\); turn them all into words",
    }
    with pytest.raises(bg.DataError, match=told[fault]):
        block_of({**BASE, "g": values}, bg.Group("g"))


@pytest.mark.parametrize("factor", OTHERS)
def test_what_is_no_label(factor):
    message = rf"'g' takes labels .* whole numbers; {N} are not, the first at obs=0 \("
    with pytest.raises(bg.DataError, match=message):
        block_of({**BASE, "g": OTHERS[factor]}, bg.Group("g"))


def test_effects_are_the_dummies_times_the_slopes():
    block = block_of({**BASE, "g": WORDS}, bg.Group("g", slopes=("x", "v"), name="b"))
    assert (block.dims, block.shape) == (("b_effect", "b_level"), (3, 4))
    assert block.coords["b_effect"].tolist() == ["intercept", "x", "v"]
    dummies = np.equal.outer(WORDS, TEXT).astype(float)
    columns = (np.ones(N), BASE["x"], BASE["v"])
    expected = np.hstack([dummies * column[:, None] for column in columns])
    rows = np.array([3, 4, 5, 9, 20])
    for some in (np.arange(N), np.arange(3, 9), rows, rows[:1], rows[:0]):
        np.testing.assert_array_equal(block.columns(some), expected[some])
        np.testing.assert_array_equal(block.on(some).dense(), expected[some])
    assert block.label(0) == "b[b_effect=intercept, b_level=Beta]"
    assert block.label(11) == "b[b_effect=v, b_level=delta]"


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.data())
def test_the_order_of_rows_does_not_matter(labels, data):
    labels = np.array(labels)
    order = np.array(data.draw(st.permutations(range(len(labels)))))
    y = np.arange(len(labels)) % 3
    y[:1] = 5  # no constant
    x = np.linspace(-1, 1, len(labels))
    term = bg.Group("g", slopes="x", prior=FIXED)
    model = glm(term, intercept=bg.Normal(1.0))
    one = plan_fit(model, {"y": y, "x": x, "g": labels}).designs[0].predictors.blocks[0]
    other = plan_fit(model, {"y": y[order], "x": x[order], "g": labels[order]})
    other = other.designs[0].predictors.blocks[0]
    np.testing.assert_array_equal(one.coords["g_level"], np.unique(labels))
    np.testing.assert_array_equal(other.coords["g_level"], np.unique(labels))
    rows = np.arange(len(labels))
    np.testing.assert_array_equal(other.columns(rows), one.columns(rows)[order])


def test_a_trial_may_be_a_factor():
    data = {**BASE, "trial": np.repeat([4, 2, 9], N // 3)}
    model = glm([bg.Group("trial", prior=FIXED), bg.Lagged("x", lags=2, prior=FIXED)])
    design = plan_fit(model, data).designs[0]
    group = design.predictors.blocks[0]
    assert group.coords["trial_level"].tolist() == [2, 4, 9]
    assert design.n_rows == N - 3
    assert group.coords["trial_level"][group.codes[design.predictors.rows]].tolist() == (
        [4] * 7 + [2] * 7 + [9] * 7
    )


def test_factors_with_many_levels_are_never_laid_out():
    data = {**BASE, "g": np.arange(N)}
    predictors = plan_fit(glm(["x", bg.Group("g", prior=FIXED)]), data).designs[0].predictors
    rows = predictors.block(slice(0, N))
    assert len(rows.columns) == 3
    np.testing.assert_array_equal(rows.X, np.column_stack([np.ones(N), BASE["x"], np.eye(N)]))


def default(term, response="real", **options):
    plan = resolve(plan_fit(bg.GLM(response, ["x", term], **options), {**BASE, "g": CODES}))
    return plan.model.terms[1].prior


@pytest.mark.parametrize("weights", [None, "w"])
def test_the_default_prior_by_hand(weights):
    counts = np.ones(N) if weights is None else BASE["w"]

    def sd(values):
        mean = counts @ values / counts.sum()
        return np.sqrt(counts @ (values - mean) ** 2 / counts.sum())

    spread = sd(BASE["real"])
    prior = default(bg.Group("g"), weights=weights)
    assert prior == bg.Normal(bg.HalfNormal(prior.scale.scale))
    assert prior.scale.scale == pytest.approx(2.5 * spread, rel=1e-12)
    prior = default(bg.Group("g", slopes=("x", "v")), weights=weights, link="softplus")
    expected = 2.5 * spread / np.array([1.0, sd(BASE["x"]), sd(BASE["v"])])
    np.testing.assert_allclose(prior.scale.scale, expected, rtol=1e-12)
    for options in ({"family": "poisson"}, {"family": "gaussian", "link": "log"}):
        response = "y" if options["family"] == "poisson" else "real"
        prior = default(bg.Group("g", slopes="x"), response, weights=weights, **options)
        np.testing.assert_allclose(prior.scale.scale, [2.5, 2.5 / sd(BASE["x"])], rtol=1e-12)
    assert default(bg.Group("g", prior=bg.Laplace(0.3))) == bg.Laplace(0.3)
    assert default(bg.Group("g"), prior=bg.lasso(1.0)) == default(bg.Group("g"))


def test_the_default_prior_of_a_population():
    cells = np.column_stack([BASE["real"], 3.0 * BASE["real"]])
    data = {**BASE, "cells": cells, "g": CODES}
    model = bg.GLM("cells", [bg.Group("g", slopes="x"), bg.Group("g", name="b")])
    terms = resolve(plan_fit(model, data)).model.terms
    spread = 2.5 * BASE["real"].std()
    expected = spread * np.outer([1.0, 3.0], [1.0, 1.0 / BASE["x"].std()])
    np.testing.assert_allclose(terms[0].prior.scale.scale, expected, rtol=1e-12)
    np.testing.assert_allclose(terms[1].prior.scale.scale, spread * np.array([1.0, 3.0]))


DATA = {**BASE, "g": WORDS, "one": np.ones(N), "film": RNG.normal(size=(N, 2))}
FAULTS = {
    "no such factor": (bg.Group("subject"), bg.DataError, "factor 'subject' is not in the data"),
    "misspelt": (bg.Group("f"), bg.DataError, "factor 'f' is not in the data; the variables are"),
    "no such slope": (bg.Group("g", slopes="dose"), bg.DataError, "'dose' is not in the data"),
    "a factor of several dims": (
        bg.Group("film"),
        bg.DataError,
        r"factor 'film' has the dims \('obs', 'film_dim_0'\); give one label per sample",
    ),
    "a slope of several dims": (
        bg.Group("g", slopes="film"),
        bg.DataError,
        r"slope 'film' of term 'g' has further dims \['film_dim_0'\]; .* over 'obs'",
    ),
    "a slope of words": (bg.Group("y2", slopes="g"), bg.DataError, "slope 'g' holds text"),
    "a constant slope": (
        bg.Group("g", slopes=("x", "one")),
        bg.DataError,
        r"predictor 'g' \(column 'one'\) is constant .*; remove the term or give it a prior=",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_group(fault):
    term, kind, message = FAULTS[fault]
    with pytest.raises(kind, match=message):
        resolve(plan_fit(glm(["x", term]), {**DATA, "y2": CODES}))


def test_names_that_the_data_have_as_dims():
    learned = bg.Normal(bg.HalfNormal(1.0))
    for dim, term, what in [
        ("g_level", bg.Group("g", prior=FIXED), "dim"),
        ("g_effect", bg.Group("g", prior=FIXED), "dim"),
        ("g_scale", bg.Group("g"), "name"),
        ("x_scale", bg.Linear("x", prior=learned), "name"),
        ("x_slab", bg.Linear("x", prior=bg.Horseshoe(1.0)), "name"),
    ]:
        data = xr.Dataset({name: ("obs", DATA[name]) for name in ("y", "x", "g")})
        data["film"] = (("obs", dim), DATA["film"])
        message = f"term '{term.label}' needs the {what} '{dim}', which the data have already"
        with pytest.raises(bg.ModelError, match=message):
            plan_fit(glm([term, bg.Linear("film", prior=FIXED)]), data)
        assert plan_fit(glm(term), data).designs[0].n_rows == N  # what is not read stands in no way
    fixed = xr.Dataset({"y": ("obs", BASE["y"]), "x": (("obs", "x_scale"), DATA["film"])})
    assert plan_fit(glm(bg.Linear("x", prior=FIXED)), fixed).designs[0].n_rows == N
    with pytest.raises(bg.ModelError, match=r"term 'obs' is named like a dim .* name='obs_effect'"):
        plan_fit(glm(bg.Group("obs")), fixed.assign_coords(obs=np.arange(N)))


def test_the_factor_of_a_population_is_shared():
    data = {**BASE, "cells": np.ones((N, 2)) * BASE["y"][:, None], "g": np.ones((N, 2), int)}
    with pytest.raises(bg.DataError, match=r"factor 'g' has the dims \('obs', 'g_dim_0'\)"):
        plan_fit(bg.GLM("cells", bg.Group("g"), family="poisson"), data)


def new_data(levels, labels):
    _, _, (predictors,) = plan_prediction(
        glm(bg.Group("g", slopes="x", prior=FIXED, levels=levels)),
        {"g": labels, "x": np.ones(len(labels))},
        None,
        1,
    )
    return predictors.blocks[0]


@pytest.mark.parametrize(
    ("levels", "labels"),
    [
        (TEXT, ["delta", "delta", "Beta"]),
        (TEXT, np.array(["delta", "Beta"], dtype=object)),
        (NUMBERS, [3.0, 0.0]),
        ([False, True], [1, 0]),
        ([0, 1], [True, False, True]),
    ],
)
def test_new_data_have_the_levels_of_the_fit(levels, labels):
    block = new_data(levels, labels)
    assert block.coords["g_level"].tolist() == levels
    assert block.shape == (2, len(levels))
    assert block.coords["g_level"][block.codes].tolist() == list(labels)


@pytest.mark.parametrize(
    ("levels", "labels", "unknown"),
    [
        (TEXT, ["delta", "gamma", "epsilon"], "'epsilon'"),
        (TEXT, ["beta"], "'beta'"),
        (NUMBERS, [0, 4], "4"),
        (NUMBERS, ["0"], "'0'"),
        (["0"], [0], "0"),
        (["a"], ["ab"], "'ab'"),
    ],
)
def test_a_level_that_the_fit_has_not_seen(levels, labels, unknown):
    message = f"the new data have {unknown} in 'g', a level that the fit has not seen[.] .*Predict"
    with pytest.raises(bg.DataError, match=message):
        new_data(levels, labels)


def test_a_level_that_is_misspelt_is_told_the_nearest():
    with pytest.raises(bg.DataError, match=r"has not seen\. Did you mean 'north'\? Predict"):
        new_data(["north", "south"], ["norht"])


def settled(term, labels):
    data = {**BASE, "g": labels}
    plan = resolve(plan_fit(glm(term), data))
    return plan.model.terms[0], plan.designs[0].predictors.blocks[0]


@pytest.mark.parametrize("factor", FACTORS)
def test_levels_of_the_data_are_written_into_the_stored_term(factor):
    values, levels = FACTORS[factor]
    term, block = settled(bg.Group("g"), values)
    assert list(term.levels) == levels
    assert set(map(type, term.levels)) == {type(levels[0])}
    again, other = settled(term, values)
    assert again == term
    np.testing.assert_array_equal(other.coords["g_level"], block.coords["g_level"])
    np.testing.assert_array_equal(other.codes, block.codes)


@pytest.mark.parametrize(
    ("labels", "levels"),
    [
        (WORDS, ["delta", "unseen", "alpha", "a b", "Beta"]),
        (CODES, [3, 1, 7, 0, 2]),
        (CODES.astype(np.uint64) + 2**63, [2**63 + 3, 5, 2**63, 2**63 + 1, 2**63 + 2]),
        (CODES > 1, [True, False]),
    ],
)
def test_said_levels_keep_their_order_and_those_that_the_data_lack(labels, levels):
    term, block = settled(bg.Group("g", slopes="x", levels=levels), labels)
    assert list(term.levels) == levels
    assert block.coords["g_level"].tolist() == levels
    assert block.shape == (2, len(levels))
    dummies = np.array([[label == level for level in levels] for label in labels.tolist()])
    X = np.hstack([dummies, dummies * BASE["x"][:, None]])
    np.testing.assert_array_equal(block.columns(np.arange(N)), X)


def test_a_label_outside_the_said_levels():
    first = np.argmax(WORDS == "alpha")
    message = (
        rf"factor 'g' has 'alpha' at obs={first}, which is not among the levels of term 'k'; add "
        "it to levels=, or leave that out"
    )
    with pytest.raises(bg.DataError, match=message):
        settled(bg.Group("g", name="k", levels=["delta", "Beta", "a b"]), WORDS)
    with pytest.raises(bg.DataError, match="has '0' at obs="):
        settled(bg.Group("g", levels=[0, 1, 2, 3]), CODES.astype(str))


def test_factors_that_make_levels_together(data):
    frame = pd.DataFrame({"site": ["b", "a", "b", "a", "c"] * 8, "year": [1, 1, 2, 1, 2] * 8})
    frame["y"], frame["x"] = np.arange(40.0) % 7, np.linspace(-1, 1, 40)
    both = bg.fit_map(bg.GLM("y", bg.Group(("site", "year"), prior=bg.Normal(1.0))), frame)
    joined = frame.assign(cell=frame.site + ":" + frame.year.astype(str))
    alone = bg.fit_map(bg.GLM("y", bg.Group("cell", prior=bg.Normal(1.0))), joined)
    assert both["map"]["site:year_level"].values.tolist() == ["a:1", "b:1", "b:2", "c:2"]
    np.testing.assert_allclose(both["map"]["site:year"], alone["map"]["cell"], atol=1e-10)
    np.testing.assert_allclose(
        bg.predict(both, frame.iloc[[2, 0]])["y"], bg.predict(both)["y"][[2, 0]]
    )
    with pytest.raises(bg.DataError, match=r"'a:2' in 'site:year', a level that the fit has not"):
        bg.predict(both, frame.iloc[[1]].assign(year=2))


def test_levels_that_would_be_the_same_words():
    frame = pd.DataFrame({"a": ["x:y", "x", "x"], "b": ["z", "y:z", "z"], "y": [1.0, 2.0, 3.0]})
    with pytest.raises(bg.DataError, match=r"levels of 'a:b' would both be called 'x:y:z'"):
        bg.fit_map(bg.GLM("y", bg.Group(("a", "b"), prior=bg.Normal(1.0))), frame)


def test_slopes_that_vary_without_intercepts():
    frame = pd.DataFrame({"g": [0, 1, 2, 0, 1, 2] * 5, "x": np.linspace(-1, 2, 30)})
    frame["y"] = np.arange(30.0) % 4
    model = bg.GLM("y", bg.Group("g", slopes="x", intercept=False, prior=bg.Normal(2.0)))
    best = bg.fit_map(model, frame)
    columns = {f"x{k}": frame.x * (frame.g == k) for k in range(3)}
    plain = bg.fit_map(
        bg.GLM("y", bg.Linear(tuple(columns), name="w", prior=bg.Normal(2.0))),
        frame.assign(**columns),
    )
    assert best["map"]["g"].dims == ("g_effect", "g_level")
    np.testing.assert_allclose(best["map"]["g"].values[0], plain["map"]["w"], atol=1e-8)
    assert "g.x[g[i]]·x[i]" in str(model)
    learned = bg.fit(bg.GLM("y", bg.Group("g", slopes="x", intercept=False)), frame)
    assert "sd of x by g" in bg.summary(learned).index


@pytest.mark.parametrize(
    ("factor", "options", "message"),
    [
        (("a",), {}, "needs different factors, two or more"),
        (("a", "a"), {}, "needs different factors, two or more"),
        (("a", "b"), {"slopes": "b"}, "names a variable twice"),
        ("a", {"intercept": False}, "varies nothing; name slopes"),
        ("a", {"intercept": 0, "slopes": "x"}, "intercept must be True or False, got 0"),
    ],
)
def test_what_is_no_group(factor, options, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.Group(factor, **options)

"""Hypotheses about estimates: arithmetic of draws, and nothing else."""

import ast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.results.effects.hypotheses import hypotheses_of

RNG = np.random.default_rng(0)
DRAWS = RNG.normal(size=(200, 4)) + np.array([1.0, 2.0, 3.0, -1.0])
B0, B1, B2, B3 = DRAWS.T
NAMES = ["north", "south", None, "far east"]


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=90), "region": np.tile(["n", "s", "w"], 30)})
    frame["y"] = frame["x"] + (frame["region"] == "s") + rng.normal(size=90)
    return bg.fit(bg.GLM("y", ["x", "region"]), frame, draws=50, chains=2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("b1 = b0", B1 - B0),
        ("b1 == b0", B1 - B0),
        ("b1 - 2*b0 = 3", B1 - 2 * B0 - 3),
        ("b0 - (b1 + b2) / 2", B0 - (B1 + B2) / 2),
        ("north > south", B0 - B1),
        ("-b3 ** 2 <= +1e3", -(B3**2) - 1000),
        ("exp(b0) / exp(b1) = 1", np.exp(B0 - B1) - 1),
        ("log(abs(b3)) + sqrt(4)", np.log(np.abs(B3)) + 2),
        ("2", np.full(200, 2.0)),
    ],
)
def test_arithmetic_is_done_draw_by_draw(words, expected):
    (found,) = hypotheses_of(words, DRAWS, NAMES)
    np.testing.assert_allclose(found.draws, expected, rtol=1e-12)
    assert found.words == words


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("b1 > b0", B1 > B0),
        ("b1 >= b0", B1 >= B0),
        ("b1 < b0", B1 < B0),
        ("b1 <= b0", B1 <= B0),
        ("b1 = b0", B1 > B0),
        ("b0 >= b0", np.full(200, True)),
        ("b0 > b0", np.full(200, False)),
        ("b0 <= b0", np.full(200, True)),
        ("b0 < b0", np.full(200, False)),
    ],
)
def test_inequalities_hold_in_some_draws(words, holds):
    (found,) = hypotheses_of(words, DRAWS, NAMES)
    assert found.holds.tolist() == holds.tolist()


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        ("reference", [(1, 0), (2, 0), (3, 0)]),
        ("sequential", [(1, 0), (2, 1), (3, 2)]),
        ("pairwise", [(1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2)]),
        ("revreference", [(0, 1), (0, 2), (0, 3)]),
        ("revsequential", [(0, 1), (1, 2), (2, 3)]),
        ("difference ~ revpairwise", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
    ],
)
def test_words_are_differences_in_marginaleffects_order(words, pairs):
    found = hypotheses_of(words, DRAWS, NAMES)
    called = ["north", "south", "b2", "far east"]
    assert [one.words for one in found] == [f"{called[i]} - {called[j]}" for i, j in pairs]
    for one, (i, j) in zip(found, pairs, strict=True):
        np.testing.assert_array_equal(one.draws, DRAWS[:, i] - DRAWS[:, j])


def test_ratios_are_held_against_one():
    first, *_ = hypotheses_of("ratio ~ reference", DRAWS, NAMES)
    assert first.words == "south / north"
    np.testing.assert_array_equal(first.draws, B1 / B0)
    np.testing.assert_array_equal(first.holds, B1 / B0 > 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("b4 = b0", "names 'b4', and the estimates are b0 to b3"),
        ("sout > north", "Did you mean 'south'"),
        ("b0 =", "cannot be read"),
        ("b0 = b1 = b2", "more than one sign"),
        ("b0 != b1", "more than one sign"),
        ("b0 < b1 < b2", "more than one sign"),
        ("b0 @ b1", "no arithmetic"),
        ("b0 // b1", "no arithmetic"),
        ("b0 and b1", "no arithmetic"),
        ("[b0]", "no arithmetic"),
        ("b0[0]", "no arithmetic"),
        ("b0.mean()", "no arithmetic"),
        ("(lambda: b0)()", "no arithmetic"),
        ("__import__('os').system('true')", "no arithmetic"),
        ("open('x')", "no arithmetic"),
        ("exp(b0, b1)", "no arithmetic"),
        ("exp(x=b0)", "no arithmetic"),
        ("True", "no arithmetic"),
        ("'b0'", "no arithmetic"),
        ("1j * b0", "no arithmetic"),
        ("import os", "cannot be read"),
        ("", "cannot be read"),
        ("pairwize", "names 'pairwize'|cannot be read"),
        ("+" * 500 + "b0", "nested too deeply"),
        ("(" * 5_000 + "b0" + ")" * 5_000, "cannot be read|too long"),
        ("b0" + " + b0" * 20_000, "too long"),
        (["b0 = b1", 3], "must be a string"),
        ([], "must be a string"),
        (4, "must be a string"),
    ],
)
def test_what_is_no_arithmetic_is_refused(words, message):
    with pytest.raises(bg.DataError, match=message):
        hypotheses_of(words, DRAWS, NAMES)


def test_pairs_need_two_and_not_too_many():
    with pytest.raises(bg.DataError, match="there is one only"):
        hypotheses_of("pairwise", DRAWS[:, :1], [None])
    with pytest.raises(bg.DataError, match="4,950 comparisons of 100 estimates"):
        hypotheses_of("pairwise", np.zeros((2, 100)), [None] * 100)


def test_numbers_beyond_the_floats_are_infinite_not_errors():
    assert np.isinf(hypotheses_of("b0 / 0", np.ones((2, 1)), [None])[0].draws).all()
    assert np.isinf(hypotheses_of("10.0 ** 400 * b0", np.ones((2, 1)), [None])[0].draws).all()
    assert np.isinf(hypotheses_of("9 ** 9 ** 9 ** 9 * b0", np.ones((2, 1)), [None])[0].draws).all()


TREES = st.recursive(
    st.sampled_from(["b0", "b1", "1", "2.5"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: f"({' '.join(parts)})"
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_arithmetic_is_that_of_python(left, right):
    (found,) = hypotheses_of(f"{left} = {right}", DRAWS, NAMES)
    row = {"b0": DRAWS[5, 0], "b1": DRAWS[5, 1]}

    def value(node):
        if isinstance(node, ast.Name):
            return row[node.id]
        if isinstance(node, ast.Constant):
            return node.value
        one, other = value(node.left), value(node.right)
        return {ast.Add: one + other, ast.Sub: one - other, ast.Mult: one * other}[type(node.op)]

    expected = value(ast.parse(left, mode="eval").body) - value(ast.parse(right, mode="eval").body)
    assert found.draws[5] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_arithmetic_or_refused(words):
    try:
        every = hypotheses_of(words, DRAWS, NAMES)
    except bg.DataError:
        return
    assert all(one.draws.shape == (200,) for one in every)


def test_a_table_of_hypotheses(fit):
    table = bg.predictions(fit, by="region", hypothesis=["s - n = 0", "w > n", "sequential"])
    assert list(table) == ["term", "estimate", "conf_low", "conf_high", "probability"]
    assert table["term"].tolist() == ["s - n = 0", "w > n", "s - n", "w - s"]
    draws = bg.predictions(fit, by="region", draws=True)["estimate"].to_numpy().reshape(3, -1)
    difference = draws[1] - draws[0]
    numbers = table.loc[0, ["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(numbers, np.quantile(difference, [0.03, 0.5, 0.97]), rtol=1e-12)
    assert table["probability"][1] == pytest.approx((draws[2] > draws[0]).mean())


def test_terms_name_rows(fit):
    table = bg.slopes(fit, "x", by="region", hypothesis="n = s")
    assert table["estimate"][0] == pytest.approx(0.0, abs=1e-8)
    grid = bg.datagrid(fit, region=["n", "s"])
    table = bg.comparisons(fit, "x", grid=grid, hypothesis="pairwise")
    assert table["term"].tolist() == ["s - n"]
    table = bg.comparisons(fit, {"x": 1, "region": "minmax"}, by=True, hypothesis="b1 > b0")
    assert len(table) == 1


def test_draws_of_hypotheses(fit):
    table = bg.predictions(fit, by="region", hypothesis="s = n", draws=True)
    assert list(table) == ["term", "chain", "draw", "estimate"]
    assert len(table) == 100


def test_a_map_has_hypotheses_without_probability():
    data = {"y": [1.0, 2.0, 4.0, 3.0], "g": list("abab")}
    fit = bg.fit_map(bg.GLM("y", "g", prior=bg.Normal(1.0), dispersion=1.0), data)
    table = bg.predictions(fit, by="g", hypothesis="b = a")
    assert table["estimate"][0] == pytest.approx(float(fit["map"]["g"][0]))
    assert table[["conf_low", "conf_high", "probability"]].isna().all().all()

"""Columns that are computed: as NumPy computes them, kept for new data, refused in words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.arithmetic import Computation
from bayesglm.spec.formula.arithmetic import FUNCTIONS, expression, n_constants, names_in

RNG = np.random.default_rng(1)
FRAME = pd.DataFrame({"x": RNG.uniform(1, 3, 60), "z": RNG.normal(size=60)})
FRAME["y"] = np.log(FRAME.x) + RNG.normal(size=60)
COLUMNS = {"a": np.array([0.5, 2.0, 3.0]), "b": np.array([-1.0, 4.0, 0.25])}


def computed(text, columns=COLUMNS):
    return Computation(columns, None, str).of(expression(text))


TREES = st.recursive(
    st.sampled_from(["a", "b", "2", "0.5", "3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        st.tuples(st.sampled_from(["sin", "cos", "tanh", "abs"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        inner.map(lambda one: f"(-{one})"),
        inner.map(lambda one: f"({one})**2"),
    ),
    max_leaves=8,
)


@given(TREES)
def test_expressions_are_what_numpy_computes(text):
    meant = {"sin": np.sin, "cos": np.cos, "tanh": np.tanh, "abs": np.abs, **COLUMNS}
    expected = eval(text, {"__builtins__": {}}, meant)  # a text of our own making
    np.testing.assert_allclose(computed(text), expected, rtol=1e-12)
    again = str(expression(text))
    np.testing.assert_array_equal(computed(again), computed(text))
    assert str(expression(again)) == again


@pytest.mark.parametrize("name", [n for n, of in FUNCTIONS.items() if not of.n_constants])
def test_functions_are_numpys(name):
    values = {"x": np.array([0.25, 1.0, 2.5])}
    np.testing.assert_array_equal(computed(f"{name}(x)", values), getattr(np, name)(values["x"]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-a**2", -(COLUMNS["a"] ** 2)),
        ("2**3**2 * a", 512 * COLUMNS["a"]),
        ("a - b - a", -COLUMNS["b"]),
        ("a / b / 2", COLUMNS["a"] / COLUMNS["b"] / 2),
        ("I(a + b) * 2", 2 * (COLUMNS["a"] + COLUMNS["b"])),
        ("np.exp(a)", np.exp(COLUMNS["a"])),
        ("center(a)", COLUMNS["a"] - COLUMNS["a"].mean()),
        ("scale(a)", (COLUMNS["a"] - COLUMNS["a"].mean()) / COLUMNS["a"].std()),
    ],
)
def test_operators_bind_as_in_r_and_python(text, value):
    np.testing.assert_allclose(computed(text), value, rtol=1e-14)


def test_what_an_expression_names_and_keeps():
    tree = expression("scale(a) + center(log(b)) * a")
    assert names_in(tree) == ("a", "b")
    assert n_constants(tree) == 3


def test_means_and_sds_of_the_first_data_serve_new_data():
    model = bg.GLM("y", bg.Linear("x", transform="scale(log(x))"), prior=bg.Normal(1.0))
    fitted = bg.fit_map(model, FRAME)
    logs = np.log(FRAME.x)
    plain = bg.fit_map(
        bg.GLM("y", "s", prior=bg.Normal(1.0)),
        FRAME.assign(s=(logs - logs.mean()) / logs.std(ddof=0)),
    )
    assert float(fitted["map"]["scale(log(x))"]) == pytest.approx(float(plain["map"]["s"]))
    first = bg.predict(fitted)["y"].values
    part = bg.predict(fitted, FRAME.iloc[[3]])["y"].values
    np.testing.assert_allclose(part, first[[3]], rtol=1e-12)
    stored = bg.GLM.from_json(fitted.attrs["model"]).terms[0]
    assert stored.constants == pytest.approx((logs.mean(), logs.std(ddof=0)))


def test_a_computed_column_goes_everywhere(tmp_path):
    term = bg.Linear(("x", "z"), transform="x / z")
    fitted = bg.fit(bg.GLM("y", [term], prior=bg.Normal(1.0)), FRAME)
    assert term.label == "x ÷ z"
    assert "x ÷ z" in bg.summary(fitted).index
    again = bg.load(bg.save(fitted, tmp_path / "fit.nc"))
    np.testing.assert_array_equal(bg.predict(again)["y"], bg.predict(fitted)["y"])
    assert "x ÷ z·(x / z)[i]" in str(bg.GLM("y", [term]))


def test_equal_transforms_are_equal_terms():
    named = [bg.Linear("x", transform=text) for text in ("log", "np.log", "log(x)", "I(log(x))")]
    assert len(set(named)) == 1
    assert repr(named[0]) == "Linear('x', transform='log')"
    assert bg.Linear("log", transform="log(log)").transform == "log(log)"


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("log", r"log\(z\) cannot be computed at .*2.*: values must be positive"),
        ("sqrt", r"sqrt\(z\) cannot be computed at .*2.*: values must be zero or more"),
        ("1 / z", r"1 / z cannot be computed at .*3.*: there it is no finite number"),
        ("exp(1000 * z)", r"exp\(1000 \* z\) cannot be computed"),
        ("scale(z - z)", r"scale\(z - z\) divides by the sd of values that do not vary"),
    ],
)
def test_values_outside_a_domain_are_refused_with_their_place(transform, message):
    data = {"y": [1.0, 2.0, 3.0, 4.0, 2.0], "z": [1.0, 2.0, -1.0, 0.0, 3.0]}
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(bg.GLM("y", bg.Linear("z", transform=transform)), data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transform": "log(w)"}, r"names 'w', which is none of the term's variables \(x\)"),
        ({"transform": "cube"}, r"names 'cube', .* no function \(log, "),
        ({"transform": "lag(x)"}, r"unknown function lag\(\); arithmetic knows log, .*mean 'log'"),
        ({"transform": "x < 3"}, r"'<' at '< 3' is no part of formulas"),
        ({"transform": "x ~ 1"}, r"arithmetic takes variables, numbers"),
        ({"transform": "log(x, 2)"}, r"takes one expression"),
        ({"transform": "1 + 1"}, r"leaves the variable 'x' out"),
        ({"transform": 3}, r"transform must be text"),
        ({"transform": "__import__('os').system('x')"}, r"is no part of formulas"),
        ({"transform": "scale", "constants": (1.0,)}, r"keeps 2 numbers of the data"),
        ({"constants": (1.0,)}, r"constants are those of a transform"),
    ],
)
def test_what_is_no_transform(options, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.Linear("x", **options)
    with pytest.raises(bg.ModelError, match=r"of one variable, and there are 2; .* 'x / z'"):
        bg.Linear(("x", "z"), transform="log")

"""Variables as floats: what is copied, which kind of float it is, and faults in large arrays."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
import bayesglm.inference.tree.groups as tree_module
from bayesglm.design.plan import plan_fit
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.resolve import resolve
from bayesglm.design.variables import CACHED

N, P = 3000, 50
assert N * P > 2 * CACHED, "large enough to be checked in several blocks"
RNG = np.random.default_rng(5)
LARGE = RNG.normal(size=(N, P))
COUNTS = RNG.poisson(2.0, N)
RIDGE = bg.ridge(1.0)


def glm(terms="x", **options):
    return bg.GLM("y", terms, family="poisson", **options)


def signal(data, term="x"):
    """The predictor as the plan's first block holds it."""
    return plan_fit(glm(term), data).designs[0].predictors.blocks[0].signal


def containers(x):
    """The same predictor in every kind of data that need not copy it."""
    extra = "abc"[: x.ndim - 1]
    labelled = xr.DataArray(x, dims=("time", *extra))
    coords = {"time": 0.1 * np.arange(N), "trial": ("time", np.repeat([1, 2], N // 2))}
    return {
        "mapping": {"y": COUNTS, "x": x},
        "labelled": {"y": COUNTS, "x": labelled},
        "dataset": xr.Dataset({"y": ("time", COUNTS), "x": labelled}),
        "dataset with coordinates": xr.Dataset({"y": ("time", COUNTS), "x": labelled}, coords),
        "checked": bg.as_dataset({"y": COUNTS, "x": x}),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(N,), (N, P), (N, 5, 10)])
@pytest.mark.parametrize("term", [bg.Linear("x"), bg.Lagged("x", lags=3)], ids=["linear", "lagged"])
def test_predictors_are_read_where_they_are(dtype, shape, term):
    x = np.resize(LARGE, shape).astype(dtype)
    for kind, data in containers(x).items():
        found = signal(data, term)
        assert np.shares_memory(found, x), kind
        assert found.dtype == dtype, kind
        np.testing.assert_array_equal(found, x.reshape(N, -1))


def test_predictors_of_new_data_are_read_where_they_are():
    _, _, (predictors,) = plan_prediction(glm(prior=RIDGE), {"x": LARGE}, None, 1)
    assert np.shares_memory(predictors.blocks[0].signal, LARGE)


def test_no_data_of_the_size_of_the_predictor_are_made():
    x = RNG.normal(size=(20_000, P))
    data = {"y": RNG.poisson(2.0, len(x)), "x": x}
    for terms in ("x", bg.Lagged("x", lags=2)):
        resolve(plan_fit(glm(terms), data))
        tracemalloc.start()
        resolve(plan_fit(glm(terms), data))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < x.nbytes / 4


def test_a_fit_does_not_change_when_the_data_do():
    given = {"y": COUNTS.astype(float), "x": LARGE[:, 0].copy(), "time": 0.1 * np.arange(N)}
    kept = {name: values.copy() for name, values in given.items()}
    as_they_are = {name: ("obs", values) for name, values in given.items()}
    for data in (given, xr.Dataset(as_they_are), xr.Dataset(as_they_are).set_index(obs="time")):
        fit = bg.fit_map(glm(prior=RIDGE), data)
        before = bg.predict(fit)
        for values in given.values():
            values += 1.0
        for name in ("y", "x"):
            np.testing.assert_array_equal(fit["constant_data"][name], kept[name])
        np.testing.assert_array_equal(fit["observed_data"]["y"], kept["y"])
        xr.testing.assert_identical(bg.predict(fit), before)
        for name, values in given.items():
            values[:] = kept[name]


def test_large_data_are_referred_to_and_small_ones_copied(monkeypatch):
    monkeypatch.setattr(tree_module, "COPIED", N)
    data = xr.Dataset(
        {"y": ("obs", COUNTS.astype(float)), "x": (("obs", "k"), LARGE[:, :2].copy())}
    )
    kept = bg.fit_map(glm(prior=RIDGE), data)["constant_data"]
    assert np.shares_memory(kept["x"].values, data["x"].values)
    assert not np.shares_memory(kept["y"].values, data["y"].values)


def test_only_predictors_may_be_single():
    single = {
        name: value.astype(np.float32)
        for name, value in {
            "y": COUNTS,
            "x": LARGE,
            "n": COUNTS + 1,
            "o": 0.1 * LARGE[:, 0],
            "w": COUNTS % 3,
        }.items()
    }
    model = bg.GLM(
        "y",
        ["x", bg.History(lags=2)],
        family="binomial",
        trials="n",
        offset="o",
        weights="w",
    )
    design = plan_fit(model, single).designs[0]
    x, history = design.predictors.blocks
    assert x.signal.dtype == np.float32
    assert history.signal.dtype == np.float64
    rows = next(design.source.ranges(N))
    for name in ("X", "y", "offset", "weights", "trials"):
        assert getattr(rows, name).dtype == np.float64, name
    np.testing.assert_array_equal(rows.X[:, 1 : P + 1], single["x"][design.predictors.rows])


BAD = [np.nan, np.inf, -np.inf, 1e41, -1e300]
TOLD = {1e41: "values beyond 1e.40", -1e300: "values beyond 1e.40"}


@given(
    row=st.integers(0, N - 1),
    column=st.integers(0, P - 1),
    value=st.sampled_from(BAD),
    dtype=st.sampled_from([np.float64, np.float32]),
    order=st.sampled_from("CF"),
)
def test_one_bad_value_is_found_in_its_place(row, column, value, dtype, order):
    x = np.array(LARGE, dtype=dtype, order=order)
    with np.errstate(over="ignore"):
        x[row, column] = value
    data = xr.Dataset({"y": ("time", COUNTS), "x": (("time", "pixel"), x)})
    told = "missing or infinite values" if dtype == np.float32 else TOLD.get(value, "missing or")
    message = f"predictor 'x' holds 1 {told}.*, the first at time={row}, pixel={column}[,;]"
    with pytest.raises(bg.DataError, match=message):
        plan_fit(glm(prior=RIDGE), data)


@given(st.lists(st.tuples(st.integers(0, N - 1), st.sampled_from(BAD[:3])), min_size=2, max_size=5))
def test_bad_values_are_counted_over_all_blocks(places):
    x = LARGE.copy()
    for row, value in places:
        x[row, 7] = value
    rows = {row for row, _ in places}
    message = rf"holds {len(rows)} missing or infinite values, the first at obs={min(rows)}, x_dim"
    with pytest.raises(bg.DataError, match=message):
        plan_fit(glm(prior=RIDGE), {"y": COUNTS, "x": x})


@pytest.mark.parametrize("row", [0, 1311, N - 1])
def test_values_too_small_to_compute_with_are_so_only_together(row):
    x = np.zeros((N, P))
    x[row, 3] = -1e-41
    with pytest.raises(bg.DataError, match="predictor 'x' holds no value beyond 1e-41, too small"):
        plan_fit(glm(prior=RIDGE), {"y": COUNTS, "x": x})
    x[N - 1 - row, 4] = -1.0
    np.testing.assert_array_equal(signal({"y": COUNTS, "x": x}, bg.Linear("x", prior=RIDGE)), x)


WHOLE = RNG.integers(0, 2, (N, P))
STORED = {
    "C order": WHOLE.astype(float),
    "F order": np.asfortranarray(WHOLE, dtype=float),
    "every other row": np.repeat(WHOLE, 2, axis=0)[::2].astype(float),
    "a part of the columns": np.tile(WHOLE, 2).astype(float)[:, :P],
    "backwards": WHOLE[::-1].astype(float)[::-1],
    "float32": WHOLE.astype(np.float32),
    "float32 in F order": np.asfortranarray(WHOLE, dtype=np.float32),
    "float16": WHOLE.astype(np.float16),
    "other bytes": WHOLE.astype(">f8"),
    "other bytes, float32": WHOLE.astype(">f4"),
    "long double": WHOLE.astype(np.longdouble),
    "integers": WHOLE,
    "bytes": WHOLE.astype(np.uint8),
    "bool": WHOLE.astype(bool),
}


@pytest.mark.parametrize("x", STORED.values(), ids=STORED.keys())
@pytest.mark.parametrize("term", [bg.Linear("x"), bg.Lagged("x", lags=2)], ids=["linear", "lagged"])
def test_however_numbers_are_stored_the_answer_is_the_same(x, term):
    plan, expected = (
        resolve(plan_fit(glm(term), {"y": COUNTS, "x": values}))
        for values in (x, STORED["C order"])
    )
    found = plan.designs[0].predictors.blocks[0].signal
    assert found.dtype == (np.float32 if x.dtype == np.float32 else np.float64)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, WHOLE)
    assert plan.model == expected.model, "default priors, to the last digit"
    np.testing.assert_array_equal(
        plan.designs[0].predictors.columns(slice(None)),
        expected.designs[0].predictors.columns(slice(None)),
    )


@pytest.mark.parametrize("name", ["F order", "float32", "integers", "bool"])
def test_however_numbers_are_stored_the_fit_is_the_same(name):
    one, other = (
        bg.fit_map(glm(bg.Linear("x")), {"y": COUNTS, "x": STORED[kind][:, :4]})
        for kind in (name, "C order")
    )
    xr.testing.assert_identical(one["map"].to_dataset(), other["map"].to_dataset())
    assert one.attrs["log_posterior"] == other.attrs["log_posterior"]


def test_arrays_of_pandas_inside_a_dataset():
    for values in (pd.array(COUNTS, dtype="Int64"), pd.array(COUNTS, dtype="Float32")):
        data = xr.Dataset({"y": ("time", COUNTS), "x": ("time", values)})
        np.testing.assert_array_equal(signal(data), COUNTS[:, None])
    missing = pd.array([None, *COUNTS[1:]], dtype="Int64")
    data = xr.Dataset({"y": ("time", COUNTS), "x": ("time", missing)})
    with pytest.raises(bg.DataError, match=r"'x' holds 1 missing or infinite .* at time=0"):
        plan_fit(glm(), data)


def test_units_and_long_names_are_kept_and_no_other_attributes():
    kept = {"units": "s", "long_name": "time of the bin"}
    data = xr.Dataset(
        {"y": ("time", COUNTS), "x": ("time", LARGE[:, 0], {"units": 3, "history": "long"})},
        {"time": ("time", 0.1 * np.arange(N), {**kept, "axis": "T"})},
        {"title": "mine"},
    )
    stored = bg.fit_map(glm(), data)["constant_data"]
    assert stored["time"].attrs == kept
    assert stored["x"].attrs == {}
    assert stored.attrs == {}
    assert data["time"].attrs == {**kept, "axis": "T"}
    assert data["x"].attrs == {"units": 3, "history": "long"}
    assert data.attrs == {"title": "mine"}

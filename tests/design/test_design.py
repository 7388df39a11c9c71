"""The design: columns as a double loop would make them, rows that count, blocks of any size."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st

import bayesglm as bg
import bayesglm.design.design as design_module
from bayesglm.design.plan import plan_fit
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.resolve import resolve

PROPER = bg.Normal(1.0)


def signal_at(values, trial, t, lag):
    """The predictor ``lag`` samples before sample ``t`` of the same trial, or None."""
    source = t - lag
    if 0 <= source < len(values) and trial[source] == trial[t]:
        return values[source]
    return None


def naive_columns(term_lags, trial, edges):
    """Columns of several lagged predictors, and which samples are kept, one at a time."""
    rows, kept = [], []
    for t in range(len(trial)):
        row, full = [], True
        for values, lags in term_lags:
            for lag in lags:
                seen = signal_at(values, trial, t, lag)
                full = full and seen is not None
                row.extend(np.ravel(np.zeros_like(values[0]) if seen is None else seen))
        if full or edges == "zero":
            rows.append(row)
            kept.append(t)
    return np.array(rows), np.array(kept, dtype=int)


STARTS = st.sampled_from([-4, -3, -2, -1, 0, 1, 2, 5])
LAGS = st.tuples(STARTS, st.integers(1, 4)).map(lambda pair: (pair[0], sum(pair)))
LAGS = LAGS | st.integers(1, 4)
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)
SHAPES = st.sampled_from([(), (2,), (2, 3)])


def as_range(lags, first=0):
    return range(*lags) if isinstance(lags, tuple) else range(first, first + lags)


@example(lengths=[3, 5, 4], lags=(-2, 0), shape=(), past=None, edges="drop", seed=0)
@example(lengths=[3, 5, 4], lags=(-2, 0), shape=(2,), past=None, edges="zero", seed=0)
@example(lengths=[3, 5, 4], lags=(-1, 2), shape=(), past=2, edges="drop", seed=0)
@given(
    lengths=LENGTHS,
    lags=LAGS,
    shape=SHAPES,
    past=st.none() | st.integers(1, 3) | st.just((2, 5)),
    edges=st.sampled_from(["drop", "zero"]),
    seed=st.integers(0, 99),
)
def test_lagged_columns_are_those_of_a_double_loop(lengths, lags, shape, past, edges, seed):
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    trial = np.repeat(rng.permutation(len(lengths)), lengths)
    x, y = rng.normal(size=(n, *shape)), rng.normal(size=n)
    data = xr.Dataset(
        {"y": ("time", y), "x": (("time", *"ab"[: len(shape)]), x)},
        coords={"trial": ("time", trial)},
    )
    terms = [bg.Lagged("x", lags=lags, prior=PROPER)]
    naive = [(x, as_range(lags))]
    if past is not None:
        terms.append(bg.History(lags=past, prior=PROPER))
        naive.append((y, as_range(past, first=1)))
    model = bg.GLM("y", terms, intercept=None, dispersion=1.0, edges=edges)
    expected, kept = naive_columns(naive, trial, edges)
    if not len(kept):
        with pytest.raises(bg.DataError, match=r"no sample has a full past: term '(x|history)'"):
            plan_fit(model, data)
        return
    plan = plan_fit(model, data)
    predictors = plan.designs[0].predictors
    np.testing.assert_array_equal(predictors.rows, kept)
    np.testing.assert_array_equal(predictors.columns(slice(None)), expected)
    assert plan.n_dropped == n - len(kept)
    assert predictors.n_samples == n
    block = predictors.blocks[0]
    assert block.dims == ("x_lag", *"ab"[: len(shape)])
    assert block.shape == (len(as_range(lags)), *shape)
    np.testing.assert_array_equal(block.coords["x_lag"], as_range(lags))


@given(
    size=st.integers(1, 50),
    lengths=LENGTHS,
    kept_columns=st.sampled_from([0, 10**6]),
    edges=st.sampled_from(["drop", "zero"]),
)
def test_blocks_of_any_size_are_the_same_rows(size, lengths, kept_columns, edges):
    n = sum(lengths)
    rng = np.random.default_rng(n)
    data = {
        "k": rng.integers(0, 3, n),
        "n": np.full(n, 3),
        "x": rng.normal(size=(n, 2)),
        "o": rng.normal(size=n),
        "w": rng.integers(0, 3, n),
        "trial": np.repeat(np.arange(len(lengths)), lengths),
    }
    model = bg.GLM(
        "k",
        bg.Lagged("x", lags=(-1, 2), prior=PROPER),
        family="binomial",
        trials="n",
        offset="o",
        weights="w",
        intercept=PROPER,
        edges=edges,
    )
    try:
        plan = plan_fit(model, data)
    except bg.DataError:
        return
    design = plan.designs[0]
    with pytest.MonkeyPatch.context() as patch:
        whole = design.source.form(slice(0, design.n_rows))
        patch.setattr(design_module, "SMALL", kept_columns)
        blocks = list(plan_fit(model, data).designs[0].source.ranges(size))
    assert all(len(rows.y) == len(blocks[0].y) <= size for rows in blocks[:-1])
    assert len(blocks[-1].y) <= len(blocks[0].y)
    for name in ("X", "y", "offset", "weights", "trials"):
        joined = np.concatenate([getattr(rows, name) for rows in blocks])
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)
    rows = design.predictors.rows
    for name, values in (("y", "k"), ("offset", "o"), ("weights", "w"), ("trials", "n")):
        np.testing.assert_array_equal(getattr(whole, name), data[values][rows])
    assert np.all(whole.weights > 0)


def test_samples_of_weight_zero_leave():
    rng = np.random.default_rng(0)
    n = 30
    weights = rng.choice([0, 1, 2], n)
    data = xr.Dataset(
        {
            "y": ("time", rng.poisson(2, n)),
            "x": ("time", rng.normal(size=n)),
            "w": ("time", weights),
        }
    )
    model = bg.GLM("y", "x", family="poisson", weights="w")
    plan = plan_fit(model, data)
    np.testing.assert_array_equal(plan.designs[0].predictors.rows, np.flatnonzero(weights))
    assert plan.n_dropped == 0, "they are not dropped for want of a past"
    present = data.isel(time=np.flatnonzero(weights))
    one, other = (bg.fit_map(model, some) for some in (data, present))
    xr.testing.assert_allclose(one["map"].to_dataset(), other["map"].to_dataset(), rtol=1e-9)
    assert one.attrs["log_posterior"] == pytest.approx(other.attrs["log_posterior"], rel=1e-12)


def test_a_sample_of_weight_zero_is_still_a_past():
    y = np.array([1.0, 2.0, 0.0, 3.0, 1.0])
    w = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    model = bg.GLM("y", bg.History(lags=1, prior=PROPER), family="poisson", weights="w")
    plan = plan_fit(model, {"y": y, "w": w})
    predictors = plan.designs[0].predictors
    np.testing.assert_array_equal(predictors.rows, [2, 3])
    np.testing.assert_array_equal(predictors.columns(slice(None))[:, 1], y[[1, 2]])
    assert plan.n_dropped == 1


@pytest.mark.parametrize("term", ["x", bg.Linear(("x", "z"), name="xz"), bg.Linear("film")])
def test_weights_are_repeated_rows_default_priors_and_all(term):
    rng = np.random.default_rng(5)
    n, weights = 25, rng.integers(0, 4, 25)
    data = xr.Dataset(
        {
            "x": ("obs", rng.normal(size=n)),
            "z": ("obs", rng.normal(size=n)),
            "film": (("obs", "a", "b"), rng.normal(size=(n, 2, 2))),
            "y": ("obs", rng.normal(size=n)),
            "w": ("obs", weights),
        }
    )
    repeated = data.isel(obs=np.repeat(np.arange(n), weights))
    one = bg.fit_map(bg.GLM("y", term, weights="w"), data)
    other = bg.fit_map(bg.GLM("y", term), repeated)
    xr.testing.assert_allclose(one["map"].to_dataset(), other["map"].to_dataset(), rtol=1e-6)
    assert one.attrs["log_posterior"] == pytest.approx(other.attrs["log_posterior"], rel=1e-9)


@pytest.mark.parametrize(
    ("window", "step", "lags"),
    [
        (0.05, 0.01, range(5)),
        (0.054, 0.01, range(5)),
        (0.056, 0.01, range(6)),
        ((-0.021, 0.019), 0.01, range(-2, 2)),
        (0.3, 0.1, range(3)),
    ],
)
def test_windows_are_rounded_to_whole_samples(window, step, lags):
    n = 20
    rng = np.random.default_rng(1)
    data = {"y": rng.normal(size=n), "x": rng.normal(size=n), "time": step * np.arange(n)}
    model = bg.GLM("y", bg.Lagged("x", window=window), dispersion=1.0)
    plan = plan_fit(model, data)
    block = plan.designs[0].predictors.blocks[0]
    np.testing.assert_array_equal(block.lags, lags)
    assert block.step == plan.step == pytest.approx(step)
    said = plan_fit(bg.GLM("y", bg.Lagged("x", lags=(lags.start, lags.stop)), dispersion=1.0), data)
    np.testing.assert_array_equal(
        block.columns(np.arange(n)), said.designs[0].predictors.blocks[0].columns(np.arange(n))
    )
    found = bg.fit_map(model, data)
    np.testing.assert_array_equal(found["map"]["x_lag"], lags)
    assert found.attrs["sample_step_s"] == pytest.approx(step)
    assert found.attrs["n_dropped"] == plan.n_dropped


def test_columns_of_every_term_side_by_side():
    n = 7
    rng = np.random.default_rng(2)
    film, a, b = rng.normal(size=(n, 2, 2)), rng.normal(size=n), rng.normal(size=n)
    data = xr.Dataset(
        {"y": ("time", rng.normal(size=n)), "a": ("time", a), "b": ("time", b)}
        | {"film": (("time", "v", "u"), film)},
        coords={"v": ["up", "down"]},
    )
    terms = [bg.Linear("film"), bg.Linear(("b", "a"), name="ba"), bg.Lagged("a", lags=(-1, 1))]
    predictors = plan_fit(bg.GLM("y", terms, dispersion=1.0), data).designs[0].predictors
    assert predictors.places == {
        "intercept": slice(0, 1),
        "film": slice(1, 5),
        "ba": slice(5, 7),
        "a": slice(7, 9),
    }
    assert predictors.labels() == [
        "intercept",
        "film[v=up, u=0]",
        "film[v=up, u=1]",
        "film[v=down, u=0]",
        "film[v=down, u=1]",
        "b",
        "a",
        "a[a_lag=-1]",
        "a[a_lag=0]",
    ]
    expected = np.column_stack([np.ones(n), film.reshape(n, 4), b, a, np.r_[a[1:], 0.0], a])
    np.testing.assert_array_equal(predictors.columns(slice(None)), expected[:-1])
    assert predictors.n_coefficients == 9


def test_taking_rows_keeps_the_rest_of_the_design():
    rng = np.random.default_rng(3)
    data = {"y": rng.poisson(2, 12), "x": rng.normal(size=12)}
    design = plan_fit(bg.GLM("y", bg.Lagged("x", lags=3), family="poisson"), data).designs[0]
    keep = np.arange(design.n_rows) % 2 == 0
    taken = design.take(keep)
    np.testing.assert_array_equal(taken.predictors.rows, [2, 4, 6, 8, 10])
    whole, part = next(design.source.ranges(99)), next(taken.source.ranges(99))
    np.testing.assert_array_equal(part.X, whole.X[keep])
    np.testing.assert_array_equal(part.y, whole.y[keep])
    assert design.n_rows == 10


@given(st.integers(0, 10**6), st.sampled_from([1e-4, 1e-3, 1 / 60, 1.0]), st.booleans())
def test_time_is_regular_to_a_millionth_of_its_step(start, step, fine):
    n = 30
    time = start + step * np.arange(n)
    # Beside a start of 1e6 s a float64 itself is good to 1e-10 s only.
    shift = step * (1e-7 if fine else 1e-5) + (0 if fine else 1e-9 * start)
    time[12] += shift
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=n), "x": rng.normal(size=n), "time": time}
    model = bg.GLM("y", bg.Lagged("x", lags=2), dispersion=1.0)
    if fine:
        assert plan_fit(model, data).step == pytest.approx(step, rel=1e-4)
    else:
        with pytest.raises(bg.DataError, match=r"'x' needs regular.*obs=11 to obs=12 .*2 such pl"):
            plan_fit(model, data)


def test_gaps_between_trials_are_no_irregular_time():
    time = np.r_[0.0, 0.1, 0.2, 7.0, 7.1, 3.0, 3.1, 3.2]
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=8), "x": rng.normal(size=8), "time": time}
    model = bg.GLM("y", bg.Lagged("x", lags=2), dispersion=1.0)
    with pytest.raises(bg.DataError, match="or mark gaps with a 'trial' coordinate"):
        plan_fit(model, data)
    plan = plan_fit(model, {**data, "trial": [*"aaabbccc"]})
    np.testing.assert_array_equal(plan.designs[0].predictors.rows, [1, 2, 4, 6, 7])
    assert plan.step == pytest.approx(0.1)


@pytest.mark.parametrize("edges", ["drop", "zero"])
def test_a_plan_reads_a_neuron_at_a_time(edges):
    rng = np.random.default_rng(4)
    y = rng.poisson(2.0, (10, 3))
    data = xr.Dataset({"y": (("time", "cell"), y), "x": ("time", rng.normal(size=10))})
    model = bg.GLM("y", ["x", bg.History(lags=2)], family="poisson", edges=edges)
    plan = plan_fit(model, data)
    assert len(plan.designs) == 3
    for k, design in enumerate(plan.designs):
        columns, kept = naive_columns([(y[:, k].astype(float), (1, 2))], np.zeros(10), edges)
        np.testing.assert_array_equal(design.y, y[:, k])
        np.testing.assert_array_equal(design.predictors.columns(slice(None))[:, 2:], columns)
        np.testing.assert_array_equal(design.predictors.rows, kept)
        assert plan.name_of(k) == f" (cell={k})"
    shared = plan_fit(bg.GLM("y", "x", family="poisson"), data).designs
    assert shared[0].predictors is shared[2].predictors, "shared columns are held once"
    assert resolve(plan).designs == plan.designs


def test_new_data_of_another_number_of_neurons():
    data = xr.Dataset({"own": (("time", "cell"), np.ones((8, 3)))})
    model = bg.GLM("y", "own", family="poisson", prior=PROPER)
    assert len(plan_prediction(model, data, "cell", 3)[2]) == 3
    with pytest.raises(bg.DataError, match="the new data have 3 along 'cell', but the fit has 2"):
        plan_prediction(model, data, "cell", 2)

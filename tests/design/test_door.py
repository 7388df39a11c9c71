"""The door: whatever the user has becomes one checked Dataset, and nothing is guessed or lost."""

import copy

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.plan import plan_fit

N = 12
RNG = np.random.default_rng(7)
X, Z, Y = RNG.normal(size=N), RNG.normal(size=N), RNG.poisson(2.0, N)
FILM = RNG.normal(size=(N, 2, 3))
TIME, TRIAL = 0.1 * np.arange(N), np.repeat([3, 1], N // 2)
LEVELS = pd.MultiIndex.from_arrays([TRIAL, TIME], names=["trial", "time"])


def indexed(index, dim, **variables):
    """Make a Dataset of which one dim has an index of several levels."""
    coords = xr.Coordinates.from_pandas_multiindex(index, dim)
    return xr.Dataset(variables).assign_coords(coords)


KINDS = {
    "arrays": {"y": Y, "x": X, "time": TIME, "trial": TRIAL},
    "lists": {"time": list(TIME), "y": Y.tolist(), "x": X.tolist(), "trial": TRIAL.tolist()},
    "series": {name: pd.Series(v) for name, v in zip(["y", "x"], [Y, X], strict=True)}
    | {"time": TIME, "trial": TRIAL},
    "series with levels": {"y": pd.Series(Y, LEVELS), "x": pd.Series(X, LEVELS)},
    "frame with columns": pd.DataFrame({"x": X, "time": TIME, "y": Y, "trial": TRIAL}),
    "frame with levels": pd.DataFrame({"y": Y, "x": X}, LEVELS),
    "frame with both": pd.DataFrame({"y": Y, "x": X, "trial": TRIAL}, pd.Index(TIME, name="time")),
    "frame with another index": pd.DataFrame(
        {"y": Y, "x": X, "trial": TRIAL, "time": TIME}, pd.Index(range(N, 2 * N), name="row")
    ),
    "labelled arrays": {
        "y": xr.DataArray(Y, dims="time", coords={"time": TIME}),
        "x": X,
        "trial": TRIAL,
    },
    "labelled arrays of another dim": {
        "x": X,
        "y": xr.DataArray(Y, dims="bin", coords={"time": ("bin", TIME), "trial": ("bin", TRIAL)}),
    },
    "dataset over time": xr.Dataset(
        {"y": ("time", Y), "x": ("time", X)}, {"time": TIME, "trial": ("time", TRIAL)}
    ),
    "dataset with variables": xr.Dataset(
        {"y": ("obs", Y), "x": ("obs", X), "time": ("obs", TIME), "trial": ("obs", TRIAL)}
    ),
    "dataset over another dim": xr.Dataset(
        {"y": ("bin", Y), "x": ("bin", X), "time": ("bin", TIME), "trial": ("bin", TRIAL)}
    ),
    "dataset with a lonely variable": xr.Dataset(
        {"y": ("bin", Y), "x": ("bin", X), "time": ("bin", TIME), "trial": ("bin", TRIAL)}
        | {"rate": ("pixel", [1.0, 2.0]), "unit": 3.0}
    ),
    "dataset with levels": indexed(LEVELS, "obs", y=("obs", Y), x=("obs", X)),
    "dataset with levels on another dim": indexed(LEVELS, "bin", y=("bin", Y), x=("bin", X)),
    "trials by time": xr.Dataset(
        {
            "x": (("time", "trial"), X.reshape(2, -1).T),
            "y": (("trial", "time"), Y.reshape(2, -1)),
        },
        {"trial": [3, 1], "time": 0.1 * np.arange(N // 2)},
    ),
}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_data_is_the_same_plan(data):
    plan = plan_fit(bg.GLM("y", bg.Lagged("x", lags=3), family="poisson"), data)
    predictors = plan.designs[0].predictors
    keep = np.flatnonzero(np.arange(N) % (N // 2) >= 2)
    np.testing.assert_array_equal(predictors.rows, keep)
    np.testing.assert_array_equal(plan.designs[0].y, Y)
    expected = np.column_stack([np.ones(len(keep)), X[keep], X[keep - 1], X[keep - 2]])
    np.testing.assert_array_equal(predictors.columns(slice(None)), expected)
    assert plan.step == pytest.approx(0.1)
    assert plan.n_dropped == 4


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS.keys())
def test_through_the_door_twice_is_through_it_once(data):
    once = bg.as_dataset(data)
    xr.testing.assert_identical(bg.as_dataset(once), once)
    dim = once.attrs.get("sample_dim")
    if dim is not None:
        xr.testing.assert_identical(bg.as_dataset(once, sample_dim=dim), once)
        assert all(v.dims[0] == dim for v in once.data_vars.values() if dim in v.dims)


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS.keys())
def test_the_input_is_not_touched(data):
    if isinstance(data, xr.Dataset):
        data = data.assign_attrs(about="me")
        data["y"].attrs = {"units": "spikes", "layers": [1, 2]}
    before = copy.deepcopy(data)
    bg.as_dataset(data)
    bg.fit_map(bg.GLM("y", bg.Lagged("x", lags=3), family="poisson"), data)
    if isinstance(data, xr.Dataset):
        xr.testing.assert_identical(data, before)
    elif isinstance(data, pd.DataFrame):
        pd.testing.assert_frame_equal(data, before)
    else:
        assert list(data) == list(before)
        for name, value in data.items():
            np.testing.assert_array_equal(value, before[name])


SAMPLE_DIMS = {
    "said": (xr.Dataset({"y": (("time", "a"), FILM[:, :, 0])}), "a", "a"),
    "time first": (xr.Dataset({"y": ("time", Y), "x": ("obs", X)}), None, "time"),
    "obs next": (xr.Dataset({"y": (("a", "obs"), FILM[:, :, 0].T)}), None, "obs"),
    "the only one": (
        xr.Dataset({"y": ("bin", Y), "f": (("a", "bin"), FILM[..., 0].T)}),
        None,
        "bin",
    ),
    "not clear": (xr.Dataset({"y": (("a", "b"), FILM[0])}), None, None),
    "plain arrays": ({"y": Y, "film": FILM}, None, "obs"),
    "beside a labelled array": (
        {"y": xr.DataArray(Y, dims="bin"), "x": X, "film": FILM},
        None,
        "bin",
    ),
    "beside a labelled array, said": (
        {"film": xr.DataArray(FILM, dims=("bin", "a", "b")), "x": X},
        "bin",
        "bin",
    ),
    "a stale note": (xr.Dataset({"y": ("obs", Y)}, attrs={"sample_dim": "gone"}), None, "obs"),
    "a note of another kind": (
        xr.Dataset({"y": ("obs", Y)}, attrs={"sample_dim": [1]}),
        None,
        "obs",
    ),
}


@pytest.mark.parametrize(("data", "said", "dim"), SAMPLE_DIMS.values(), ids=SAMPLE_DIMS.keys())
def test_the_sample_dim(data, said, dim):
    dataset = bg.as_dataset(data, sample_dim=said)
    assert dataset.attrs.get("sample_dim") == dim
    for variable in dataset.data_vars.values():
        assert dim is None or dim not in variable.dims or variable.dims[0] == dim


def test_the_responses_only_dim_is_the_last_resort():
    data = xr.Dataset({"y": ("bin", Y), "x": ("bin", X), "map": (("a", "b"), FILM[0])})
    assert "sample_dim" not in bg.as_dataset(data).attrs
    assert plan_fit(bg.GLM("y", "x", family="poisson"), data).sample_dim == "bin"


def test_plain_arrays_get_dims_and_frames_their_labels():
    frame = pd.DataFrame(FILM[:, 0], columns=["left", "mid", "right"])
    dataset = bg.as_dataset({"y": Y, "film": FILM, "eyes": frame})
    assert dataset["film"].dims == ("obs", "film_dim_0", "film_dim_1")
    assert dataset["eyes"].dims == ("obs", "eyes_dim_0")
    assert dataset["eyes_dim_0"].values.tolist() == ["left", "mid", "right"]
    found = bg.fit_map(bg.GLM("y", "eyes", family="poisson"), dataset)["map"]["eyes"]
    assert found.sel(eyes_dim_0="mid").ndim == 0


def test_trials_by_time_are_stacked_in_order():
    values = RNG.normal(size=(2, 3, 4))
    data = xr.Dataset(
        {
            "y": (("trial", "time"), values[:, :, 0]),
            "film": (("time", "pixel", "trial"), values.transpose(1, 2, 0)),
            "flash": ("time", [0.0, 1.0, 0.0]),
            "dose": ("trial", [5.0, 6.0]),
            "gain": ("pixel", np.arange(4.0)),
        },
        {"trial": ["b", "a"]},
    )
    dataset = bg.as_dataset(data)
    assert dataset.attrs["sample_dim"] == "obs"
    np.testing.assert_array_equal(dataset["y"], values[:, :, 0].ravel())
    np.testing.assert_array_equal(dataset["film"].transpose("obs", ...), values.reshape(6, 4))
    np.testing.assert_array_equal(dataset["flash"], [0, 1, 0, 0, 1, 0])
    np.testing.assert_array_equal(dataset["dose"], [5, 5, 5, 6, 6, 6])
    assert dataset["gain"].dims == ("pixel",)
    assert dataset["trial"].values.tolist() == ["b"] * 3 + ["a"] * 3
    assert "time" not in dataset.variables, "no seconds may be made up"


def test_bins():
    centres = np.array([0.05, 0.15, 0.25])
    plain = bg.as_dataset({"y": Y[:3]}, bin_size=0.1)
    np.testing.assert_allclose(plain["time"], centres)
    assert plain["time"].dims == ("obs",)
    over_time = bg.as_dataset(xr.Dataset({"y": ("time", Y[:3])}), bin_size=0.1)
    np.testing.assert_allclose(over_time["time"], centres)
    by_trial = xr.Dataset({"y": (("trial", "time"), [[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]])})
    stacked = bg.as_dataset(by_trial, bin_size=0.1)
    np.testing.assert_allclose(stacked["time"], [*centres, *centres])
    model = bg.GLM("y", bg.History(window=0.2), family="poisson", prior=bg.Normal(1.0))
    assert plan_fit(model, stacked).n_dropped == 4


def test_masked_entries_are_missing_not_numbers():
    masked = np.ma.masked_array(X, mask=np.arange(N) == 4)
    assert np.flatnonzero(np.isnan(bg.as_dataset({"y": Y, "x": masked})["x"])) == [4]
    with pytest.raises(bg.DataError, match=r"'x' holds 1 missing or infinite values.*obs=4"):
        bg.fit_map(bg.GLM("y", "x", family="poisson"), {"y": Y, "x": masked})


@pytest.mark.parametrize(
    "numbers",
    [
        Y.astype("int8"),
        Y.astype("uint16"),
        Y.astype(">f4"),
        Y.astype("float16"),
        np.array(Y.tolist(), dtype=object),
        Y > 2,
        np.array((Y > 2).tolist(), dtype=object),
        pd.array(Y, dtype="Int64"),
        pd.array(Y > 2, dtype="boolean"),
        pd.Series(Y, dtype="Float32"),
    ],
    ids=lambda numbers: str(numbers.dtype),
)
def test_any_kind_of_real_number_counts(numbers):
    plan = plan_fit(bg.GLM("n", "x", family="poisson"), {"n": numbers, "x": X})
    assert plan.designs[0].y.dtype == np.float64
    np.testing.assert_array_equal(plan.designs[0].y, np.asarray(numbers, dtype=float))


@pytest.mark.parametrize(
    "time",
    [
        pd.date_range("2026-01-01", periods=N, freq="100ms"),
        np.datetime64("2026-01-01", "s") + np.arange(N) * np.timedelta64(100, "ms"),
        pd.timedelta_range("1s", periods=N, freq="100ms"),
        np.arange(N, dtype="float32") / 10,
    ],
    ids=["dates", "datetime64", "timedeltas", "float32"],
)
def test_time_in_dates_is_time_in_seconds(time):
    model = bg.GLM("y", bg.Lagged("x", window=0.3), family="poisson")
    for data in ({"y": Y, "x": X, "time": time}, pd.DataFrame({"y": Y, "x": X}, index=time)):
        if isinstance(data, pd.DataFrame):
            data.index.name = "time"
        plan = plan_fit(model, data)
        assert plan.step == pytest.approx(0.1, rel=1e-6)
        assert plan.designs[0].predictors.blocks[0].lags.tolist() == [0, 1, 2]


def test_time_of_any_kind_is_no_matter_without_lags():
    model = bg.GLM("y", "x", family="poisson")
    expected = bg.fit_map(model, {"y": Y, "x": X})
    for time in ([*"abcdefghijkl"], np.full(N, np.nan), TIME[::-1], np.zeros(N)):
        found = bg.fit_map(model, {"y": Y, "x": X, "time": time})
        assert found["map"]["x"] == expected["map"]["x"]


def test_coordinates_can_be_predictors():
    model = bg.GLM("y", [bg.Linear("time", name="drift"), "trial"], family="poisson")
    for data in (KINDS["frame with columns"], KINDS["dataset over time"]):
        plan = plan_fit(model, data)
        columns = plan.designs[0].predictors.columns(slice(None))
        np.testing.assert_array_equal(columns[:, 1:], np.column_stack([TIME, TRIAL]))


def test_several_levels_on_a_feature_dim():
    index = pd.MultiIndex.from_product([["l", "r"], [0, 1, 2]], names=["side", "row"])
    data = indexed(index, "pixel", y=("time", Y), film=(("time", "pixel"), FILM.reshape(N, 6)))
    found = bg.fit_map(bg.GLM("y", "film", family="poisson", prior=bg.ridge(1.0)), data)
    assert found["map"]["film"].dims == ("pixel",)
    assert found["constant_data"]["side"].values.tolist() == list("lllrrr")


@given(st.permutations(["time", "a", "b"]), st.permutations(["time", "cell"]))
def test_any_order_of_dims(order, response_order):
    data = xr.Dataset(
        {
            "y": (("time", "cell"), np.column_stack([Y, Y[::-1]])),
            "film": (("time", "a", "b"), FILM),
            "own": (("time", "cell"), np.column_stack([X, Z])),
        }
    )
    model = bg.GLM("y", ["film", bg.Lagged("own", lags=2)], family="poisson")
    turned = data.assign(
        film=data["film"].transpose(*order),
        y=data["y"].transpose(*response_order),
        own=data["own"].transpose(*response_order),
    )
    for one, other in zip(
        plan_fit(model, data).designs, plan_fit(model, turned).designs, strict=True
    ):
        np.testing.assert_array_equal(one.y, other.y)
        for b, c in zip(one.predictors.blocks, other.predictors.blocks, strict=True):
            rows = one.predictors.rows
            expected = b.columns(rows).reshape(-1, *b.shape)
            found = xr.DataArray(c.columns(rows).reshape(-1, *c.shape), dims=("time", *c.dims))
            np.testing.assert_array_equal(found.transpose("time", *b.dims), expected)
            if order.index("a") < order.index("b"):
                assert c.dims == b.dims


def test_a_population_is_its_neurons_one_by_one():
    cells = ["c7", "c2", "c9"]
    rng = np.random.default_rng(3)
    over_cells = ("time", "cell")
    data = xr.Dataset(
        {
            "y": (over_cells, rng.poisson(2.0, (N, 3))),
            "x": ("time", X),
            "own": (over_cells, rng.normal(size=(N, 3))),
            "own_film": (("a", *over_cells), rng.normal(size=(2, N, 3))),
            "base": (over_cells, 0.1 * rng.normal(size=(N, 3))),
            "w": (over_cells, rng.choice([0.0, 1.0, 2.0], size=(N, 3))),
        },
        {"time": TIME, "cell": cells},
    )
    model = bg.GLM(
        "y",
        ["x", "own", bg.Lagged("own_film", lags=2), bg.History(lags=2)],
        family="poisson",
        offset="base",
        weights="w",
    )
    together = bg.fit_map(model, data)
    assert together["map"]["cell"].values.tolist() == cells
    for cell in cells:
        alone = bg.fit_map(model, data.sel(cell=cell))
        for name, values in alone["map"].data_vars.items():
            np.testing.assert_allclose(
                together["map"][name].sel(cell=cell), values, rtol=1e-6, atol=1e-8
            )
    assert together["map"]["own_film"].dims == ("cell", "own_film_lag", "a")


def test_a_response_column_is_a_population_of_one():
    found = bg.fit_map(bg.GLM("y", "x", family="poisson"), {"y": Y[:, None], "x": X})
    alone = bg.fit_map(bg.GLM("y", "x", family="poisson"), {"y": Y, "x": X})
    assert found["map"]["x"].dims == ("y_dim_0",)
    np.testing.assert_allclose(found["map"]["x"], [alone["map"]["x"]], rtol=1e-9)


class Sparse:
    """Stands for a scipy.sparse matrix, which is told by its conversions."""

    def tocsr(self):
        return self


FAULTS = {
    "list": ([1, 2], "type 'list' cannot be read; give an xarray.Dataset, a pandas DataFrame"),
    "text": ("data.csv", "type 'str' cannot be read"),
    "None": (None, "type 'NoneType' cannot be read"),
    "array": (FILM, "type 'ndarray' cannot be read"),
    "labelled array": (xr.DataArray(Y), "type 'DataArray' cannot be read"),
    "tree": (xr.DataTree.from_dict({"/a": xr.Dataset()}), "DataTree, not a Dataset; .*to_dataset"),
    "no entries": ({}, "the data are empty: no variables"),
    "no columns": (pd.DataFrame(index=range(3)), "the data are empty: no variables"),
    "no variables": (xr.Dataset(coords={"time": TIME}), "the Dataset has no variables"),
    "no rows": (pd.DataFrame({"y": []}), "the data are empty: dim 'obs' has no samples"),
    "no samples": ({"y": [], "x": []}, "the data are empty: dim 'obs'"),
    "no time": (xr.Dataset({"y": ("time", [])}), "the data are empty: dim 'time'"),
    "coordinates only": ({"time": TIME, "trial": TRIAL}, "coordinates only, no variables"),
    "lengths": ({"y": Y, "x": X[:-2]}, "differ in length: y has 12, x has 10; give each"),
    "length of a trial": ({"y": Y, "trial": [1, 2]}, "differ in length: y has 12, trial has 2"),
    "length of a film": ({"y": Y, "film": FILM[1:]}, "y has 12, film has 11"),
    "single value": ({"y": Y, "x": 2.0}, r"'x' is a single value \(2.0\); give one value per"),
    "single text": ({"y": Y, "x": "a"}, "'x' is a single value"),
    "set": ({"y": Y, "x": {1, 2}}, "'x' is a single value"),
    "ragged": ({"y": Y, "x": [[1.0], [1.0, 2.0]]}, "'x' cannot be read as an array"),
    "sparse": ({"y": Y, "x": Sparse()}, r"'x' is a sparse matrix; .* x.toarray\(\)"),
    "table of times": (
        {"y": Y, "time": TIME[:, None]},
        r"'time' has the shape \(12, 1\); give one",
    ),
    "columns of one name": (
        pd.DataFrame(FILM[:, 0, :2], columns=["y", "y"]),
        "two columns named 'y'; rename one",
    ),
    "columns of one written name": (
        pd.DataFrame(FILM[:, 0, :2], columns=[1, "1"]),
        "two columns named '1'",
    ),
    "entries of one written name": ({1: Y, "1": X}, "two entries .* same name"),
    "time twice": (
        pd.DataFrame({"y": Y, "time": TIME}, pd.Index(TIME, name="time")),
        "'time' both as a column and as a level",
    ),
    "labels that differ": (
        {
            "y": xr.DataArray(Y, dims="time", coords={"time": TIME}),
            "x": xr.DataArray(X, dims="time", coords={"time": TIME + 0.1}),
        },
        "'x' and 'y' have times of their own, which differ at 12 .* sample 0: 0.1 s against 0 s",
    ),
    "neurons that differ": (
        {
            "y": xr.DataArray(FILM[..., 0], dims=("time", "cell"), coords={"cell": [1, 2]}),
            "x": xr.DataArray(FILM[..., 1], dims=("time", "cell"), coords={"cell": [2, 1]}),
        },
        "do not fit together: .*'cell'",
    ),
    "indexes that differ": (
        {"y": pd.Series(Y), "x": pd.Series(X)[::-1]},
        "'x' and 'y' have different pandas indexes; put them into one DataFrame",
    ),
    "obs beside trials by time": (
        xr.Dataset({"y": (("trial", "time"), X.reshape(2, 6)), "x": ("obs", Z)}),
        r"\(trial, time\) are stacked to the dim 'obs', which the data have already; rename",
    ),
}


@pytest.mark.parametrize(("data", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_no_data(data, message):
    with pytest.raises(bg.DataError, match=message):
        bg.as_dataset(data)
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(bg.GLM("y", [], dispersion=1.0), data)


@pytest.mark.parametrize("bin_size", [0, -0.1, np.nan, np.inf, "a", True, [0.1]])
def test_no_bin_size(bin_size):
    with pytest.raises(bg.DataError, match="bin_size must be a positive time in seconds, got"):
        bg.as_dataset({"y": Y}, bin_size=bin_size)


def test_bins_beside_time():
    for data in (KINDS["arrays"], KINDS["trials by time"], KINDS["dataset with variables"]):
        with pytest.raises(bg.DataError, match="'time' coordinate already; leave bin_size out"):
            bg.as_dataset(data, bin_size=0.1)
    with pytest.raises(bg.DataError, match="bin_size needs a sample dim; say sample_dim="):
        bg.as_dataset(SAMPLE_DIMS["not clear"][0], bin_size=0.1)


def test_an_unknown_sample_dim():
    with pytest.raises(bg.DataError, match=r"'tme' is no dim .* are time\. Did you mean 'time'"):
        bg.as_dataset(xr.Dataset({"y": ("time", Y)}), sample_dim="tme")
    model = bg.GLM("y", [], dispersion=1.0)
    with pytest.raises(bg.DataError, match=r"not clear: 'y' has .*'a', 'b'.*as_dataset\(data, sam"):
        bg.fit_map(model, SAMPLE_DIMS["not clear"][0])
    other = xr.Dataset({"y": ("subject", Y), "x": ("time", X)})
    with pytest.raises(bg.DataError, match=r"'y' .*not the sample dim 'time'.*sample_dim=\.\.\."):
        bg.fit_map(model, other)
    assert bg.fit_map(model, bg.as_dataset(other, sample_dim="subject")).attrs["n_samples"] == N


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["y", "x", "time", "trial", 3]), ANYTHING, max_size=4)
    | ANYTHING
)
def test_anything_is_a_dataset_or_a_data_error(data):
    try:
        dataset = bg.as_dataset(data)
    except bg.DataError:
        return
    xr.testing.assert_identical(bg.as_dataset(dataset), dataset)


def packed(tmp_path, **encoding):
    """Counts over time, written with an encoding and read back with it."""
    path = tmp_path / "packed.nc"
    made = xr.Dataset({"y": ("time", np.arange(200.0) % 3), "x": ("time", np.linspace(0, 1, 200))})
    made.to_netcdf(path, engine="h5netcdf", encoding={"y": encoding})
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        return opened.load()


def grown(data, factor):
    """The data with counts of another size, their encoding kept."""
    return data.assign(y=data["y"].copy(data=factor * data["y"].values.astype(int)))


PACKED = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 0.0, "_FillValue": -1}
ENCODINGS = {
    "bytes": ({"dtype": "uint8", "_FillValue": 255}, lambda d: grown(d, 300)),
    "signed bytes": ({"dtype": "int8", "_FillValue": -1}, lambda d: grown(d, 1000)),
    "packed": (PACKED, lambda d: xr.concat([d, grown(d, 5000)], "time")),
}


@pytest.mark.parametrize(("encoding", "change"), ENCODINGS.values(), ids=ENCODINGS.keys())
@pytest.mark.parametrize("kind", [xr.Dataset, dict])
def test_what_a_file_packed_does_not_pack_what_is_made_of_it(tmp_path, encoding, change, kind):
    data = change(packed(tmp_path, **encoding))
    given = data if kind is xr.Dataset else dict(data.data_vars)
    model = bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0)
    fit = bg.fit_map(model, given)
    loaded = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    np.testing.assert_array_equal(loaded["observed_data"]["y"], data["y"])
    np.testing.assert_array_equal(loaded["constant_data"]["y"], data["y"])
    assert bg.predict(loaded)["y"].equals(bg.predict(fit)["y"])
    assert data["y"].encoding, "the user's own stays as it was"


@pytest.mark.parametrize("sample_dim", [3, ["time"], True, b"time"])
def test_no_sample_dim(sample_dim):
    with pytest.raises(bg.DataError, match="sample_dim must be the name of a dim, got"):
        bg.as_dataset({"y": Y}, sample_dim=sample_dim)


LEVELS_OF = {
    "numbers": pd.Categorical([1, 2, 3, 4] * 3),
    "ordered": pd.Categorical([1, 2, 3, 4] * 3, ordered=True),
    "halves": pd.Categorical([0.5, 1.5] * 6),
    "booleans": pd.Categorical([True, False] * 6),
    "words": pd.Categorical(["a", "b"] * 6),
    "a cut": pd.Categorical(pd.cut(np.arange(N), 3, labels=False).astype("int64")),
    "intervals": pd.cut(np.arange(N), 3),
}
HOLDERS = {
    "frame": lambda v: pd.DataFrame({"y": Y, "x": v}),
    "array": lambda v: {"y": Y, "x": v},
    "series": lambda v: {"y": Y, "x": pd.Series(v)},
    "dataset": lambda v: pd.DataFrame({"y": Y, "x": v}).to_xarray(),
}


@pytest.mark.parametrize("values", LEVELS_OF.values(), ids=LEVELS_OF.keys())
@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS.keys())
def test_categories_are_no_numbers_whatever_their_levels(hold, values):
    data = hold(values)
    with pytest.raises(bg.DataError, match=r"'x' is a categorical .*get_dummies.*Group\('x'\)"):
        bg.fit_map(bg.GLM("y", bg.Lagged("x", lags=2)), data)
    found = bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0)), data)
    written = [one if isinstance(one, (str, int)) else str(one) for one in values.categories[1:]]
    assert found["map"]["x_level"].values.tolist() == written
    with pytest.raises(bg.DataError, match="response 'x' holds labels, not numbers"):
        bg.fit_map(bg.GLM("x", []), data)


@pytest.mark.parametrize("values", LEVELS_OF.values(), ids=LEVELS_OF.keys())
def test_fits_of_any_levels_are_kept_in_files(values, tmp_path):
    data = {"y": Y, "x": values}
    found = bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0)), data)
    assert bg.load(bg.save(found, tmp_path / "fit.nc"))["map"].equals(found["map"])
    fit = bg.fit_laplace(bg.GLM("y", bg.Group("x", prior=bg.Normal(1.0)), family="poisson"), data)
    assert fit["posterior"]["x_level"].size == len(values.categories)


def test_categories_in_a_frame_of_features():
    given = {"y": Y, "x": pd.DataFrame({"a": X, "b": pd.Categorical([1, 2] * 6)})}
    with pytest.raises(bg.DataError, match="column 'b' of 'x' is a categorical variable"):
        bg.as_dataset(given)
    trials = pd.DataFrame({"y": Y, "trial": pd.Categorical([1, 2] * 6)})
    with pytest.raises(bg.DataError, match="'trial' holds text"):
        bg.fit_map(bg.GLM("y", "trial"), trials)


def test_many_columns():
    frame = pd.DataFrame(np.zeros((2, 30_000)), columns=[f"x{k}" for k in range(30_000)])
    assert len(bg.as_dataset(frame).data_vars) == 30_000

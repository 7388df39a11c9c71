"""What a fit holds comes back from a file to the last bit, whatever its labels and attributes."""

import datetime as dt
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import simulate

import bayesglm as bg

N = 6
SUFFIXES = ["nc", "zarr"]
BERLIN = pd.date_range("2020-03-28", periods=N, freq="h", tz="Europe/Berlin")


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


LABELS = {
    "time zone": objects(BERLIN),
    "periods": pd.period_range("2020-01", periods=N, freq="W-MON"),
    "intervals": pd.IntervalIndex.from_breaks(range(N + 1)),
    "dates": objects([dt.date(2020, 1, k + 1) for k in range(N)]),
    "hours": objects([dt.time(k, tzinfo=dt.UTC) for k in range(N)]),
    "mixed": objects([1, "a", 2.5, None, True, 2**70]),
    "missing": objects([pd.NA, pd.NaT, np.nan, None, "", "a"]),
    "categories": pd.Categorical(list("abcabc")),
    "tuples": objects([(k, "a") for k in range(N)]),
    "fractions": objects([Fraction(1, k + 1) for k in range(N)]),
    "seconds": np.datetime64("2020-01-01", "s") + np.arange(N),
    "far": np.datetime64("9999-01-01", "s") + np.arange(N),
    "no time": np.array(["2020-01-01", "NaT"] * 3, "M8[ns]"),
    "lapses": np.arange(N).astype("m8[ms]"),
    "bools": np.arange(N) % 2 == 0,
    "half": np.arange(N, dtype="f2") / 3,
    "single": np.arange(N, dtype="f4") / 3,
    "unsigned": np.arange(N, dtype="u8") + 2**63,
    "complex": np.arange(N) * 1j,
    "bytes": np.array([b"a\0b", b"\xff"] * 3),
    "words": np.array(["", "ü\n", "a b"] * 2),
    "with NUL": np.array(["a\0b", "c"] * 3),
    "half a pair": np.array(["\ud800", "c"] * 3),
    "objects of words": objects(["a", "bc"] * 3),
}


def fit_with(**labels):
    rng = np.random.default_rng(0)
    data = xr.Dataset({"y": ("obs", rng.poisson(2.0, N)), "x": ("obs", rng.normal(size=N))})
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    return bg.fit_map(model, data.assign_coords({k: ("obs", v) for k, v in labels.items()}))


def exactly(one, other):
    return type(one) is type(other) and (one is other or one == other or one != one)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_of_every_type_come_back(suffix, tmp_path):
    fit = fit_with(**LABELS)
    again = bg.load(bg.save(fit, tmp_path / f"fit.{suffix}"))
    for group in ("constant_data", "observed_data"):
        assert again[group].to_dataset().coords.keys() == fit[group].to_dataset().coords.keys()
        for kind in LABELS:
            before, after = (tree[group].to_dataset().coords[kind].values for tree in (fit, again))
            assert after.dtype == before.dtype
            assert all(map(exactly, after.tolist(), before.tolist())), kind
    np.testing.assert_array_equal(bg.predict(again)["y"].values, bg.predict(fit)["y"].values)


@pytest.mark.parametrize("kind", ["time zone", "intervals", "periods", "mixed", "bools"])
def test_labels_of_the_samples_come_back(kind, tmp_path):
    fit = fit_with(obs=LABELS[kind])
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    before, after = (tree["observed_data"]["obs"].values for tree in (fit, again))
    assert all(map(exactly, after.tolist(), before.tolist()))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_that_are_no_words_are_written_out(suffix, tmp_path):
    data = simulate(10).assign_coords({5: ("time", np.arange(10)), ("a", 1): ("time", ["b"] * 10)})
    fit = bg.fit_map(bg.GLM("poisson", "x", family="poisson", prior=bg.Normal(1.0)), data)
    again = bg.load(bg.save(fit, tmp_path / f"fit.{suffix}"))["constant_data"].to_dataset()
    assert set(again.coords) == {"time", "5", "('a', 1)"}


class Opaque:
    def __str__(self):
        return "something"


def test_labels_of_unknown_types_are_kept_as_their_text(tmp_path):
    fit = fit_with(label=objects([Opaque() for _ in range(N)]))
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert again["constant_data"]["label"].values.tolist() == ["something"] * N


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_are_written_as_they_are_whatever_file_they_came_from(suffix, tmp_path):
    fit = fit_with(label=np.arange(N))
    tree = fit.copy()
    data = fit["constant_data"].to_dataset()
    data["y"] = data["y"] + 300
    data["y"].encoding = {"dtype": "uint8", "scale_factor": 2.0, "_FillValue": 5}
    data["x"].encoding = {"dtype": "int8", "add_offset": 3.0}
    data["x"].attrs = {"units": "days since 2000-01-01", "scale_factor": 7.0}
    observed = fit["observed_data"].to_dataset() + 300
    observed["y"].encoding = {"dtype": "uint8"}
    tree["constant_data"], tree["observed_data"] = xr.DataTree(data), xr.DataTree(observed)
    again = bg.load(bg.save(tree, tmp_path / f"fit.{suffix}"))
    xr.testing.assert_identical(again["constant_data"].to_dataset(), data)
    xr.testing.assert_identical(again["observed_data"].to_dataset(), observed)
    assert not again["constant_data"]["y"].encoding


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_units_of_a_time_and_of_a_number_stay_words(suffix, tmp_path):
    data = simulate(20)
    data["x"].attrs["units"] = "days since 2000-01-01"
    data = data.assign_coords(time=np.datetime64("2020-01-01", "ms") + np.arange(20))
    data["time"].attrs["units"] = "ms"
    fit = bg.fit_map(bg.GLM("poisson", "x", family="poisson", prior=bg.Normal(1.0)), data)
    again = bg.load(bg.save(fit, tmp_path / f"fit.{suffix}"))["constant_data"].to_dataset()
    xr.testing.assert_identical(again, fit["constant_data"].to_dataset())
    assert again["x"].attrs["units"] == "days since 2000-01-01"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_attributes_come_back(suffix, tmp_path):
    fit = fit_with(label=np.arange(N))
    odd = {
        "seed": 2**64 - 1,
        "larger": 2**70,
        "none": None,
        "yes": True,
        "several": [1, "a", (2.5, None)],
        "_FillValue": 3,
        "coordinates": "x y",
        "n\0l": "a\0b",
        "": "\ud800",
        "day": dt.date(2020, 1, 1),
        "array": np.arange(3.0),
    }
    tree = fit.copy()
    tree.attrs = fit.attrs | odd
    again = bg.load(bg.save(tree, tmp_path / f"fit.{suffix}"))
    assert again.attrs.keys() == tree.attrs.keys()
    np.testing.assert_array_equal(again.attrs.pop("array"), tree.attrs.pop("array"))
    assert again.attrs == tree.attrs
    assert all(type(again.attrs[name]) is type(value) for name, value in tree.attrs.items())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_programs_read_the_file_and_what_they_read_can_be_saved(suffix, tmp_path):
    known = ["seconds", "no time", "lapses", "bools", "words", "single", "unsigned"]
    fit = fit_with(**{kind: LABELS[kind] for kind in LABELS if kind not in ("far", "missing")})
    path = bg.save(fit, tmp_path / f"fit.{suffix}")
    engine = {"nc": {"engine": "h5netcdf"}, "zarr": {"engine": "zarr", "consolidated": False}}
    with xr.open_datatree(path, **engine[suffix]) as tree:
        tree.load()
    for kind in known:
        values = fit["constant_data"].to_dataset()[kind].values
        np.testing.assert_array_equal(tree["constant_data"].to_dataset()[kind].values, values)
    before = bg.load(path)
    assert bg.load(bg.save(tree, path)).identical(before)


FRESH = """
import sys
import bayesglm as bg
for name in sys.argv[2:]:
    fit = bg.load(f"{sys.argv[1]}/{name}")
    for kind in ("mean", "response"):
        bg.predict(fit, kind=kind, seed=3).to_netcdf(f"{sys.argv[1]}/{name}.{kind}")
"""


@pytest.mark.slow
def test_a_fresh_process_predicts_the_same_to_the_last_bit(many, tmp_path):
    small = many.isel(time=slice(60))
    small["movie"] = small["movie"].astype(np.float32)
    rng = np.random.default_rng(2)
    small["cells"] = (("time", "neuron"), rng.poisson(1.0, (60, 2)))
    small["who"] = ("time", rng.choice(["ä", "b", "c"], 60))
    film = bg.Lagged("movie", lags=2, prior=bg.Normal(0.5))
    proper, few = bg.Normal(1.0), {"draws": 50, "chains": 2}
    x = bg.Linear("x", prior=proper)
    binomial = bg.GLM("binomial", film, family="binomial", trials="trials", weights="weights")
    nuts = bg.GLM("poisson", bg.Linear("x", prior=bg.Laplace(1.0)), family="poisson")
    cells = bg.GLM("cells", [x, bg.History(lags=2, prior=proper)], family="poisson")
    groups = bg.GLM("bernoulli", [x, bg.Group("who")], family="bernoulli")
    fits = {
        "map.nc": bg.fit_map(bg.GLM("gaussian", film, offset="offset"), small),
        "binomial.zarr": bg.fit_laplace(binomial, small, **few),
        "nuts.nc": bg.fit_mcmc(nuts, small, engine="native", draws=400),
        "cells.zarr": bg.fit_map(cells, small),
        "cells.nc": bg.fit_laplace(cells, small, **few),
        "groups.nc": bg.fit(groups, small, draws=100),
    }
    for name, fit in fits.items():
        bg.save(fit, tmp_path / name)
    subprocess.run([sys.executable, "-c", FRESH, str(tmp_path), *fits], check=True)
    for name, fit in fits.items():
        for kind in ("mean", "response"):
            with xr.open_dataset(tmp_path / f"{name}.{kind}", engine="h5netcdf") as there:
                here = bg.predict(fit, kind=kind, seed=3)
                response = next(iter(here.data_vars))
                np.testing.assert_array_equal(there[response].values, here[response].values)
    kept = bg.load(tmp_path / "map.nc")["constant_data"]["movie"]
    assert kept.dtype == np.float32

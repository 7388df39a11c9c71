"""A file that was damaged, cut, changed or forged is refused, or is the tree that was saved."""

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from fuzz.files import CHANGES, mutated_files

RNG = np.random.default_rng(0)
DATA = {
    "y": RNG.poisson(2.0, 30),
    "x": RNG.normal(size=30),
    "g": RNG.choice(["ä", "b"], 30),
    "time": np.arange(30) * 0.1,
}


@pytest.fixture(scope="module")
def fits():
    model = bg.GLM("y", bg.Lagged("x", lags=2, prior=bg.Normal(1.0)), family="poisson")
    groups = bg.GLM("y", ["x", bg.Group("g")], family="poisson")
    return {
        "map": bg.fit_map(model, DATA),
        "posterior": bg.fit(groups, DATA, draws=100),
        "path": bg.prior_path(bg.GLM("y", "x", prior=bg.ridge(1.0)), DATA, [0.1, 1.0]),
        "tuning": bg.tune_prior(
            bg.GLM("y", "x", dispersion=1.0, prior=bg.ridge(1.0)), DATA, scales=[0.1, 1.0, 3.0]
        ).curve,
    }


@pytest.mark.slow
def test_every_mutation_of_a_file_gives_the_tree_or_a_data_error():
    rows = [row for kind in CHANGES for row in mutated_files(kind, len(CHANGES[kind]), seed=1)]
    assert [row for row in rows if not row.good] == []
    assert {row.mutation for row in rows} == {name for every in CHANGES.values() for name in every}
    assert any(row.outcome == "tree" for row in rows)


def without(tree, group, name=None):
    """Return a fit that lacks a group, or a variable of one."""
    nodes = {key: node.to_dataset() for key, node in tree.children.items()}
    if name is None:
        del nodes[group]
    else:
        nodes[group] = nodes[group].drop_vars(name)
    return with_groups(tree, nodes)


def with_groups(tree, nodes):
    made = xr.DataTree.from_dict(nodes)
    made.attrs = dict(tree.attrs)
    return made


def changed(tree, group, change):
    nodes = {key: node.to_dataset() for key, node in tree.children.items()}
    nodes[group] = change(nodes[group])
    return with_groups(tree, nodes)


def set_first(name, value):
    def change(dataset):
        values = dataset[name].values.astype(float)
        values.flat[0] = value
        return dataset.assign({name: (dataset[name].dims, values)})

    return change


FAULTS = {
    "no data": ("map", lambda t: without(t, "constant_data"), "lacks the group 'constant_data'"),
    "no response": ("map", lambda t: without(t, "observed_data"), "lacks the group 'observed_"),
    "no parameters": ("map", lambda t: without(t, "map"), "holds no parameters"),
    "no predictor": ("map", lambda t: without(t, "constant_data", "x"), "'x' is not in the data"),
    "no statistics": ("path", lambda t: without(t, "statistics"), "lacks the group 'statistics'"),
    "no scale": ("posterior", lambda t: without(t, "posterior", "g_scale"), "lacks the variable"),
    "no draws": ("posterior", lambda t: without(t, "sample_stats"), "lacks the group 'sample_"),
    "other samples": ("map", lambda t: t.isel(obs=slice(9)), "n_samples=30, but its data"),
    "other labels": (
        "posterior",
        lambda t: changed(t, "posterior", lambda d: d.assign_coords(g_level=["a", "b"])),
        "labels of dim 'g_level' of the parameter 'g'",
    ),
    "another shape": (
        "map",
        lambda t: changed(t, "map", lambda d: d.isel(x_lag=slice(1))),
        "labels of dim 'x_lag' of the parameter 'x'",
    ),
    "another dim": (
        "map",
        lambda t: changed(t, "map", lambda d: d.rename(x_lag="lag")),
        r"over \('lag',\), not numbers over \('x_lag',\)",
    ),
    "missing": ("map", lambda t: changed(t, "map", set_first("x", np.nan)), "missing"),
    "infinite": ("posterior", lambda t: changed(t, "posterior", set_first("x", np.inf)), "infin"),
    "part of a draw": (
        "posterior",
        lambda t: changed(t, "posterior", set_first("x", np.nan)),
        "mi",
    ),
    "another response": (
        "map",
        lambda t: changed(t, "observed_data", set_first("y", 17.0)),
        "differs between 'observed_data' and 'constant_data'",
    ),
    "a number among the draws": (
        "posterior",
        lambda t: changed(t, "posterior", lambda d: d.assign(extra=("part", [1.0, 2.0]))),
        "'extra' of the group 'posterior' does not lie along chain, draw; keep it in a group",
    ),
    "other labels of the samples": (
        "map",
        lambda t: changed(t, "observed_data", lambda d: d.assign_coords(obs=d["obs"].values[::-1])),
        "labels 'obs' of the group 'observed_data' are not",
    ),
    "other labels of pointwise values": (
        "posterior",
        lambda t: changed(t, "log_likelihood", lambda d: d.assign_coords(obs=d["obs"] + 1)),
        "labels 'obs' of the group 'log_likelihood' are not",
    ),
    "no chosen scale": (
        "tuning",
        lambda t: changed(t, "x", lambda d: d.assign_attrs(chosen=7.0)),
        "does not say which of its scales was chosen",
    ),
    "no such term": ("tuning", lambda t: with_groups(t, {"z": t["x"].to_dataset()}), "no term of"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_tree_that_is_no_longer_a_fit_is_not_saved(fits, fault, tmp_path):
    kind, change, message = FAULTS[fault]
    with pytest.raises(bg.DataError, match=message):
        bg.save(change(fits[kind]), tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"schema": 3}, "its schema is 3, and this version of bayesglm knows 1 and 2 only"),
        ({"model": "{}"}, "unknown type None"),
        ({"model": 3}, "not valid JSON"),
        ({"model": "[" * 900}, "not valid JSON"),
        ({"n_samples": "many"}, "lacks the attribute 'n_samples'"),
        ({"sample_dim": "t"}, "lacks the dim 't'"),
    ],
)
def test_attributes_that_no_fit_has_are_not_saved(fits, attrs, message, tmp_path):
    tree = fits["map"].copy()
    tree.attrs = tree.attrs | attrs
    with pytest.raises(bg.DataError, match=message):
        bg.save(tree, tmp_path / "fit.nc")


@pytest.mark.parametrize("kind", ["map", "posterior", "path", "tuning"])
def test_every_kind_of_tree_comes_back(fits, kind, tmp_path):
    for suffix in ("nc", "zarr"):
        again = bg.load(bg.save(fits[kind], tmp_path / f"fit.{suffix}"))
        assert again.attrs == fits[kind].attrs
        assert again.children.keys() == fits[kind].children.keys()
        for name in again.children:
            one, other = again[name].to_dataset(), fits[kind][name].to_dataset()
            xr.testing.assert_identical(one, other)


def test_draws_that_are_missing_as_a_whole_are_saved(fits, tmp_path):
    def lose(dataset):
        return dataset.where(dataset["draw"] < 90)

    tree = changed(fits["posterior"], "posterior", lose)
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    xr.testing.assert_identical(again["posterior"].to_dataset(), tree["posterior"].to_dataset())


def test_a_file_that_another_program_wrote_says_how_to_save_it_anew(fits, tmp_path):
    path = tmp_path / "fit.nc"
    fits["map"].to_netcdf(path, engine="h5netcdf")
    with pytest.raises(bg.DataError, match=r"bg\.save\(xarray\.open_datatree\(path\), path\)"):
        bg.load(path)
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        tree.load()
    bg.save(tree, path)
    assert bg.predict(bg.load(path)).equals(bg.predict(fits["map"]))
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 2
    with pytest.raises(bg.DataError, match="it does not end in a checksum"):
        bg.load(path)


def test_a_store_without_one_of_its_files_is_refused(fits, tmp_path):
    store = bg.save(fits["map"], tmp_path / "fit.zarr")
    chunk = store / "constant_data" / "x" / "c" / "0"
    content = chunk.read_bytes()
    chunk.unlink()
    with pytest.raises(bg.DataError, match=r"it has .* files, and had .* when saved"):
        bg.load(store)
    chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(bg.DataError, match="it was damaged or changed after it was saved"):
        bg.load(store)
    chunk.write_bytes(content)
    moved = shutil.move(store, tmp_path / "moved")
    assert bg.load(moved).identical(bg.load(bg.save(fits["map"], tmp_path / "fit.nc")))


def test_verbs_of_fits_refuse_paths_and_tunings(fits):
    lacks = {"path": "neither a posterior nor a MAP", "tuning": "which every fit holds"}
    for kind, message in lacks.items():
        for verb in (bg.predict, bg.kernels):
            with pytest.raises(bg.DataError, match=message):
                verb(fits[kind])

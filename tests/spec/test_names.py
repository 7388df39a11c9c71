"""Names that no fit can bear are refused before anything is fitted."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.spec.names import LONGEST_NAME

BAD = {
    "nul": ("a\x00b", "cannot hold control characters"),
    "tab": ("a\tb", "cannot hold control characters"),
    "delete": ("a\x7f", "cannot hold control characters"),
    "here": (".", "files keep the name"),
    "above": ("..", "files keep the name"),
    "store": ("zarr.json", "files keep the name"),
    "surrogate": ("a\ud800", "half of a surrogate pair"),
    "backslash": ("a\\b", r"cannot hold '\\\\'"),
    "slash": ("a/b", "cannot hold '/'"),
    "long": ("a" * (LONGEST_NAME + 1), "longer than 240 bytes"),
    "long in bytes": ("é" * 121, "longer than 240 bytes"),
}


@pytest.mark.parametrize(("name", "message"), BAD.values(), ids=BAD.keys())
def test_no_name(name, message):
    models = (
        lambda: bg.GLM(name, "x"),
        lambda: bg.GLM("y", name),
        lambda: bg.GLM("y", bg.Linear("x", name=name)),
        lambda: bg.GLM("y", bg.Linear(("x", name), name="both")),
        lambda: bg.GLM("y", "x", offset=name),
        lambda: bg.GLM("y", bg.Group("g", slopes=(name,))),
    )
    for model in models:
        with pytest.raises(bg.ModelError, match=message) as caught:
            model()
        assert len(str(caught.value)) < 250
    y = np.arange(3.0)
    for data in (
        xr.Dataset({"y": ("obs", y), "x": (("obs", name), np.ones((3, 2)))}),
        xr.Dataset({"y": ("obs", y), "x": ("obs", y)}, {name: ("obs", y)}),
    ):
        with pytest.raises(bg.ModelError, match=message):
            bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0), data)


@pytest.mark.parametrize("name", ["x²", "a b", ".a", "1", "$x^{$", "a.b", "a:b", "名前", "a" * 240])
def test_names_that_files_and_pymc_take(name, tmp_path):
    data = {"y": [0.1, 0.7, 0.3, 0.4], name: [0.1, 0.2, -0.3, 0.5]}
    model = bg.GLM("y", name, prior=bg.Normal(1.0), dispersion=1.0)
    fit = bg.fit_map(model, data)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert list(again["map"].data_vars) == list(fit["map"].data_vars)
    assert name in {variable.name for variable in bg.to_pymc(model, data).free_RVs}


def test_an_index_of_such_a_name_labels_the_samples_all_the_same():
    import pandas as pd

    frame = pd.DataFrame(
        {"y": [0.1, 0.7, 0.3], "x": [1.0, 2.0, 4.0]}, pd.Index([*"abc"], name="a/b")
    )
    fit = bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0), frame)
    assert bg.predict(fit)["obs"].values.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("odd", ["a\x00b", "a\x00"])
def test_labels_that_no_file_holds(odd, tmp_path):
    words = np.array(["a", odd, "c"], dtype=object)
    variables = {"y": ("obs", [0.1, 0.7, 0.3]), "x": ("obs", [1.0, 2.0, 4.0]), "g": ("obs", words)}
    data = xr.Dataset(variables, {"id": ("obs", words)})
    fit = bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0), data)
    loaded = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert bg.predict(loaded)["y"].equals(bg.predict(fit)["y"])
    assert len(set(bg.predict(loaded)["id"].values.tolist())) == 3
    with pytest.raises(
        bg.DataError, match=r"factor 'g' has 1 labels that no file .* at obs=1; ren"
    ):
        bg.fit_map(bg.GLM("y", bg.Group("g", prior=bg.Normal(1.0)), dispersion=1.0), data)


def test_many_terms_and_many_columns():
    names = [f"x{k}" for k in range(20_000)]
    assert len(bg.GLM("y", names).variables) == 20_001
    with pytest.raises(bg.ModelError, match="two terms are named 'x7'"):
        bg.GLM("y", [*names, "x7"])

"""The shell: what it prints, what it saves, and how it complains."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.cli import main


@pytest.fixture
def csv(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=200), "y": rng.poisson(np.exp(0.5 * x))})
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    return path


def shell(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bayesglm.cli", *arguments], capture_output=True, text=True
    )


def test_help_imports_nothing_heavy():
    code = (
        "import sys, bayesglm.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "heavy = {'numpy', 'xarray', 'pymc', 'pandas', 'rich', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"bayesglm {bg.__version__}\n"


def test_fit_saves_what_it_prints(csv, tmp_path, capsys):
    out = tmp_path / "fit.nc"
    arguments = ["fit", str(csv), "--response", "y", "--linear", "x,z", "--family", "poisson"]
    assert main([*arguments, "--ridge", "1.0", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    fitted = bg.load(out)
    expected = bg.fit(
        bg.GLM("y", ["x", "z"], family="poisson", prior=bg.ridge(1.0)), pd.read_csv(csv)
    )
    np.testing.assert_array_equal(fitted["posterior"]["x"], expected["posterior"]["x"])
    assert "ridge(1) = 1/2" in printed
    assert f"{float(expected['posterior']['x'].mean()):.4g}" in printed
    assert str(out) in printed


def test_fit_reads_a_model_and_netcdf(csv, tmp_path, capsys):
    data = bg.as_dataset(pd.read_csv(csv), bin_size=0.1)
    data.to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
    model = bg.GLM("y", [bg.Lagged("x", window=0.3), bg.History(lags=2)], family="poisson")
    (tmp_path / "model.json").write_text(model.to_json())
    out = tmp_path / "fit.nc"
    files = [str(tmp_path / "data.nc"), "--model", str(tmp_path / "model.json")]
    assert main(["fit", *files, "--map", "--out", str(out)]) == 0
    expected = bg.fit_map(model, data)
    np.testing.assert_allclose(bg.load(out)["map"]["x"], expected["map"]["x"])
    assert "2 without a full past left out" in capsys.readouterr().out


def test_fit_says_lags_and_lasso(csv, capsys):
    options = ["--lagged", "x:3", "--history", "2", "--family", "poisson", "--lasso", "2", "--map"]
    assert main(["fit", str(csv), "--response", "y", *options]) == 0
    printed = capsys.readouterr().out
    assert "x[k=0..2]" in printed
    assert "lasso(2)" in printed


FAULTS = {
    "no such file": ["fit", "nowhere.csv", "--response", "y"],
    "no response": ["fit", "DATA"],
    "misspelt": ["fit", "DATA", "--response", "y", "--linear", "zz", "--map"],
    "bad family": ["fit", "DATA", "--response", "y", "--family", "poison"],
    "bad link": ["fit", "DATA", "--response", "y", "--family", "poisson", "--link", "logit"],
    "negative penalty": ["fit", "DATA", "--response", "y", "--linear", "x", "--ridge", "-1"],
    "two penalties": ["fit", "DATA", "--response", "y", "--ridge", "1", "--lasso", "1"],
    "bad lags": ["fit", "DATA", "--response", "y", "--lagged", "x"],
    "draws": ["fit", "DATA", "--response", "y", "--linear", "x", "--draws", "0"],
    "no folder": ["fit", "DATA", "--response", "y", "--linear", "x", "--out", "nowhere/fit.nc"],
    "no model": ["fit", "DATA", "--model", "nowhere.json"],
    "model and more": ["fit", "DATA", "--model", "m.json", "--response", "y"],
    "unknown format": ["fit", __file__, "--response", "y"],
    "unknown option": ["fit", "DATA", "--nonsense"],
    "unknown command": ["nonsense"],
    "demo folder": ["demo", "--out", "nowhere/report.html"],
}


@pytest.mark.parametrize("arguments", FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_one_line_and_status_two(arguments, csv, capsys):
    arguments = [str(csv) if word == "DATA" else word for word in arguments]
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = leaving.code
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("bayesglm")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_bad_json_and_bad_csv(csv, tmp_path, capsys):
    (tmp_path / "m.json").write_text("{")
    assert main(["fit", str(csv), "--model", str(tmp_path / "m.json")]) == 2
    assert "not valid JSON" in capsys.readouterr().err
    (tmp_path / "empty.csv").write_text("")
    assert main(["fit", str(tmp_path / "empty.csv"), "--response", "y"]) == 2
    assert "cannot be read as CSV" in capsys.readouterr().err


def test_a_fault_in_a_real_shell(csv):
    done = shell("fit", str(csv), "--response", "yy", "--linear", "x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Did you mean 'y'?" in done.stderr

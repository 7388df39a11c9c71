"""The shell: what it prints, what it saves, and how it complains."""

import dataclasses
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.cli.saying import say_fault
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES


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
        [sys.executable, "-m", "bayesglm", *arguments], capture_output=True, text=True
    )


LIGHT = {
    "help": (["--help"], 0),
    "a missing fit": (["summary", "nowhere.nc"], 2),
    "missing data": (["fit", "nowhere.csv", "--response", "y"], 2),
    "a missing model": (["fit", __file__, "--model", "nowhere.json"], 2),
}


@pytest.mark.parametrize(("arguments", "status"), LIGHT.values(), ids=LIGHT.keys())
def test_what_needs_nothing_heavy_imports_nothing_heavy(arguments, status):
    code = (
        "import sys, bayesglm.cli as c\n"
        "try: status = c.main(sys.argv[1:])\n"
        "except SystemExit as e: status = e.code\n"
        "heavy = {'numpy', 'xarray', 'pymc', 'pandas', 'rich', 'scipy'} & set(sys.modules)\n"
        "print(status, *heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(status), done.stderr
    assert "demo" in done.stdout or "'nowhere." in done.stderr or "nowhere.json:" in done.stderr


def test_a_saved_fit_is_read_without_what_fits_it():
    code = (
        "import sys, bayesglm.results.storage, bayesglm.inference.tree.summary\n"
        "fitting = {'bayesglm.inference.fit', 'bayesglm.inference.mcmc', 'scipy.stats'}\n"
        "assert not fitting & set(sys.modules), fitting & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"bayesglm {bg.__version__}\n"


def test_help_of_fit_names_every_family_and_link_and_the_defaults(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["fit", "--help"])
    assert leaving.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    defaults = {field.name: field.default for field in dataclasses.fields(bg.GLM)}
    assert f"{', '.join(FAMILY_NAMES)} ({defaults['family']})" in words
    assert ", ".join(LINK_NAMES) in words


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


def test_a_formula_says_response_and_terms(csv, capsys):
    options = ["--family", "poisson", "--ridge", "1.0", "--map"]
    assert main(["fit", str(csv), "--formula", "y ~ x + z - 1", *options]) == 0
    printed = capsys.readouterr().out
    model = bg.formula("y ~ x + z - 1", "poisson", prior=bg.ridge(1.0))
    assert "eta[i] = x·x[i] + z·z[i]" in printed
    best = bg.fit_map(model, pd.read_csv(csv))
    assert f"{float(best['map']['x']):.4g}" in printed


def test_labels_and_what_was_not_seen_are_said_by_options(tmp_path, capsys):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=80)})
    frame["answer"] = np.array(["no", "maybe", "yes"])[rng.integers(0, 3, 80)]
    frame["days"], frame["seen"] = rng.weibull(1.5, 80) + 0.1, rng.choice(["none", "right"], 80)
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    answers = ["--response", "answer", "--levels", "no, maybe, yes", "--linear", "x", "--map"]
    assert main(["fit", str(path), *answers, "--family", "ordinal"]) == 0
    assert "no < maybe < yes" in capsys.readouterr().out
    assert main(["fit", str(path), *answers, "--family", "categorical", "--reference", "yes"]) == 0
    printed = capsys.readouterr().out
    model = bg.GLM("answer", "x", "categorical", levels=["no", "maybe", "yes"], reference="yes")
    assert str(bg.summary(bg.fit_map(model, frame)).index[0]) in printed
    times = ["--response", "days", "--family", "weibull", "--censored", "seen", "--linear", "x"]
    assert main(["fit", str(path), *times, "--truncated", "0.05,", "--map"]) == 0
    printed = capsys.readouterr().out
    model = bg.GLM("days", "x", "weibull", censored="seen", truncated=(0.05, None))
    assert f"{float(bg.fit_map(model, frame)['map']['alpha']):.4g}" in printed


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
    "formula and more": ["fit", "DATA", "--formula", "y ~ x", "--linear", "z"],
    "model and formula": ["fit", "DATA", "--model", "m.json", "--formula", "y ~ x"],
    "no formula": ["fit", "DATA", "--formula", "y ~ x +"],
    "levels of numbers": ["fit", "DATA", "--response", "y", "--levels", "a,b"],
    "three ends": ["fit", "DATA", "--response", "y", "--truncated", "0,1,2"],
    "no status": ["fit", "DATA", "--response", "y", "--censored", ","],
    "model and more": ["fit", "DATA", "--model", "m.json", "--response", "y"],
    "unknown format": ["fit", __file__, "--response", "y"],
    "format of a folder": ["fit", "FOLDER", "--response", "y"],
    "a superscript": ["fit", "DATA", "--response", "y", "--lagged", "x:²"],
    "a negative lag": ["fit", "DATA", "--response", "y", "--lagged", "x:-2"],
    "a lag of 5,000 digits": ["fit", "DATA", "--response", "y", "--lagged", "x:" + 5000 * "9"],
    "a history of 5,000 digits": ["fit", "DATA", "--response", "y", "--history", 5000 * "9"],
    "too many lags": ["fit", "DATA", "--response", "y", "--lagged", "x:99999999"],
    "a million million draws": ["fit", "DATA", "--response", "y", "--draws", "1000000000000"],
    "a milliard chains": ["fit", "DATA", "--response", "y", "--chains", "1000000000"],
    "draws beyond words": ["fit", "DATA", "--response", "y", "--draws", 40 * "9"],
    "negative seed": ["fit", "DATA", "--response", "y", "--seed", "-1"],
    "huge seed": ["fit", "DATA", "--response", "y", "--seed", 40 * "9"],
    "seed of words": ["fit", "DATA", "--response", "y", "--seed", "one"],
    "penalty of none": ["fit", "DATA", "--response", "y", "--ridge", "nan"],
    "tiny penalty": ["fit", "DATA", "--response", "y", "--linear", "x", "--lasso", "1e-320"],
    "group of nothing": ["fit", "DATA", "--response", "y", "--group", ":x"],
    "exposure off log links": ["fit", "DATA", "--response", "y", "--exposure", "x"],
    "exposure below 0": [
        *("fit", "DATA", "--response", "y", "--family", "poisson", "--exposure", "x"),
    ],
    "out of another format": ["fit", "DATA", "--response", "y", "--out", "fit.pkl"],
    "out is a folder": ["fit", "DATA", "--response", "y", "--out", "FOLDER"],
    "sep of netCDF": ["fit", "FOLDER/bad.nc", "--response", "y", "--sep", ";"],
    "no netCDF": ["fit", "FOLDER/bad.nc", "--response", "y"],
    "no model of text": ["fit", "DATA", "--model", "FOLDER/latin.json"],
    "a model of brackets": ["fit", "DATA", "--model", "FOLDER/deep.json"],
    "a model of objects": ["fit", "DATA", "--model", "FOLDER/nested.json"],
    "a model that is a folder": ["fit", "DATA", "--model", "FOLDER"],
    "unknown coords": ["fit", "DATA", "--response", "y", "--coords", "garage"],
    "unknown encoding": ["fit", "DATA", "--response", "y", "--encoding", "utf-99"],
    "wrong separator": ["fit", "DATA", "--response", "y", "--sep", ";"],
    "lone surrogate": ["fit", "DATA", "--response", "y\udce9"],
    "demo into a folder": ["demo", "--out", "FOLDER"],
    "unknown option": ["fit", "DATA", "--nonsense"],
    "unknown command": ["nonsense"],
    "demo folder": ["demo", "--out", "nowhere/report.html"],
}


@pytest.mark.parametrize("arguments", FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_one_line_and_status_two(arguments, csv, capsys):
    folder = csv.parent / "folder.nc"
    folder.mkdir()
    (folder / "bad.nc").write_bytes(b"CDF\x01 and nothing more")
    (folder / "latin.json").write_bytes('{"type": "GLM", "response": "\u00e9"}'.encode("latin-1"))
    (folder / "deep.json").write_text(5000 * "[" + 5000 * "]")
    (folder / "nested.json").write_text(900 * '{"type": "GLM", "response": ' + "1" + 900 * "}")
    arguments = [
        str(csv) if word == "DATA" else word.replace("FOLDER", str(folder)) for word in arguments
    ]
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


def test_what_csv_is_made_of_is_said_by_options(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=90), "km": rng.uniform(10.0, 900.0, 90)})
    frame["y"] = rng.poisson(0.01 * frame["km"] * np.exp(0.3 * frame["x"]))
    frame["straße"] = rng.choice(["nord", "süd"], 90)
    path, out = tmp_path / "data.csv.gz", tmp_path / "fit.nc"
    frame.to_csv(path, sep=";", decimal=",", encoding="cp1252", index=False)
    model = ["--response", "y", "--linear", "x", "--exposure", "km", "--family", "poisson"]
    dialect = ["--sep", ";", "--decimal", ",", "--encoding", "cp1252", "--coords", "straße"]
    assert main(["fit", str(path), *model, *dialect, "--map", "--out", str(out)]) == 0
    assert "log(km)" in capsys.readouterr().out
    expected = bg.fit_map(bg.GLM("y", "x", family="poisson", exposure="km"), frame)
    np.testing.assert_array_equal(bg.load(out)["map"]["x"], expected["map"]["x"])
    assert bg.load(out)["constant_data"]["straße"].values.tolist() == frame["straße"].tolist()


def test_a_cell_that_is_no_number_is_named(tmp_path, capsys):
    (tmp_path / "data.csv").write_text("y,x,g\n1,0.5,-\n2,-,b\n3,7,b\n")
    model = ["--response", "y", "--linear", "x", "--group", "g", "--map"]
    assert main(["fit", str(tmp_path / "data.csv"), *model]) == 2
    assert "line 3: column 'x' holds '-', which is no number" in capsys.readouterr().err


def test_warnings_are_one_line(csv, capsys):
    frame = pd.read_csv(csv).assign(hours=lambda data: np.arange(len(data)) % 24 + 1)
    frame.to_csv(csv, index=False)
    model = ["--response", "y", "--linear", "x", "--family", "poisson", "--offset", "hours"]
    assert main(["fit", str(csv), *model, "--map"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("bayesglm: note: offset 'hours' goes from 1 to 24")
    assert told.count("\n") == 1


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_with_130(tmp_path):
    command = [sys.executable, "-u", "-m", "bayesglm", "demo", "--out", tmp_path / "page.html"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "posterior" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, told = running.communicate()
    assert (running.returncode, told) == (130, "bayesglm: interrupted\n")
    assert not (tmp_path / "page.html").exists()


PROGRAM_FAULTS = {
    "memory": (MemoryError(), "out of memory"),
    "memory of numpy": (MemoryError("Unable to allocate 30 GiB"), "30 GiB.*fewer --draws"),
    "several lines": (AttributeError("no\nsuch"), "to be reported: AttributeError: no such"),
    "no exception": (BaseException("panic"), "to be reported: BaseException: panic"),
}


@pytest.mark.parametrize(("fault", "told"), PROGRAM_FAULTS.values(), ids=PROGRAM_FAULTS.keys())
def test_faults_of_the_program_are_one_line(capsys, fault, told):
    assert say_fault(fault) == 1
    assert re.fullmatch(f"bayesglm: .*{told}.*\n", capsys.readouterr().err)


HARD_SHELLS = {
    "a reader that goes away": ("| true", 0),
    "nobody to listen": (">&- 2>&-", 0),
    "a full disk": ("> /dev/full", 2),
}


@pytest.mark.parametrize(("end", "status"), HARD_SHELLS.values(), ids=HARD_SHELLS.keys())
def test_shells_that_take_no_output(csv, tmp_path, end, status):
    out = tmp_path / "fit.nc"
    command = f'"$1" -m bayesglm fit "$2" --response y --linear x --map --out "$3" {end}'
    done = subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, str(csv), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.stderr.count("\n") <= 1
    assert "x" in bg.load(out)["map"], "what was computed is saved first"

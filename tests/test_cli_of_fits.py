"""The shell's commands on saved fits: what they print is what the verbs return."""

import json
import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.cli.reading import names_of
from bayesglm.cli.saying import warnings_on_lines
from bayesglm.errors import tell


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fits a.nc, b/a.nc and c.nc of the same data, m.nc of the MAP alone, and what is no fit."""
    folder = tmp_path_factory.mktemp("fits")
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=80), "y": rng.poisson(np.exp(x))})
    frame["time"], frame["trial"] = 0.1 * np.arange(80), np.arange(80) // 10
    models = {"a": ["x"], "b/a": ["x", "z"], "c": []}
    (folder / "b").mkdir()
    for name, terms in models.items():
        model = bg.GLM("y", terms, family="poisson", prior=bg.ridge(1.0))
        bg.save(bg.fit(model, frame, draws=200), folder / f"{name}.nc")
    bg.save(bg.fit_map(bg.GLM("y", "x", family="poisson"), frame), folder / "m.nc")
    other = frame.assign(y=frame["y"] + 1)
    bg.save(bg.fit(bg.GLM("y", [], family="poisson"), other, draws=200), folder / "other.nc")
    whole = (folder / "a.nc").read_bytes()
    (folder / "damaged.nc").write_bytes(whole[:3000] + b"x" + whole[3001:])
    (folder / "short.nc").write_bytes(whole[:3000])
    (folder / "foreign.nc").write_text("no fit at all")
    bg.as_dataset(frame).to_netcdf(folder / "data.nc", engine="h5netcdf")
    (folder / "link.nc").symlink_to(folder / "a.nc")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command in the folder of the fits; returns its status and what it wrote."""
    monkeypatch.chdir(folder)

    def run(*arguments):
        try:
            status = main(list(arguments))
        except SystemExit as leaving:
            status = leaving.code
        return status, *capsys.readouterr()

    return run


def as_json(text):
    """Read strict JSON: NaN and Infinity are none of it."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def assert_same(written, table):
    """Hold the rows of JSON to a DataFrame, exactly."""
    rows = table.reset_index(names=table.index.name or "model").to_dict("records")
    assert len(written) == len(rows)
    for row, expected in zip(written, rows, strict=True):
        assert list(row) == [str(name) for name in expected]
        for value, wanted in zip(row.values(), expected.values(), strict=True):
            assert value == wanted or (value is None and not np.isfinite(wanted))


TABLES = {
    "summary": (["summary", "a.nc"], lambda fits: bg.summary(fits["a"])),
    "ratios": (
        ["summary", "a.nc", "--exponentiate", "--level", "0.8"],
        lambda fits: bg.summary(fits["a"], exponentiate=True, level=0.8),
    ),
    "summary of a MAP": (["summary", "m.nc"], lambda fits: bg.summary(fits["m"])),
    "compare": (
        ["compare", "a.nc", "c.nc"],
        lambda fits: bg.compare({name: bg.score(fits[name]) for name in "ac"}),
    ),
}


@pytest.mark.parametrize(("arguments", "table_of"), TABLES.values(), ids=TABLES.keys())
def test_json_and_csv_hold_the_table_in_full(run, folder, arguments, table_of):
    table = table_of({name: bg.load(folder / f"{name}.nc") for name in "acm"})
    status, written, told = run(*arguments, "--json")
    assert (status, told) == (0, "")
    assert_same(as_json(written)["table"], table)
    status, written, told = run(*arguments, "--csv")
    assert (status, told) == (0, "")
    again = pd.read_csv(StringIO(written), index_col=0)
    numbers = table.select_dtypes("number")
    np.testing.assert_array_equal(again[list(numbers)], numbers)
    status, written, told = run(*arguments)
    assert (status, told) == (0, "")
    for label in table.index:
        assert f"\n  {label} " in written
    assert "nan" not in written
    assert max(map(len, written.splitlines())) > 40


def test_a_table_is_no_wider_than_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    _, written, _ = run("compare", "a.nc", "c.nc")
    table = written[: written.index("\n'a' ")].splitlines()
    assert max(map(len, table)) <= 70
    assert [sum(f" {word} " in line for line in table) for word in ("elpd", "a")] == [1, 3]
    monkeypatch.setenv("COLUMNS", "5")
    assert len(run("compare", "a.nc", "c.nc")[1]) > len(written)


def test_names_come_from_files_or_are_given(run):
    models = [
        sorted(row["model"] for row in as_json(run(*words, "--json")[1])["table"])
        for words in (
            ("compare", "a.nc", "b/a.nc", "c.nc"),
            ("compare", "a.nc", "c.nc", "--names", "one, two"),
        )
    ]
    assert models[0][0] == "b/a"
    assert models[0][1] == "c"
    assert models[0][2].endswith("/a")
    assert models[1] == ["one", "two"]


def test_names_of_files_tell_them_apart():
    assert names_of(["x/a.nc", "y/a.nc", "b.nc"]) == ["x/a", "y/a", "b"]
    assert names_of(["a.nc", "a.zarr"]) == ["a.nc", "a.zarr"]
    many = [f"{one}/{two}/fit.nc" for one in "ab" for two in "ab"]
    assert len(set(names_of(many))) == len(many)


@pytest.mark.parametrize("question", [("--by", "time"), ("--new", "group", "--by", "trial")])
def test_scores_are_those_of_the_comparison(run, question):
    scores = {
        name: as_json(run("score", f"{name}.nc", *question, "--json")[1])["table"][0]
        for name in "ac"
    }
    compared = as_json(run("compare", "a.nc", "c.nc", *question, "--json")[1])["table"]
    assert [row["model"] for row in compared] == ["a", "c"]
    for row in compared:
        assert row["elpd"] == scores[row["model"]]["elpd"]
    assert scores["a"]["elpd"] - scores["c"]["elpd"] > 5.0


def test_check_tells_the_numbers_of_check(run, folder):
    told = bg.check(bg.load(folder / "a.nc"), draws=50)
    status, written, complaints = run("check", "a.nc", "--draws", "50", "--json")
    assert (status, complaints) == (0, "")
    document = as_json(written)
    rows = {(row["check"], row["quantity"], row["of"]): row for row in document["table"]}
    explained = rows["scores", "deviance_explained", ""]
    for end, name in (("value", ""), ("lower", "_lower"), ("upper", "_upper")):
        assert explained[end] == float(told["scores"][f"deviance_explained{name}"])
    assert rows["terms", "edf", "x"]["value"] == float(told["terms"]["edf"].sel(term="x"))
    bins = told["calibration"]
    outside = (bins["observed"] < bins["lower"]) | (bins["observed"] > bins["upper"])
    assert rows["calibration", "share_outside", ""]["value"] == float(outside.mean())
    assert document["notes"]["draws"] == 50
    in_words = run("check", "a.nc", "--draws", "50")[1]
    for _, quantity, _ in rows:
        assert f"\n{quantity}: " in in_words
    assert rows["terms", "separated", "x"]["value"] == 0.0
    assert re.search(r"separated +x +no *\n", in_words)
    of_map = run("check", "m.nc")[1]
    assert "deviance_explained" in of_map
    assert "nan" not in of_map


def test_units_of_a_population_have_rows_of_their_own(tmp_path, capsys):
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    counts = {"y": (("obs", "unit"), rng.poisson(np.exp(np.outer(x, [0.5, -0.5]))))}
    data = bg.as_dataset({"x": x}).assign(counts).assign_coords(unit=["up", "down"])
    model = bg.GLM("y", "x", family="poisson", prior=bg.ridge(1.0))
    bg.save(bg.fit_map(model, data), tmp_path / "two.nc")
    assert main(["check", str(tmp_path / "two.nc"), "--json"]) == 0
    rows = as_json(capsys.readouterr().out)["table"]
    of = [row["of"] for row in rows if row["quantity"] == "deviance_explained"]
    assert of == ["up", "down"]
    assert "up, x" in [row["of"] for row in rows if row["quantity"] == "edf"]


def test_a_warning_is_told_once(capsys):
    with warnings_on_lines():
        for words in ("of one fit", "of one fit", "of\nanother"):
            tell(words)
    told = capsys.readouterr().err.splitlines()
    assert told == ["bayesglm: note: of one fit", "bayesglm: note: of another"]


FAULTS = {
    "a MAP alone": (["compare", "a.nc", "m.nc"], "m: .*only a MAP"),
    "score of a MAP": (["score", "m.nc"], "only a MAP"),
    "one fit": (["compare", "a.nc"], "two fits or more"),
    "one fit twice": (["compare", "a.nc", "./a.nc"], "are one file"),
    "a link to it": (["compare", "a.nc", "link.nc"], "are one file"),
    "no such file": (["summary", "nowhere.nc"], "'nowhere.nc' does not exist"),
    "a folder": (["summary", "b"], "is a folder"),
    "a damaged file": (["check", "damaged.nc"], "'damaged.nc'.*damaged or changed"),
    "a short file": (["score", "short.nc"], "'short.nc'.*cut short"),
    "a foreign file": (["compare", "a.nc", "foreign.nc"], "'foreign.nc' cannot be read as a fit"),
    "data": (["summary", "data.nc"], "'data.nc' cannot be read as a fit"),
    "other data": (["compare", "a.nc", "other.nc"], "different responses"),
    "row by": (
        ["score", "a.nc", "--new", "row", "--by", "trial"],
        "new='row' leaves out each alone",
    ),
    "no group": (["score", "a.nc", "--new", "group"], "by="),
    "an unknown group": (["compare", "a.nc", "c.nc", "--by", "tral"], "a: .*'tral'"),
    "an unknown question": (["score", "a.nc", "--new", "rows"], "invalid choice: 'rows'"),
    "two forms": (["score", "a.nc", "--csv", "--json"], "not allowed with"),
    "few names": (["compare", "a.nc", "c.nc", "--names", "a"], "each of the 2 fits"),
    "an empty name": (["compare", "a.nc", "c.nc", "--names", "a,"], "each of the 2 fits"),
    "a name twice": (["compare", "a.nc", "c.nc", "--names", "a,a"], "'a' twice"),
    "a level": (["summary", "a.nc", "--level", "94"], "level must be"),
    "a level of NaN": (["summary", "a.nc", "--level", "nan"], "level must be"),
    "no draws": (["check", "a.nc", "--draws", "0"], "draws must be"),
    "a band": (["check", "a.nc", "--prob", "2"], "prob must be"),
}


@pytest.mark.parametrize(("arguments", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_one_line_and_status_two(run, arguments, words):
    status, written, told = run(*arguments, *([] if "--csv" in arguments else ["--json"]))
    assert (status, written) == (2, "")
    assert told.startswith("bayesglm")
    assert told.count("\n") == 1
    assert re.search(words, told), told

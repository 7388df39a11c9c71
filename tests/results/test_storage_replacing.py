"""Saving replaces whole or not at all, and only what may be replaced."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.results.replacing import replace_file, undisturbed

SUFFIXES = ["nc", "zarr"]


def fit_of(scale, draws=None):
    rng = np.random.default_rng(0)
    data = {"y": rng.poisson(2.0, 30), "x": rng.normal(size=30)}
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(scale))
    return bg.fit_map(model, data) if draws is None else bg.fit_laplace(model, data, draws=draws)


@pytest.fixture(scope="module")
def fits():
    return fit_of(1.0), fit_of(0.5, draws=200)


def prior_in(path):
    return bg.GLM.from_json(bg.load(path).attrs["model"]).terms[0].prior.scale


def hidden(folder):
    return [name for name in os.listdir(folder) if name.startswith(".")]


FILL = """
import resource, sys
import bayesglm as bg
fit = bg.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for path in sys.argv[2:]:
    try:
        bg.save(fit, path)
    except bg.DataError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_disk_that_is_full_leaves_the_earlier_file(fits, tmp_path):
    large = bg.save(fits[1], tmp_path / "large.nc")
    paths = [bg.save(fits[0], tmp_path / f"fit.{suffix}") for suffix in SUFFIXES]
    command = [sys.executable, "-c", FILL, str(large), *map(str, paths)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.count("cannot be written: File too large. What was there is as it was") == 2
    assert [prior_in(path) for path in paths] == [1.0, 1.0]
    assert hidden(tmp_path) == []


SAVE_ON = """
import sys
import bayesglm as bg
fits = [bg.load(path) for path in sys.argv[2:]]
print("ready", flush=True)
while True:
    for fit in fits:
        bg.save(fit, sys.argv[1])
"""


def started(target, originals):
    process = subprocess.Popen(
        [sys.executable, "-c", SAVE_ON, str(target), *map(str, originals)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    return process


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_process_that_is_killed_leaves_a_whole_file(fits, suffix, tmp_path):
    originals = [bg.save(fit, tmp_path / f"{k}.nc") for k, fit in enumerate(fits)]
    target = bg.save(fits[0], tmp_path / f"fit.{suffix}")
    for wait in (0.05, 0.2):
        process = started(target, originals)
        time.sleep(wait)
        process.kill()
        process.communicate()
        assert prior_in(target) in (1.0, 0.5)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_two_processes_save_to_one_place(fits, tmp_path):
    originals = [bg.save(fit, tmp_path / f"{k}.nc") for k, fit in enumerate(fits)]
    target = bg.save(fits[0], tmp_path / "fit.zarr")
    processes = [started(target, originals) for _ in range(2)]
    assert all(prior_in(target) in (1.0, 0.5) for _ in range(8))
    for process in processes:
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1].strip().endswith(b"KeyboardInterrupt")
    assert prior_in(target) in (1.0, 0.5)
    assert hidden(tmp_path) == []


def save_on(fit, target, wait):
    signal.setitimer(signal.ITIMER_REAL, wait)
    while True:
        bg.save(fit, target)


def interrupt(*_):
    signal.raise_signal(signal.SIGINT)


# An interrupt may fall between the opening of a file and its `with`: it is then closed with a word.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupt_passes_through_and_leaves_a_whole_file(fits, suffix, tmp_path):
    target = bg.save(fits[0], tmp_path / f"fit.{suffix}")
    began = time.perf_counter()
    bg.save(fits[0], target)
    takes = time.perf_counter() - began
    before = signal.signal(signal.SIGALRM, interrupt)
    # In the background, interrupts are ignored unless asked for.
    ctrl_c = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for wait in np.linspace(0.02, 0.9, 12) * takes:
            with pytest.raises(KeyboardInterrupt):
                save_on(fits[1], target, wait)
            assert prior_in(target) in (1.0, 0.5)
            assert hidden(tmp_path) == []
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, ctrl_c)


def test_a_store_that_was_moved_away_is_brought_back(fits, tmp_path):
    target = bg.save(fits[0], tmp_path / "fit.zarr")
    target.rename(tmp_path / ".fit.zarr.0a1b2c3d.earlier")
    assert prior_in(target) == 1.0
    assert target.is_dir()
    target.rename(tmp_path / ".fit.zarr.0a1b2c3d.earlier")
    bg.save(fits[1], target)
    for ending in ("earlier", "removed"):  # left by processes that were killed
        (tmp_path / f".fit.zarr.4e5f6a7b.{ending}").mkdir()
    bg.save(fits[1], target)
    assert prior_in(target) == 0.5
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("before", ["earlier file", None])
def test_a_place_is_looked_at_anew_where_another_process_came_between(before, tmp_path):
    target, n_looks = tmp_path / "fit.nc", 0
    if before is not None:
        target.write_text(before)

    def look(comes_between):
        nonlocal n_looks
        n_looks += 1
        if comes_between and n_looks == 1:
            replace_file(target, memoryview(b"whole"))
        elif comes_between:
            return target.read_text()
        raise bg.DataError("it was damaged")

    with pytest.raises(bg.DataError, match="it was damaged"):
        undisturbed(target, lambda: look(False))
    assert n_looks == 1
    n_looks = 0
    assert undisturbed(target, lambda: look(True)) == "whole"
    assert n_looks == 2


def test_nothing_but_a_fit_is_replaced(fits, tmp_path):
    photos = tmp_path / "photos.zarr"
    photos.mkdir()
    (photos / "one.jpg").write_text("a photo")
    with pytest.raises(bg.DataError, match=r"holds 'one.jpg', which is no part of a fit"):
        bg.save(fits[0], photos)
    assert (photos / "one.jpg").read_text() == "a photo"
    store = bg.save(fits[0], tmp_path / "fit.zarr")
    (store / "notes.txt").write_text("mine")
    with pytest.raises(bg.DataError, match=r"holds 'notes.txt', which is no part of a fit"):
        bg.save(fits[0], store)
    assert (store / "notes.txt").read_text() == "mine"
    xr.Dataset({"a": 1}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(bg.DataError, match=r"holds 'zarr.json', which is no part of a fit"):
        bg.save(fits[0], tmp_path / "other.zarr")
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "file.zarr").write_text("mine")
    os.mkfifo(tmp_path / "pipe.nc")
    for name in ("folder.nc", "file.zarr", "pipe.nc"):
        with pytest.raises(bg.DataError, match="what stands there is no f"):
            bg.save(fits[0], tmp_path / name)
    (tmp_path / "empty.zarr").mkdir()
    assert prior_in(bg.save(fits[0], tmp_path / "empty.zarr")) == 1.0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fit\0.nc", "is none"),
        ("", "is none"),
        (3, "a path is the name of a file, not 3"),
        ("fit\ud800.nc", "a path is the name of a file, not"),
        ("fit.pkl", r"end it in .nc \(a netCDF file\) or .zarr"),
        ("fit", r"end it in .nc \(a netCDF file\) or .zarr"),
        ("nowhere/fit.nc", "nowhere' does not exist; make it first"),
        ("x" * 300 + ".nc", "cannot be written"),
        ("x" * 300 + ".zarr", "cannot be written"),
    ],
)
def test_paths_that_are_none(fits, path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bg.DataError, match=message):
        bg.save(fits[0], path)
    assert os.listdir() == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_links_and_permissions_stay(fits, suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("real", f"link.{suffix}")
    bg.save(fits[0], f"link.{suffix}")
    os.chmod("real", 0o700)
    bg.save(fits[1], f"link.{suffix}")
    assert os.path.islink(f"link.{suffix}")
    assert os.stat("real").st_mode & 0o777 == 0o700
    assert prior_in(f"link.{suffix}") == prior_in("real") == 0.5
    os.symlink(f"circle.{suffix}", f"circle.{suffix}")
    with pytest.raises(bg.DataError, match="symbolic links"):
        bg.save(fits[0], f"circle.{suffix}")


def test_names_that_a_store_takes_are_replaced_and_others_refused(tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 2))
    for name in ("a b", "c", "ü b", "zarr"):
        model = bg.GLM("y", name, prior=bg.Normal(1.0), dispersion=1.0)
        fit = bg.fit_map(model, {"y": values[:, 0], name: values[:, 1]})
        again = bg.load(bg.save(fit, tmp_path / "fit.zarr"))
        assert bg.predict(again).equals(bg.predict(fit))
    node = xr.DataTree(xr.Dataset({"a\\b": 1.0}))
    fit["own"] = node
    with pytest.raises(bg.DataError, match=r"no Zarr store takes a variable named 'a\\\\b'"):
        bg.save(fit, tmp_path / "fit.zarr")
    assert "own" in bg.load(bg.save(fit, tmp_path / "fit.nc")).children

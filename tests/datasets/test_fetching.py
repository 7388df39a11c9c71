"""Recordings that are fetched: from a server of our own, from a folder, and not at all."""

import hashlib
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from scipy.io import savemat

import bayesglm as bg
from bayesglm.datasets.fetching import Remote, fetched
from bayesglm.datasets.recordings import RETINA, STEINMETZ, read_retina, read_steinmetz


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve one file from this machine, and return where it lies and what it is."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file.bin").write_bytes(b"counts of spikes")
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        md5 = hashlib.md5(b"counts of spikes").hexdigest()
        url = f"http://127.0.0.1:{running.server_port}/file.bin"
        yield Remote("file.bin", url, md5, "simulate_retina")
        running.shutdown()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Let the environment name a folder."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("BAYESGLM_DATA", str(folder))
    return folder


def test_a_file_is_fetched_once(server, kept):
    path = fetched(server)
    assert path == kept / "file.bin"
    assert path.read_bytes() == b"counts of spikes"
    gone = server._replace(url="http://127.0.0.1:9/file.bin")
    assert fetched(gone) == path


def test_without_a_folder_it_lies_in_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.delenv("BAYESGLM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = fetched(server)
    assert tmp_path in path.parents
    assert path.stat().st_mtime_ns == fetched(server).stat().st_mtime_ns


def test_another_file_than_the_published_one_is_refused(server, kept):
    other = server._replace(md5="0" * 32)
    with pytest.raises(bg.DataError, match="does not have the published MD5 sum 0000"):
        fetched(other)
    assert not list(kept.glob("*"))
    (kept / "file.bin").write_bytes(b"something else")
    with pytest.raises(bg.DataError, match="is not the published file"):
        fetched(server)


@pytest.mark.parametrize("path", ["", "nowhere.bin"])
def test_offline_it_says_what_to_do(server, kept, path):
    base = server.url.rsplit("/", 1)[0] if path else "http://127.0.0.1:9"
    with pytest.raises(bg.DataError, match=r"BAYESGLM_DATA name its folder.*simulate_retina\(\)"):
        fetched(server._replace(url=f"{base}/{path}"))


@pytest.mark.parametrize(
    ("fetch", "remote"), [(bg.datasets.retina, RETINA), (bg.datasets.steinmetz, STEINMETZ)]
)
def test_a_file_of_the_folder_is_held_to_the_sum_that_its_course_publishes(fetch, remote, kept):
    kept.mkdir()
    (kept / remote.name).write_bytes(b"a page of a proxy")
    with pytest.raises(bg.DataError, match=f"MD5 sum is not {remote.md5}"):
        fetch()


def test_without_pooch_it_names_the_extra(server, kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(bg.DataError, match=r"pip install 'bayesglm\[fetch\]'"):
        fetched(server)
    kept.mkdir()
    (kept / "file.bin").write_bytes(b"counts of spikes")
    assert fetched(server).is_file()


def test_files_of_the_course_are_read(tmp_path):
    ds = bg.datasets.simulate_retina(500)
    path = tmp_path / RETINA.name
    counts = ds["spikes"].values.astype(float)
    savemat(path, {"Stim": ds["stimulus"].values[:, None], "SpCounts": counts, "dtStim": 1 / 120})
    read = read_retina(path)
    np.testing.assert_array_equal(read["spikes"], ds["spikes"])
    np.testing.assert_allclose(read["time"], ds["time"], rtol=1e-12)
    np.testing.assert_array_equal(read["stimulus"], ds["stimulus"])
    assert "teaching only" in read.attrs["licence"]
    bg.as_dataset(read)
    choices = bg.datasets.simulate_choices(30, 12)
    path = tmp_path / STEINMETZ.name
    np.savez(path, choices=choices["choice"].values, spikes=choices["spikes"].values)
    read = read_steinmetz(path)
    np.testing.assert_array_equal(read["choice"], choices["choice"])
    np.testing.assert_array_equal(read["spikes"], choices["spikes"])
    np.savez(path, choices=np.zeros(3))
    with pytest.raises(bg.DataError, match="lacks spikes"):
        read_steinmetz(path)

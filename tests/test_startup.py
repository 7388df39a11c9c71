"""What a first fit costs in a fresh process: nothing compiled, nothing written, few libraries."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bayesglm"
COMPILERS = {"numba", "llvmlite", "pymc", "pytensor", "nutpie", "jax", "torch"}
DATA = """
import numpy as np
import bayesglm as bg
rng = np.random.default_rng(0)
x = rng.normal(size=300)
data = bg.as_dataset({"y": rng.poisson(np.exp(0.5 * x)), "x": x}, bin_size=0.01)
def model(prior):
    return bg.GLM("y", [bg.Lagged("x", lags=5, prior=prior), bg.History(lags=3, prior=prior)],
                  family="poisson")
"""
FITS = {
    "ridge": "bg.fit_map(model(bg.ridge(1.0)), data)",
    "lasso": "bg.fit_map(model(bg.lasso(3.0)), data)",
    "smooth": "bg.fit_map(model(bg.smooth(1.0)), data)",
    "ridge path": "bg.prior_path(model(bg.ridge(1.0)), data, [0.1, 1.0])",
    "lasso path": "bg.prior_path(model(bg.lasso(1.0)), data, [0.1, 1.0])",
}


def in_a_fresh_process(code, environment, cwd):
    """Run the code, warnings being errors; return what it prints as JSON in its last line."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", FITS)
def test_a_mode_loads_neither_compilers_nor_distributions(name, tmp_path):
    code = f"{DATA}\n{FITS[name]}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = set(in_a_fresh_process(code, dict(os.environ), PACKAGE.parent))
    assert "bayesglm" in loaded
    assert not COMPILERS & {name.partition(".")[0] for name in loaded}
    assert "scipy.stats" not in loaded  # as slow to import as all the rest of a first fit


def everything_below(folder):
    """Every path below a folder, with when it was last changed."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="module")
def read_only(tmp_path_factory):
    """A copy of the package that cannot be written to (but by root, who is watched instead)."""
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(PACKAGE, folder / "bayesglm", ignore=shutil.ignore_patterns("__pycache__"))
    inside = [folder, *folder.rglob("*")]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in inside:
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("home", ["unset", "missing"])
def test_fits_need_no_place_to_write(home, read_only, tmp_path):
    nowhere = tmp_path / "nowhere"
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("HOME", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTENSOR_FLAGS", "TMPDIR")
    }
    environment |= {"PYTHONPATH": str(read_only), "PYTHONDONTWRITEBYTECODE": "1"}
    if home == "missing":
        environment |= {
            "HOME": str(nowhere),
            "XDG_CACHE_HOME": str(nowhere),
            "NUMBA_CACHE_DIR": str(nowhere / "numba"),
        }
    work = tmp_path / "work"
    work.mkdir()
    before = everything_below(read_only)
    fits = "\n".join(f"found[{name!r}] = {call}" for name, call in FITS.items())
    code = f"{DATA}\nbg.datasets.grasshopper()\nfound = {{}}\n{fits}\n" + (
        "import json; print(json.dumps([bg.__file__, "
        "{name: fit['map']['x'].values.tolist() for name, fit in found.items() if 'map' in fit}, "
        "{name: fit['path']['x'].values.tolist() for name, fit in found.items() if 'path' in fit}"
        "]))"
    )
    where, maps, paths = in_a_fresh_process(code, environment, work)
    assert Path(where).is_relative_to(read_only)
    assert set(maps) | set(paths) == set(FITS)
    assert all(len(point) == 5 for points in paths.values() for point in points)
    assert everything_below(read_only) == before
    assert not nowhere.exists()
    assert not list(work.iterdir())

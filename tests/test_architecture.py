"""The house stands: contracts hold, and a broken one is noticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder):
    """Run import-linter over a copy of the package in ``folder``."""
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(config_filename='setup.cfg', no_cache=True))"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "bayesglm", tmp_path / "bayesglm")
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    return tmp_path


def test_contracts_hold(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("numerics/density/objective.py", "import bayesglm.design.door"),
        ("results/predict.py", "import pymc"),
        ("inference/map.py", "import nutpie"),
        ("spec/model.py", "import numpy"),
        ("numerics/priors/table.py", "import xarray"),
        ("results/kernels.py", "import matplotlib"),
        ("design/door.py", "import arviz_stats"),
        ("inference/map.py", "import bayesglm"),
        ("show/report/page/html.py", "import rich"),
        ("design/door.py", "import pynwb"),
    ],
)
def test_a_broken_contract_is_noticed(copy, module, line):
    path = copy / "bayesglm" / module
    future = "from __future__ import annotations\n"
    text = path.read_text()
    head, found, rest = text.partition(future)
    path.write_text(f"{head}{found}\n{line}\n{rest}" if found else f"{text}\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout

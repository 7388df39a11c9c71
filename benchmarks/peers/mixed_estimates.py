"""Estimates of mixed models: scales by (approximate) maximum likelihood, no posterior.

lme4 and glmmTMB of R with their default settings, timed inside R; statsmodels where it has the
model: linear ones of one grouping, and binomial ones by Laplace's method, each row repeated for
every trial as it wants them.
"""

import subprocess
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.mixed import MIXED
from benchmarks.peers.path import read_found
from benchmarks.solver import Setting, Solver
from benchmarks.work import Found, Work

_SCRIPT = Path(__file__).parents[1] / "mixed.R"


def _write_for_r(work: Work) -> Any:
    """Write the data where R finds them, in a folder that is kept as long as what is returned."""
    folder = tempfile.TemporaryDirectory()
    arrays = {"X": work.X, "groups": work.groups.astype(float), "y": work.y}
    if work.trials is not None:
        arrays["trials"] = work.trials
    for name, one in arrays.items():
        one.ravel(order="F").tofile(Path(folder.name) / f"{name}.bin")
    return folder, work


def _fit_r(package: str, prepared: Any, setting: Setting) -> Found:
    folder, work = prepared
    spec = work.spec
    sizes = [str(size) for size in (spec.n, spec.p, len(spec.levels))]
    slopes = str(spec.kind == "slopes").upper()
    command = ["Rscript", "--vanilla", str(_SCRIPT), folder.name, package, spec.family]
    subprocess.run([*command, *sizes, slopes], check=True, capture_output=True)
    seconds, intercept, *coef = np.fromfile(Path(folder.name) / "out.bin")
    return Found(np.array([intercept]), np.array([coef]), seconds=float(seconds))


def _with_ones(work: Work) -> Any:
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
    from statsmodels.regression.mixed_linear_model import MixedLM

    assert MixedLM
    assert BinomialBayesMixedGLM
    return work, np.column_stack([np.ones(work.spec.n), work.X])


def _fit_linear(prepared: Any, setting: Setting) -> Found:
    from statsmodels.regression.mixed_linear_model import MixedLM

    work, X = prepared
    by = X if work.spec.kind == "slopes" else X[:, :1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        params = MixedLM(work.y, X, work.groups[:, 0], exog_re=by).fit(reml=True).fe_params
    return Found(params[:1], params[None, 1:])


def _fit_binomial(prepared: Any, setting: Setting) -> Found:
    from scipy.sparse import csr_matrix
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    work, X = prepared
    trials, y = work.trials.astype(int), work.y.astype(int)
    rows = np.repeat(np.arange(len(y)), trials)
    first = np.arange(len(rows)) - np.repeat(np.cumsum(trials) - trials, trials)
    level, ones = work.groups[rows, 0], np.ones(len(rows))
    Z = csr_matrix((ones, (np.arange(len(rows)), level)))
    model = BinomialBayesMixedGLM(
        (first < y[rows]).astype(float), X[rows], Z, np.zeros(Z.shape[1], int), vcp_p=1, fe_p=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        params = model.fit_map().fe_mean
    return Found(params[:1], params[None, 1:])


LME4, GLMMTMB = (
    Solver(
        f"R {package}, estimates only",
        (f"R:{package}",),
        partial(_fit_r, package),
        read_found,
        prepare=_write_for_r,
        families=MIXED,
    )
    for package in ("lme4", "glmmTMB")
)
LINEAR = Solver(
    "statsmodels MixedLM, estimates only",
    ("statsmodels",),
    _fit_linear,
    read_found,
    prepare=_with_ones,
    families=("gaussian",),
)
BINOMIAL = Solver(
    "statsmodels BinomialBayesMixedGLM, estimates only",
    ("statsmodels",),
    _fit_binomial,
    read_found,
    prepare=_with_ones,
    families=("binomial",),
)

"""Tables of numbers and categories by a formula: estimates, posteriors and their summaries."""

from typing import Any

import numpy as np

from benchmarks.peers.posterior import CHAINS, DRAWS
from benchmarks.solver import Setting, Solver
from benchmarks.work import Found, Work


def _text(work: Work) -> str:
    """Return the formula of all columns."""
    assert work.groups is not None
    names = [f"x{k}" for k in range(work.X.shape[1])]
    names += [f"c{k}" for k in range(work.groups.shape[1])]
    return "y ~ " + " + ".join(names)


def _table(work: Work, as_text: bool) -> Any:
    """Return the columns as a frame, categories as text or as pandas's own."""
    import pandas as pd

    assert work.groups is not None
    table = pd.DataFrame(work.X, columns=[f"x{k}" for k in range(work.X.shape[1])])
    labels = np.array([f"level {k:05d}" for k in range(work.spec.many)])
    for k, codes in enumerate(work.groups.T):
        own = labels[codes] if as_text else pd.Categorical.from_codes(codes, labels)
        table[f"c{k}"] = own
    table["y"] = work.y.astype(int)
    return table


def _summarise_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    fitted = bg.fit(bg.formula(_text(work), family=work.spec.family), _table(work, True))
    return bg.summary(fitted)


def _summarise_statsmodels(work: Work, setting: Setting) -> Any:
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    family = {"bernoulli": sm.families.Binomial}[work.spec.family]()
    return smf.glm(_text(work), _table(work, True), family=family).fit().summary()


def _summarise_bambi(work: Work, setting: Setting) -> Any:
    import arviz as az
    import bambi as bmb

    model = bmb.Model(_text(work), _table(work, True), family=work.spec.family)
    sampling = {"draws": DRAWS, "chains": CHAINS, "random_seed": 0, "progressbar": False}
    return az.summary(model.fit(**sampling), ci_kind="eti", ci_prob=0.94)


def _read_nothing(table: Any) -> Found:
    """Return no coefficients: maximum likelihood and posteriors under other priors differ."""
    assert table is not None
    return Found(np.empty(0), np.empty((1, 0)))


def _prepare_map(work: Work) -> tuple[Work, Any]:
    import bayesglm as bg

    assert callable(bg.fit_map)
    return work, _table(work, False)


def _fit_map(prepared: tuple[Work, Any], setting: Setting) -> Any:
    import bayesglm as bg

    work, table = prepared
    model = bg.formula(_text(work), family=work.spec.family, prior=bg.ridge(float(work.lam[0])))
    return bg.fit_map(model, table)


def _read_map(fitted: Any) -> Found:
    at = fitted["map"]
    numbers, levels = ([at[n].values.ravel() for n in at if n[0] == c] for c in "xc")
    return Found(np.atleast_1d(at["intercept"].values), np.concatenate([*numbers, *levels])[None])


SUMMARIES = (
    Solver("bayesglm", ("bayesglm",), _summarise_bayesglm, _read_nothing),
    Solver(
        "statsmodels (maximum likelihood)", ("statsmodels",), _summarise_statsmodels, _read_nothing
    ),
    Solver("Bambi", ("bambi",), _summarise_bambi, _read_nothing),
)
MAP = Solver("bayesglm", ("bayesglm",), _fit_map, _read_map, prepare=_prepare_map)

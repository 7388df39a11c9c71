"""Leave-one-out cross-validation of one posterior fit, which bayesglm draws for all."""

from typing import Any

from benchmarks.peers import lags
from benchmarks.solver import Setting, Solver
from benchmarks.work import Scored, Work

_DRAWS, _CHAINS = 1000, 4
SOME = 1000  # samples of a long recording


def _prepare_streamed(work: Work) -> Any:
    """Draw the posterior."""
    import arviz_stats

    import bayesglm as bg

    assert arviz_stats
    model = bg.GLM(
        "y",
        [bg.Linear("X", prior=bg.Normal(1.0))],
        family=work.spec.family,
        intercept=bg.Normal(2.5),
    )
    return bg.fit(model, {"y": work.y, "X": work.X}, draws=_DRAWS, chains=_CHAINS)


def _prepare_stored(work: Work) -> Any:
    """Draw the posterior, and store the log likelihood of every draw and sample beside it."""
    import bayesglm as bg

    return bg.add_log_likelihood(_prepare_streamed(work))


def _fit_bayesglm(fitted: Any, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.loo(fitted)


def _fit_arviz(fitted: Any, setting: Setting) -> Any:
    import arviz_stats

    return arviz_stats.loo(fitted, pointwise=True)


def _read(found: Any) -> Scored:
    return Scored(found.elpd_i.values, float(found.elpd), getattr(found, "subsampling_se", 0.0))


def _prepare_lags(work: Work) -> Any:
    """Draw the posterior of a long recording with lags."""
    import arviz_stats

    assert arviz_stats
    return lags.SAMPLER.fit(lags.SAMPLER.prepare(work), {"seed": 0})


def _fit_subsampled(fitted: Any, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.loo(fitted, subsample=SOME)


BAYESGLM = Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read, prepare=_prepare_streamed)
ARVIZ = Solver(
    "ArviZ, log likelihood stored",
    ("bayesglm", "arviz-stats"),
    _fit_arviz,
    _read,
    prepare=_prepare_stored,
)
SOLVERS = (BAYESGLM, ARVIZ)
LARGE = Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read, prepare=_prepare_lags)
SUBSAMPLED = LARGE._replace(name=f"bayesglm, {SOME:,} samples", fit=_fit_subsampled)

"""Random small models on hostile data, and what must hold of each verb on them."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES
from fuzz.oracle import gap
from tests.families import LOG_DENSITIES, OF_NUMBERS, trials_of
from tests.priors import EXAMPLES, OF_COEFFICIENTS
from tests.terms import OF_EVERY_KIND

SEED = 20_261_130  # one for all runs, not chosen by its results
LIMIT = 60.0  # seconds for a verb
RIGHT = 1e-5  # posterior sds: the promise of every MAP estimate
MOST_ROWS = 50
DRAWS, CHAINS = 100, 2

type Data = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A model and its data, drawn from a number."""

    index: int
    model: bg.GLM
    data: Data


@dataclass(frozen=True)
class Outcome:
    """What a verb did: ``right``, ``refused`` (an error of the package's own), or a fault."""

    index: int
    verb: str
    outcome: str
    words: str
    seconds: float
    model: str


# Families that models are drawn of: those whose density the oracle knows, of one linear predictor.
TRIED = tuple(name for name in OF_NUMBERS if name in LOG_DENSITIES)
FINE = ("right", "refused")


def draw_case(index: int) -> Case:
    """Draw the case of a number: any family, link, prior and term, on ordinary or hostile data."""
    rng = np.random.default_rng([SEED, index])
    family = rng.choice(TRIED).item()
    link = rng.choice(FAMILY_NAMES[family].links).item()
    n = int(rng.integers(1, MOST_ROWS + 1))
    data: Data = {"y": _responses((family, link))(rng, n)}
    terms = [_term(rng, k, n, data) for k in range(rng.integers(0, 4))]
    options: dict[str, Any] = {}
    if FAMILY_NAMES[family].needs_trials:
        extra = rng.integers(0, 10 ** rng.integers(1, 5), n) * 1.0
        data["tries"] = data["y"] + np.where(rng.random(n) < 0.3, 0.0, extra)
        options["trials"] = "tries"
    if rng.random() < 0.25:
        data["w"] = _weights(rng, n)
        options["weights"] = "w"
    if rng.random() < 0.25:
        data["o"] = rng.normal(size=n) * 10.0 ** rng.choice([0, 0, 1, 3, 6])
        options["offset"] = "o"
    names = FAMILY_NAMES[family].dispersions
    stated = {name: _dispersion(rng, FAMILY_NAMES[family].range_of(name)) for name in names}
    if any(one is not None for one in stated.values()):
        options["dispersion"] = stated
    model = bg.GLM(
        "y",
        terms,
        family=family,
        link=link,
        prior=_prior(rng) if rng.random() < 0.3 else None,
        intercept=_pick(rng, bg.Flat(), bg.Flat(), None, bg.Normal(10.0), bg.Laplace(1.0)),
        edges=_pick(rng, "drop", "zero"),
        **options,
    )
    return Case(index, model, data)


def _dispersion(rng: np.random.Generator, ends: tuple[float, float]) -> Any:
    """Draw a number or a prior of a parameter, or leave it to its default."""
    if ends[1] < np.inf:
        low, high = ends[0] + 1e-6, ends[1] - 1e-6
        return _pick(rng, None, None, 0.5 * sum(ends), low, high, bg.Beta(2.0, 0.5), bg.Flat())
    return _pick(
        rng, None, None, 1.0, 1e-6, 1e6, bg.HalfNormal(1.0), bg.Exponential(2.0), bg.Flat()
    )


def _pick(rng: np.random.Generator, *choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def _weights(rng: np.random.Generator, n: int) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(0, 3, n) * 1.0
    if kind == 1:
        return np.where(rng.random(n) < 0.5, 0.0, 10.0 ** rng.uniform(-3, 15, n))
    return np.zeros(n) if kind == 2 and rng.random() < 0.1 else rng.random(n) + 0.5


def _counts(rng: np.random.Generator, n: int) -> np.ndarray:
    return _pick(
        rng,
        rng.poisson(2.0, n),
        rng.poisson(0.1, n),
        np.zeros(n),
        rng.poisson(10.0 ** rng.uniform(0, 9), n),
    ) * np.float64(1.0)


def _bits(rng: np.random.Generator, n: int) -> np.ndarray:
    return (rng.random(n) < _pick(rng, 0.5, 0.5, 0.1, 0.0, 1.0)) * 1.0


def _reals(rng: np.random.Generator, n: int) -> np.ndarray:
    return _pick(rng, *(kind(rng, n) for kind in (_ordinary, _ordinary, _scaled, _far, _wild)))


def _responses(key: tuple[str, str]) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Return how responses of a family are drawn: the widest kind of which it takes examples."""
    family, trials = FAMILIES[key], trials_of(key[0])
    return next(kind for some, kind in KINDS if family.valid(np.array(some), trials).all())


def _ordinary(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n)


def _scaled(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n) * 10.0 ** rng.uniform(-12, 12)


def _far(rng: np.random.Generator, n: int) -> np.ndarray:
    return (rng.normal(size=n) + 10.0 ** rng.uniform(0, 9)) * 10.0 ** rng.uniform(-6, 6)


def _wild(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-300, 30, n)


def _angles(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.clip(rng.vonmises(1.0, 10.0 ** rng.uniform(-2, 4), n), -np.pi, np.pi)


def _positive(rng: np.random.Generator, n: int) -> np.ndarray:
    shape, size = 10.0 ** rng.uniform(-1, 2), 10.0 ** rng.uniform(-9, 9)
    return np.maximum(size * _pick(rng, 1.0, 1.0, rng.gamma(shape, size=n)), 1e-300) * np.ones(n)


def _shares(rng: np.random.Generator, n: int) -> np.ndarray:
    a, b = 10.0 ** rng.uniform(-1, 3, 2)
    return np.clip(rng.beta(a, b, n), 1e-300, 1.0 - 2.0**-53)


# Each with examples, the widest first.
KINDS = (
    ((-0.5, 40.0), _reals),
    ((-0.5,), _angles),
    ((0.25, 3.0), _positive),
    ((3.0,), _counts),
    ((0.25,), _shares),
    ((1.0,), _bits),
)


def _coarse(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(0, 2, n) * 1.0


def _whole(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(0, 6, n) * 1.0


def _constant(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.full(n, rng.choice([0.0, 1.0, 1e30]))


def _predictor(rng: np.random.Generator, n: int, data: Data) -> np.ndarray:
    kinds = (_ordinary, _ordinary, _ordinary, _coarse, _scaled, _far, _wild, _constant)
    earlier = [v for name, v in data.items() if name.startswith("x") and np.ndim(v) == 1]
    if earlier and rng.random() < 0.1:
        return earlier[0] * rng.choice([1.0, -2.0, 1e6])
    return kinds[rng.integers(len(kinds))](rng, n)


def _term(rng: np.random.Generator, k: int, n: int, data: Data) -> Any:
    name = f"x{k}"
    prior = _prior(rng) if rng.random() < 0.8 else None
    if OTHER_TERMS and rng.random() < 0.3:
        other = replace(_pick(rng, *OTHER_TERMS), name=f"other{k}", prior=prior)
        # Polynomials of numbers of any size have columns that are rounding alone, the oracle's too.
        data.update({one: _pick(rng, _ordinary, _whole)(rng, n) for one in other.variables})
        return other
    kind = rng.integers(8)
    if kind < 3:
        data[name] = _predictor(rng, n, data)
        return bg.Linear(name, prior=prior)
    if kind == 3:
        names = tuple(f"{name}{letter}" for letter in "abc"[: rng.integers(1, 4)])
        data.update({one: _predictor(rng, n, data) for one in names})
        return bg.Linear(names, name=f"several{k}", prior=prior)
    if kind == 4:
        data[name] = rng.normal(size=(n, int(rng.integers(1, 4))))
        return bg.Linear(name, prior=prior)
    if kind == 5:
        data[name] = _predictor(rng, n, data)
        walk = bg.RandomWalk(10.0 ** rng.uniform(-2, 2)) if rng.random() < 0.3 else prior
        return bg.Lagged(name, lags=int(rng.integers(2, 5)), prior=walk)
    if kind == 6 and not any(term.startswith("g") for term in data):
        data[f"g{k}"] = rng.integers(0, rng.integers(1, 6), n)
        own = _pick(rng, None, bg.Normal(1.0), bg.Normal(0.1), bg.Normal(bg.HalfNormal(1.0)))
        return bg.Group(f"g{k}", prior=own)
    return bg.History(lags=int(rng.integers(1, 4)), name=f"history{k}", prior=prior)


def _prior(rng: np.random.Generator) -> Any:
    return _pick(
        rng,
        bg.Flat(),
        bg.Flat(),
        bg.ridge(10.0 ** rng.uniform(-8, 8)),
        bg.Normal(1.0),
        bg.Normal(2.0, loc=1.0),
        bg.lasso(10.0 ** rng.uniform(-4, 4)),
        bg.Laplace(1.0, loc=0.5),
        bg.elastic_net(0.5, 0.5),
        bg.StudentT(1.0),
        _pick(rng, bg.Normal(bg.HalfNormal(1.0)), bg.Horseshoe(1.0)),
        *OTHER_PRIORS,
    )


# What the draws above do not name: kinds of priors and terms that were added to the tables.
NAMED = (bg.Flat, bg.Normal, bg.Laplace, bg.ElasticNet, bg.StudentT, bg.Horseshoe)
OTHER_PRIORS = [
    prior
    for prior in OF_COEFFICIENTS
    if not isinstance(prior, NAMED) and EXAMPLES[type(prior).__name__].log_density is not None
]
OTHER_TERMS = [
    term
    for term in OF_EVERY_KIND
    if not isinstance(term, (bg.Linear, bg.Lagged, bg.History, bg.Group))
]


def try_map(case: Case) -> str:
    """Fit the MAP and hold it against the oracle; return a fault in words, or nothing."""
    fitted = bg.fit_map(case.model, case.data)
    estimate = {name: v.values for name, v in fitted["map"].data_vars.items()}
    if not all(np.isfinite(v).all() for v in estimate.values()):
        return "the estimate is not finite"
    if not np.isfinite(fitted.attrs["log_posterior"]):
        return "its log posterior is not finite"
    away = gap(bg.GLM.from_json(fitted.attrs["model"]), case.data, estimate)
    if away.residual < RIGHT:
        return ""
    told = f"{away.residual:.2g} sd from optimal, of which rounding is {away.rounding:.2g}"
    return "" if away.residual < away.rounding else told


def _same_after_saving(case: Case) -> str:
    fitted = bg.fit_map(case.model, case.data)
    with tempfile.TemporaryDirectory() as folder:
        again = bg.load(bg.save(fitted, Path(folder) / "fit.nc"))
    return "" if bg.predict(fitted).equals(bg.predict(again)) else "predicts otherwise when loaded"


def _predicts(case: Case) -> str:
    fitted = bg.fit_map(case.model, case.data)
    eta = bg.predict(fitted, kind="linear")["y"]
    _, complete, _ = _columns(case)
    return "" if np.isfinite(eta.values[complete]).all() else "a prediction is not finite"


def _columns(case: Case) -> tuple:
    from fuzz.oracle import columns

    return columns(case.model, case.data)


def _has_kernels(case: Case) -> str:
    tree = bg.kernels(bg.fit_map(case.model, case.data))
    values = [v.values for node in tree.subtree for v in node.data_vars.values()]
    numbers = [v for v in values if v.dtype.kind == "f"]
    return "" if all(np.isfinite(v).all() for v in numbers) else "a kernel is not finite"


def _walks_path(case: Case) -> str:
    tree = bg.prior_path(case.model, case.data, [0.1, 1.0, 10.0])
    finite = all(np.isfinite(v.values).all() for v in tree["path"].data_vars.values())
    return "" if finite else "a point of the path is not finite"


def _tunes(case: Case) -> str:
    tuned, _ = bg.tune_prior(case.model, case.data)
    return "" if isinstance(tuned, bg.GLM) else "no model came back"


def _finite_posterior(tree: Any) -> str:
    values = tree["posterior"].data_vars.values()
    return "" if all(np.isfinite(v.values).all() for v in values) else "a draw is not finite"


def _fits(case: Case) -> str:
    return _finite_posterior(bg.fit(case.model, case.data, draws=DRAWS, chains=CHAINS))


def _fits_laplace(case: Case) -> str:
    return _finite_posterior(bg.fit_laplace(case.model, case.data, draws=DRAWS, chains=CHAINS))


def _samples(case: Case) -> str:
    tree = bg.fit_mcmc(case.model, case.data, draws=DRAWS, tune=DRAWS, chains=CHAINS)
    return _finite_posterior(tree)


def _leaves_one_out(case: Case) -> str:
    elpd = bg.loo(bg.fit(case.model, case.data, draws=DRAWS, chains=CHAINS)).elpd
    return "" if np.isfinite(elpd) else "elpd is not finite"


def _folds(case: Case) -> str:
    elpd = bg.kfold(case.model, case.data, folds=2, draws=DRAWS, chains=CHAINS).elpd
    return "" if np.isfinite(elpd) else "elpd is not finite"


VERBS: dict[str, Callable[[Case], str]] = {
    "predict": _predicts,
    "kernels": _has_kernels,
    "save": _same_after_saving,
    "prior_path": _walks_path,
    "tune_prior": _tunes,
    "fit": _fits,
    "fit_laplace": _fits_laplace,
    "fit_mcmc": _samples,
    "loo": _leaves_one_out,
    "kfold": _folds,
}


def verbs_of(index: int) -> list[str]:
    """Return the verbs that the case of a number goes through: `fit_map` and two at random."""
    rng = np.random.default_rng([SEED, index, 1])
    return ["fit_map", *rng.choice(list(VERBS), 2, replace=False).tolist()]


def outcome(task: tuple[int, str]) -> Outcome:
    """Put the case of a number through a verb."""
    index, name = task
    began, model = time.perf_counter(), ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        try:
            case = draw_case(index)
            model = repr(case.model)
            fault = try_map(case) if name == "fit_map" else VERBS[name](case)
            what, words = ("wrong", fault) if fault else ("right", "")
        except bg.BayesGLMError as error:
            what, words = "refused", _line(error)
        except Warning as warning:
            what, words = "foreign warning", _line(warning)
        except BaseException as error:  # of whatever kind: that is what is looked for
            what, words = "foreign error", _line(error)
    seconds = time.perf_counter() - began
    if seconds > LIMIT and what in FINE:
        what = "slow"
    return Outcome(index, name, what, words, seconds, model)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]

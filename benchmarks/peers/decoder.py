"""Posteriors of labels with more columns than rows, under a ridge; Normal(0, 2.5) on the intercept.

Samplers move all coefficients. The reference moves the linear predictors alone, in coordinates in
which their prior is white: under a normal prior the coefficients given these are normal, the same
for every sampler, and are drawn behind.
"""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.posterior import CHAINS, DRAWS, importing, prepare_numpyro, scalars
from benchmarks.solver import Setting, Solver
from benchmarks.work import Drawn, Found, Work

_FAMILY = ("bernoulli",)


def _prepare_bayesglm(work: Work) -> Work:
    return importing("bayesglm.inference.fit", "arviz_stats.base", "nutpie", "pymc")(work)


def _model(work: Work, learned: bool = False) -> Any:
    import bayesglm as bg

    prior = bg.Normal(bg.HalfNormal(1.0)) if learned else bg.ridge(float(work.lam[0]))
    terms = [bg.Linear("X", prior=prior)]
    return bg.GLM("y", terms, family="bernoulli", intercept=bg.Normal(2.5))


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    verb, model = getattr(bg, setting["verb"]), _model(work, setting.get("learned", False))
    data, seed = {"y": work.y, "X": work.X}, setting.get("seed", 0)
    return verb(model, data, draws=DRAWS, chains=CHAINS, seed=seed)


def _read_bayesglm(fitted: Any) -> Drawn:
    group = fitted["posterior"]
    others = (group["X_scale"].values,) if "X_scale" in group else ()
    draws = scalars(group["intercept"].values, group["X"].values, *others)
    return Drawn(draws, fitted.attrs.get("importance_ess", np.inf))


def _tune(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.tune_prior(_model(work), {"y": work.y, "X": work.X}).model


def _read_tuned(model: Any) -> Found:
    return Found(np.zeros(1), np.atleast_2d(model.terms[0].prior.scale))


def _run(model: Any, setting: Setting) -> dict[str, Any]:
    import jax
    import numpyro

    mcmc = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model),
        num_warmup=1000,
        num_samples=setting.get("draws", DRAWS),
        num_chains=CHAINS,
        chain_method=setting["chain_method"],
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(setting["seed"]))
    return {name: np.asarray(one) for name, one in mcmc.get_samples(group_by_chain=True).items()}


def _fit_numpyro(work: Work, setting: Setting) -> Any:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    X, y, sd = jnp.asarray(work.X), jnp.asarray(work.y), float(work.lam[0]) ** -0.5

    def model() -> None:
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5))
        eta = eta + X @ numpyro.sample("w", dist.Normal(0.0, sd).expand([X.shape[1]]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)

    return _run(model, setting)


def _read_named(drawn: Any) -> Drawn:
    return Drawn(scalars(drawn["intercept"], drawn["w"]))


def _fit_white(work: Work, setting: Setting) -> Any:
    """Sample eta = b + L z, K = X X'/lam = L L'; w given z is Normal(X' K^-1 L z/lam, ...)."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    lam, y = float(work.lam[0]), jnp.asarray(work.y)
    factor = np.linalg.cholesky(work.X @ work.X.T / lam)
    onto = work.X.T @ np.linalg.inv(factor).T / lam

    def model() -> None:
        z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([len(factor)]).to_event(1))
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5)) + jnp.asarray(factor) @ z
        numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)

    drawn = _run(model, setting)
    rng = np.random.default_rng(setting["seed"])
    free = rng.normal(size=(*drawn["intercept"].shape, work.spec.p)).astype(np.float32) / lam**0.5
    # A draw of the prior less its part in the span of the rows.
    free -= (free @ work.X.T) @ np.linalg.solve(work.X @ work.X.T, work.X)
    return {"intercept": drawn["intercept"], "w": drawn["z"] @ onto.T + free}


def _pymc_model(work: Work) -> Any:
    import pymc as pm

    with pm.Model() as model:
        w = pm.Normal("w", sigma=float(work.lam[0]) ** -0.5, shape=work.spec.p)
        pm.Bernoulli("y", logit_p=pm.Normal("intercept", 0.0, 2.5) + work.X @ w, observed=work.y)
    return model


def _fit_pymc(work: Work, setting: Setting) -> Any:
    import nutpie

    compiled = nutpie.compile_pymc_model(_pymc_model(work))
    seed = setting["seed"]
    tree = nutpie.sample(compiled, draws=DRAWS, chains=CHAINS, seed=seed, progress_bar=False)
    return {name: tree["posterior"][name].values for name in ("intercept", "w")}


def _bayesglm(name: str, **setting: Any) -> Solver:
    return Solver(
        name, ("bayesglm",), _fit_bayesglm, _read_bayesglm, (setting,), _prepare_bayesglm, _FAMILY
    )


_numpyro = partial(Solver, needs=("numpyro",), prepare=prepare_numpyro, families=_FAMILY)

FIT = _bayesglm("bayesglm", verb="fit")
FIT_MCMC = _bayesglm("bayesglm fit_mcmc", verb="fit_mcmc")
LEARNED = _bayesglm("bayesglm, scale learned", verb="fit", learned=True)
TUNE = Solver(
    "bayesglm tune_prior",
    ("bayesglm",),
    _tune,
    _read_tuned,
    prepare=_prepare_bayesglm,
    families=_FAMILY,
)
_NUTPIE = ("pymc", "nutpie")
SAMPLERS = (
    FIT,
    FIT_MCMC,
    Solver("PyMC, nutpie", _NUTPIE, _fit_pymc, _read_named, ({},), importing(*_NUTPIE), _FAMILY),
    *(
        _numpyro(
            name=f"numpyro, {method}",
            fit=_fit_numpyro,
            read=_read_named,
            ladder=({"chain_method": method},),
        )
        for method in ("vectorized", "parallel")
    ),
)
REFERENCE = _numpyro(
    name="reference",
    fit=_fit_white,
    read=_read_named,
    ladder=({"chain_method": "parallel", "draws": 10_000},),
)

"""Each family's likelihood in PyMC, by the family's name, and each inverse link by the link's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesglm.inference.twin.tweedie import tweedie

type Tensor = Any


def _softplus(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.softplus(eta)


def _exp(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.exp(eta)


def _probit(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    # pm.math.invprobit takes the root of a float32 2, and is good to 2e-8 only.
    return 0.5 * pt.erfc(-eta * np.sqrt(0.5))


def _logit(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.sigmoid(eta)


def _cloglog(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return -pt.expm1(-pt.exp(eta))


def _loglog(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.exp(-pt.exp(-eta))


def _cauchit(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    # The angle that keeps the digits of a small probability.
    return pt.arctan2(1.0, -eta) / np.pi


def _tan_half(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return 2.0 * pt.arctan(eta)


MEANS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda eta: eta,
    "log": _exp,
    "sqrt": lambda eta: eta * eta,
    "inverse": lambda eta: 1.0 / eta,
    "softplus": _softplus,
    "logit": _logit,
    "probit": _probit,
    "cloglog": _cloglog,
    "loglog": _loglog,
    "cauchit": _cauchit,
    "tan_half": _tan_half,
}


# 1 - p of the inverse links of a probability p, where cutpoints stand between levels.
RESTS: dict[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] = {
    _probit: lambda eta: _probit(-eta),
    _cauchit: lambda eta: _cauchit(-eta),
    _cloglog: lambda eta: _loglog(-eta),
    _loglog: lambda eta: _cloglog(-eta),
}


def _gaussian(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Normal", "mu": link(eta), "sigma": phi["sigma"]}


def _student_t(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {**_gaussian(link, eta, phi, trials), "distribution": "StudentT", "nu": phi["nu"]}


def _bernoulli(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    # PyMC's own form for the logit keeps its digits where a probability has none left.
    if link is _logit:
        return {"distribution": "Bernoulli", "logit_p": eta}
    return {"distribution": "Bernoulli", "p": link(eta)}


def _binomial(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {**_bernoulli(link, eta, phi, trials), "distribution": "Binomial", "n": trials}


def _poisson(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Poisson", "mu": link(eta)}


def _negative_binomial(
    link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor
) -> dict[str, Any]:
    return {"distribution": "NegativeBinomial", "mu": link(eta), "alpha": phi["alpha"]}


def _negative_binomial1(
    link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor
) -> dict[str, Any]:
    # PyMC's p is that of the zeros' process: 1 / (1 + phi) for every mean.
    spread = phi["phi"]
    return {"distribution": "NegativeBinomial", "n": link(eta) / spread, "p": 1.0 / (1.0 + spread)}


def _with_psi(name: str, base: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return the likelihood of a family with zeros of their own, psi being PyMC's psi."""

    def likelihood(
        link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor
    ) -> dict[str, Any]:
        return {**base(link, eta, phi, trials), "distribution": name, "psi": phi["psi"]}

    return likelihood


def _beta_binomial(
    link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor
) -> dict[str, Any]:
    kappa, mu = phi["kappa"], link(eta)
    # The logit's chance of failure has its own digits.
    rest = link(-eta) if link is _logit else 1.0 - mu
    return {
        "distribution": "BetaBinomial",
        "n": trials,
        "alpha": mu * kappa,
        "beta": rest * kappa,
    }


def _gamma(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    alpha = phi["alpha"]
    return {"distribution": "Gamma", "alpha": alpha, "beta": alpha / link(eta)}


def _inverse_gaussian(
    link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor
) -> dict[str, Any]:
    return {"distribution": "Wald", "mu": link(eta), "lam": phi["lam"]}


def _exponential(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Exponential", "scale": link(eta)}


def _weibull(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    import pytensor.tensor as pt

    alpha = phi["alpha"]
    scale = link(eta) * pt.exp(-pt.gammaln(1.0 + 1.0 / alpha))
    return {"distribution": "Weibull", "alpha": alpha, "beta": scale}


def _beta(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Beta", "mu": link(eta), "nu": phi["kappa"]}


def _tweedie(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"made": tweedie(link(eta), phi["phi"], phi["p"])}


def _von_mises(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "VonMises", "mu": link(eta), "kappa": phi["kappa"]}


def _categorical(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Categorical", "logit_p": eta}


def _multinomial(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    import pytensor.tensor as pt

    return {"distribution": "Multinomial", "n": trials, "p": pt.special.softmax(eta, axis=-1)}


def _ordinal(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    import pytensor.tensor as pt

    cuts = phi["cutpoint"]
    if link is _logit:
        return {
            "distribution": "OrderedLogistic",
            "eta": eta,
            "cutpoints": cuts,
            "compute_p": False,
        }
    away = cuts - eta[..., None]
    below, above = link(away), RESTS[link](away)
    nothing, whole = pt.zeros_like(below[..., :1]), pt.ones_like(below[..., :1])
    # From the nearer end, where no digit is lost beside 1.
    rising = pt.diff(pt.concatenate([nothing, below, whole], axis=-1), axis=-1)
    falling = -pt.diff(pt.concatenate([whole, above, nothing], axis=-1), axis=-1)
    is_low = pt.concatenate([below < 0.5, pt.zeros_like(nothing, dtype=bool)], axis=-1)
    return {"distribution": "Categorical", "p": pt.switch(is_low, rising, falling)}


LIKELIHOODS: dict[str, Callable[..., dict[str, Any]]] = {
    "gaussian": _gaussian,
    "student_t": _student_t,
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "negative_binomial1": _negative_binomial1,
    "zero_inflated_poisson": _with_psi("ZeroInflatedPoisson", _poisson),
    "zero_inflated_negative_binomial": _with_psi(
        "ZeroInflatedNegativeBinomial", _negative_binomial
    ),
    "hurdle_poisson": _with_psi("HurdlePoisson", _poisson),
    "beta_binomial": _beta_binomial,
    "gamma": _gamma,
    "inverse_gaussian": _inverse_gaussian,
    "exponential": _exponential,
    "weibull": _weibull,
    "beta": _beta,
    "tweedie": _tweedie,
    "von_mises": _von_mises,
    "categorical": _categorical,
    "multinomial": _multinomial,
    "ordinal": _ordinal,
}

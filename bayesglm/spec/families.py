"""What a model may say of its likelihood: families, the links each allows, and how to write them.

The functions that compute them stand under the same names in `bayesglm.numerics.families`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FamilyName:
    """One family: its links (the default first), its dispersions, and its notation.

    ``discrete`` says that responses are counted, so that a likelihood is a probability; that of
    other responses is a density.
    """

    links: tuple[str, ...]
    dispersions: tuple[str, ...] = ()
    needs_trials: bool = False
    discrete: bool = False
    notation: str = "{family}({mu})"


@dataclass(frozen=True)
class LinkName:
    """One link: the mean as a function of eta, the unit of eta, and whether it is its log."""

    mean: str
    unit: str
    is_log: bool = False  # then an exposure, by which the mean is multiplied, is an offset


FAMILY_NAMES: dict[str, FamilyName] = {
    "gaussian": FamilyName(
        links=("identity", "log", "softplus"),
        dispersions=("sigma",),
        notation="Normal({mu}, sigma²)",
    ),
    "bernoulli": FamilyName(
        links=("logit", "probit", "cloglog"),
        discrete=True,
        notation="Bernoulli({mu})",
    ),
    "binomial": FamilyName(
        links=("logit", "probit", "cloglog"),
        needs_trials=True,
        discrete=True,
        notation="Binomial({trials}, {mu})",
    ),
    "poisson": FamilyName(links=("log", "softplus"), discrete=True, notation="Poisson({mu})"),
}

LINK_NAMES: dict[str, LinkName] = {
    "identity": LinkName("{eta}", "response units"),
    "log": LinkName("exp({eta})", "log response", is_log=True),
    "softplus": LinkName("log(1 + exp({eta}))", "softplus response"),
    "logit": LinkName("1/(1 + exp(-{eta}))", "log odds"),
    "probit": LinkName("Φ({eta})", "probit"),
    "cloglog": LinkName("1 - exp(-exp({eta}))", "complementary log-log"),
}

"""Families and links of one's own: what is said of them, in functions of the mean's mu."""

from __future__ import annotations

import math
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.families import RANGES, FamilyName, LinkName
from bayesglm.spec.hints import shown
from bayesglm.spec.model_names import RESERVED
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import DISPERSION_PRIORS, DispersionPrior

type Function = Callable[..., Any]
type Ends = tuple[float, float]
REAL: Ends = (-math.inf, math.inf)  # the ends of all real numbers


@noun
class OwnDispersion:
    """A parameter of one's own family beside mu: positive, or between 0 and 1.

    Parameters
    ----------
    name : str
        Its name in models, fits and files.
    prior : prior or function
        Its default prior (`HalfNormal`, `InverseGamma`, `Beta`, ...), or a function of mean and
        standard deviation of the response that returns one.
    link : {"log", "logit"}
        How it is moved over all real numbers: log if it is positive, logit if it lies between 0
        and 1. Where it has a predictor of its own, that is its link.
    start : float, optional
        Where solvers start: 1, or 1/2 under the logit.
    limits : tuple of float
        The ends of its range at which the likelihood keeps a positive limit: ``(inf,)`` of degrees
        of freedom. A flat prior is improper there, and `fit` refuses it.
    deviance_power : float
        The power of it to which a deviance is proportional; 0 where it is to none.

    Raises
    ------
    ModelError
        A name that no parameter can have, another link, a start that lies outside.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.OwnDispersion("alpha", bg.InverseGamma(0.5, 0.5))
    OwnDispersion('alpha', InverseGamma(0.5, 0.5))
    """

    name: str
    prior: DispersionPrior | Function
    link: str = "log"
    start: float | None = None
    limits: tuple[float, ...] = ()
    deviance_power: float = 0.0

    def __post_init__(self) -> None:
        _check_name("OwnDispersion", self.name, {*RESERVED, "mu", "eta", "y", "trials"})
        if not callable(self.prior) and not isinstance(self.prior, DISPERSION_PRIORS):
            kinds = ", ".join(kind.__name__ for kind in DISPERSION_PRIORS)
            raise ModelError(
                f"OwnDispersion {self.name!r}: prior must be one of {kinds}, or a function of the "
                f"response's mean and standard deviation, got {shown(self.prior)}."
            )
        if self.link not in ("log", "logit"):
            raise ModelError(
                f"OwnDispersion {self.name!r}: link must be 'log' (positive) or 'logit' (between "
                f"0 and 1), got {shown(self.link)}."
            )
        low, high = RANGES[self.link]
        if self.start is not None and not low < self.start < high:
            raise ModelError(
                f"OwnDispersion {self.name!r}: start must lie between {low:g} and {high:g}, got "
                f"{shown(self.start)}."
            )

    @property
    def first(self) -> float:
        """Where solvers start."""
        return self.start or (1.0 if self.link == "log" else 0.5)


@noun
class OwnFamily:
    """A family of one's own: a log density in mu and what else the verbs ask for.

    Every function takes mu, then each dispersion in the order of ``dispersions``, then the number
    of trials where ``has_trials`` says so; all broadcast. mu is g^-1(eta) under each of the links.
    Derivatives are not asked for: the log density is differentiated as NumPy evaluates it, by
    forward differentiation, to rounding error (`bayesglm.register_family` says where it cannot).
    What may be left out costs: deviances are then searched for, quantile residuals are refused.

    Parameters
    ----------
    name : str
        What models call it, ``family=name``.
    links : str or tuple of str
        The links that it goes with, the default first.
    log_density : function
        ``log_density(y, mu, *dispersions)``: log p(y), normalised, in NumPy's and SciPy's
        elementwise functions.
    twin : function
        ``twin(mu, *dispersions)`` of PyTensor variables: a distribution of PyMC, made by its
        ``dist``.
    draw : function
        ``draw(rng, mu, *dispersions)``: responses by a `numpy.random.Generator`.
    valid : function
        ``valid(y)``: a mask of the responses that the family has.
    support : str
        The same in words, for messages: "positive numbers".
    dispersions : OwnDispersion or tuple of them
        The parameters beside mu.
    mean : function, optional
        ``mean(mu, *dispersions)``: E[y], where it is not mu (of trials, mu times trials).
    mu_range : tuple of two floats
        The ends between which mu lies; all real numbers by default.
    discrete : bool
        Whether responses are counted, so that a likelihood is a probability.
    has_trials : bool
        Whether each response is one of a number of trials, ``GLM(trials=...)``; ``valid`` takes
        it too.
    has_unit : bool
        Whether responses are measured in some unit, by which default priors are scaled.
    concave_links : tuple of str
        The links under which log p is concave in eta for each y, if any: then no mode is missed.
    cdf, survival : function, optional
        ``cdf(y, mu, *dispersions)``: P(Y <= y); ``survival`` P(Y > y), by default one less it.
    saturated : function, optional
        ``saturated(y, *dispersions)``: the largest log density over mu.
    notation : str, optional
        How it is printed, ``"LogNormal({mu}, sigma)"``.

    Raises
    ------
    ModelError
        A name that no family can have, what is no function, ends in the wrong order.

    Examples
    --------
    >>> import bayesglm as bg
    >>> import numpy as np
    >>> from scipy.special import gammaln
    >>> def twin(mu):
    ...     import pymc as pm
    ...     return pm.Geometric.dist(p=1 / (1 + mu)) - 1
    >>> bg.OwnFamily(
    ...     "failures", "log",
    ...     log_density=lambda y, mu: y * np.log(mu) - (y + 1) * np.log1p(mu),
    ...     twin=twin,
    ...     draw=lambda rng, mu: rng.geometric(1 / (1 + mu)) - 1,
    ...     valid=lambda y: (y >= 0) & (y == np.floor(y)),
    ...     support="non-negative integers",
    ...     mu_range=(0, np.inf), discrete=True, concave_links=("log",),
    ... ).links
    ('log',)
    """

    name: str
    links: tuple[str, ...]
    log_density: Function
    twin: Function
    draw: Function
    valid: Function
    support: str
    dispersions: tuple[OwnDispersion, ...] = ()
    mean: Function | None = None
    mu_range: Ends = REAL
    discrete: bool = False
    has_trials: bool = False
    has_unit: bool = False
    concave_links: tuple[str, ...] = ()
    cdf: Function | None = None
    survival: Function | None = None
    saturated: Function | None = None
    notation: str | None = None

    def __post_init__(self) -> None:
        _check_name("OwnFamily", self.name)
        for field in ("links", "concave_links"):
            given = getattr(self, field)
            put(self, **{field: (given,) if isinstance(given, str) else tuple(given)})
        if isinstance(self.dispersions, OwnDispersion):
            put(self, dispersions=(self.dispersions,))
        put(self, dispersions=tuple(self.dispersions), mu_range=tuple(map(float, self.mu_range)))
        what = f"OwnFamily {self.name!r}"
        if not self.links:
            raise ModelError(f"{what} needs a link; give links=('identity',), say.")
        needed = ("log_density", "twin", "draw", "valid")
        _check_functions(self, needed, ("mean", "cdf", "survival", "saturated"))
        _check_ends(what, "mu_range", self.mu_range)
        names = [one.name for one in self.dispersions]
        if len(set(names)) < len(names):
            raise ModelError(f"{what} has two dispersions of one name ({', '.join(names)}).")

    @property
    def words(self) -> FamilyName:
        """Its entry in the vocabulary of models."""
        names = [one.name for one in self.dispersions]
        own = ", ".join(["{mu}", *names])
        return FamilyName(
            links=self.links,
            dispersions=tuple(names),
            dispersion_links=tuple(one.link for one in self.dispersions),
            needs_trials=self.has_trials,
            discrete=self.discrete,
            has_unit=self.has_unit,
            deviance_powers=tuple(one.deviance_power for one in self.dispersions),
            notation=self.notation or f"{self.name}({own})",
        )


@noun
class OwnLink:
    """A link of one's own: the mean as an increasing or decreasing function of eta.

    Parameters
    ----------
    name : str
        What models call it, ``link=name``.
    mean : function
        ``mean(eta)``, g^-1, in NumPy's and SciPy's elementwise functions; its derivatives follow
        from it, as those of `OwnFamily.log_density` do.
    twin : function
        ``twin(eta)``, the same of PyTensor variables.
    families : tuple of str
        The families that it is for; families of one's own name it among their ``links`` as well.
    domain : tuple of two floats
        The open interval of eta on which it is defined; the density is zero elsewhere.
    is_log : bool
        Whether eta is the log of the mean, so that an exposure is an offset.
    notation : str
        How the mean is printed, of ``{eta}``.
    unit : str
        The unit of eta in reports.

    Raises
    ------
    ModelError
        A name that no link can have, what is no function, ends in the wrong order.

    Examples
    --------
    >>> import bayesglm as bg
    >>> import numpy as np
    >>> bg.OwnLink("log1p", np.expm1, twin=lambda eta: eta.expm1(), families="poisson",
    ...            domain=(0, np.inf), notation="exp({eta}) - 1").domain
    (0.0, inf)
    """

    name: str
    mean: Function
    twin: Function
    families: tuple[str, ...] = ()
    domain: Ends = REAL
    is_log: bool = False
    notation: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        _check_name("OwnLink", self.name)
        given = self.families
        put(self, families=(given,) if isinstance(given, str) else tuple(given))
        put(self, domain=tuple(map(float, self.domain)))
        _check_functions(self, ("mean", "twin"), ())
        _check_ends(f"OwnLink {self.name!r}", "domain", self.domain)

    @property
    def words(self) -> LinkName:
        """Its entry in the vocabulary of models."""
        mean = self.notation or f"{self.name}⁻¹({{eta}})"
        return LinkName(mean, self.unit or self.name, is_log=self.is_log)


def _check_name(what: str, name: object, reserved: set[str] | frozenset[str] = frozenset()) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise ModelError(
            f"{what} name must be a word of letters, digits and underscores, as Python's names "
            f"are, got {shown(name)}."
        )
    if name in reserved:
        raise ModelError(f"{what} {name!r}: the name is reserved; take another.")


def _check_functions(own: Any, needed: tuple[str, ...], others: tuple[str, ...]) -> None:
    for field in (*needed, *others):
        given = getattr(own, field)
        if not callable(given) and (field in needed or given is not None):
            raise ModelError(
                f"{type(own).__name__} {own.name!r}: {field} must be a function, got "
                f"{shown(given)}."
            )


def _check_ends(what: str, field: str, ends: Ends) -> None:
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ModelError(f"{what}: {field} must be two ends, the lower first, got {shown(ends)}.")

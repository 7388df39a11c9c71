"""What a model may say of its likelihood: families, the links each allows, and how to write them.

The records that compute them refer to these by name (`bayesglm.numerics.families`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Labels:
    """What labels a response may have: how many levels at most, and whether in an order.

    ``each`` says that each has a linear predictor of its own, but for the one that the others are
    held against, if there is such a one. ``counted`` says that responses are counts of each level,
    along a dim of the levels.
    """

    most: int | None = None
    ordered: bool = False
    each: bool = False
    counted: bool = False


# The ends between which a parameter lies that a link takes to all real numbers.
RANGES = {"log": (0.0, math.inf), "logit": (0.0, 1.0), "": (-math.inf, math.inf)}


@dataclass(frozen=True)
class FamilyName:
    """One family: its links (the default first), its dispersions, notation and other names.

    ``discrete`` says that responses are counted, so that a likelihood is a probability; that of
    other responses is a density. ``counts`` says that they count events without a bound, so that
    the mean of a sample is a rate. ``circular`` says that responses are angles, whose mean is a
    direction. ``has_atoms`` says that some responses have a probability of their own beside the
    density of the others. ``has_unit`` says that they are measured in some unit, by which
    default priors are scaled. A deviance is proportional to each dispersion to the power that
    ``deviance_powers`` gives, in the order of ``dispersions``; 0 where it is proportional to none.
    ``dispersion_links`` are the links of linear predictors of these, empty for one that takes none;
    log for all where none is said. ``dispersion_ranges`` are the ends between which they lie, those
    of their links where none are said. ``labels`` are those that responses may have in place of
    numbers, if any. ``increasing`` are the dispersions that are several numbers, each above the
    last, in place of an intercept. ``eta`` is how the argument of the link's inverse is written.
    """

    links: tuple[str, ...]
    dispersions: tuple[str, ...] = ()
    dispersion_links: tuple[str, ...] = ()
    dispersion_ranges: tuple[tuple[float, float], ...] = ()
    needs_trials: bool = False
    discrete: bool = False
    counts: bool = False
    circular: bool = False
    has_atoms: bool = False
    has_unit: bool = False
    deviance_powers: tuple[float, ...] = ()
    notation: str = "{family}({mu})"
    also: tuple[str, ...] = ()  # what it is called elsewhere, for messages
    labels: Labels | None = None
    increasing: tuple[str, ...] = ()
    eta: str = "eta{index}"

    @property
    def counts_levels(self) -> bool:
        """Whether responses are counts of each of several levels, along a dim of theirs."""
        return self.labels is not None and self.labels.counted

    @property
    def counts_events(self) -> bool:
        """Whether responses are numbers of events, so that information is told by the event.

        Without a bound, or among trials; of yes and no, yes is one.
        """
        of_labels = self.labels is not None and self.labels.most != 2
        return self.discrete and not of_labels

    @property
    def is_threshold(self) -> bool:
        """Whether responses are thresholds of a latent variable, whose distribution the link is."""
        return self.discrete and not self.counts and self.dispersions == self.increasing

    @property
    def log_ratio(self) -> str:
        """What exp of a coefficient is on a log link, where that has a name of its own."""
        of_chances = self.discrete and not self.counts
        return "rate ratio" if self.counts else "risk ratio" if of_chances else ""

    @property
    def noun(self) -> str:
        """What the mean of a response is called."""
        of_chances = self.discrete and not self.counts
        counted = "rate" if self.counts else "probability" if of_chances else "mean"
        return "direction" if self.circular else counted

    def link_of(self, dispersion: str) -> str:
        """Return the link of a dispersion's linear predictor."""
        place = self.dispersions.index(dispersion)
        return self.dispersion_links[place] if self.dispersion_links else "log"

    def stretch_of(self, dispersion: str) -> tuple[float, float]:
        """Return a and b of a dispersion that is a + b g^-1(eta), g being its link.

        >>> FAMILY_NAMES["zero_inflated_poisson"].stretch_of("psi")
        (0.0, 1.0)
        """
        low, high = self.range_of(dispersion)
        own = (low, high) == RANGES[self.link_of(dispersion)]
        return (0.0, 1.0) if own else (low, high - low)

    def option_of(self, dispersion: str, value: str) -> str:
        """Write the option of a model that says so of a dispersion: by name, of several.

        >>> FAMILY_NAMES["gaussian"].option_of("sigma", "1.0")
        'dispersion=1.0'
        """
        several = len(self.dispersions) > 1
        return f"dispersion={{{dispersion!r}: {value}}}" if several else f"dispersion={value}"

    def range_of(self, dispersion: str) -> tuple[float, float]:
        """Return the ends between which a dispersion lies, both left out."""
        if self.dispersion_ranges:
            return self.dispersion_ranges[self.dispersions.index(dispersion)]
        return RANGES[self.link_of(dispersion)]


@dataclass(frozen=True)
class LinkName:
    """One link: the mean as a function of eta, the unit of eta, and whether it is its log.

    ``power`` is that of the response that eta is in the main, and so that of its unit; 0 where eta
    has no unit.
    ``is_turn`` says that eta goes once around a circle, which it leaves at neither end: there a
    flat prior is improper, and one that is flat on the circle is a Cauchy prior of eta.
    """

    mean: str
    unit: str
    power: float = 0.0
    is_turn: bool = False
    is_log: bool = False  # then an exposure, by which the mean is multiplied, is an offset
    ratio: str = ""  # what exp of a coefficient is, where it multiplies something
    multiplied: str = ""  # what that is
    latent_variance: float | None = None  # of the variable whose threshold a response is
    also: tuple[str, ...] = ()  # what it is called elsewhere, for messages


# Links of a probability, of a mean count, and of another positive mean. Of each the last few have a
# domain, outside of which the mean would leave its range.
BINARY = ("logit", "probit", "cauchit", "cloglog", "loglog", "log", "identity")
COUNTS = ("log", "softplus", "identity", "sqrt")
POSITIVE = (*COUNTS, "inverse")

FAMILY_NAMES: dict[str, FamilyName] = {
    "gaussian": FamilyName(
        links=("identity", "log", "softplus", "inverse"),
        dispersions=("sigma",),
        deviance_powers=(-2.0,),
        has_unit=True,
        notation="Normal({mu}, sigma²)",
        also=("normal", "norm", "gauss", "linear", "lm", "ols", "least_squares"),
    ),
    "bernoulli": FamilyName(
        links=BINARY,
        discrete=True,
        notation="Bernoulli({mu})",
        labels=Labels(most=2),
        also=("logistic", "logit", "probit", "binary", "bern"),
    ),
    "binomial": FamilyName(
        links=BINARY,
        needs_trials=True,
        discrete=True,
        notation="Binomial({trials}, {mu})",
        also=("binom",),
    ),
    "poisson": FamilyName(
        links=COUNTS,
        discrete=True,
        counts=True,
        notation="Poisson({mu})",
        also=("pois", "count", "counts"),
    ),
    "negative_binomial": FamilyName(
        links=COUNTS,
        dispersions=("alpha",),
        discrete=True,
        counts=True,
        deviance_powers=(0.0,),
        notation="NegativeBinomial(mean μ = {mu}, variance μ + μ²/alpha)",
        also=(
            *("negbin", "negbinomial", "nb", "nb2", "nbinom", "nbinom2", "negativebinomial"),
            "gamma_poisson",
        ),
    ),
    "negative_binomial1": FamilyName(
        links=COUNTS,
        dispersions=("phi",),
        discrete=True,
        counts=True,
        deviance_powers=(0.0,),
        notation="NegativeBinomial(mean μ = {mu}, variance μ·(1 + phi))",
        also=("nb1", "nbinom1", "negbin1"),
    ),
    "zero_inflated_poisson": FamilyName(
        links=COUNTS,
        dispersions=("psi",),
        dispersion_links=("logit",),
        discrete=True,
        counts=True,
        deviance_powers=(0.0,),
        notation="0 with 1 - psi, else Poisson({mu})",
        also=("zip", "zeroinfl", "zipoisson", "zipf"),
    ),
    "zero_inflated_negative_binomial": FamilyName(
        links=COUNTS,
        dispersions=("psi", "alpha"),
        dispersion_links=("logit", "log"),
        discrete=True,
        counts=True,
        deviance_powers=(0.0, 0.0),
        notation=("0 with 1 - psi, else NegativeBinomial(mean μ = {mu}, variance μ + μ²/alpha)"),
        also=("zinb", "zero_inflated_negbinomial", "zinbinom2"),
    ),
    "hurdle_poisson": FamilyName(
        links=COUNTS,
        dispersions=("psi",),
        dispersion_links=("logit",),
        discrete=True,
        counts=True,
        deviance_powers=(0.0,),
        notation="0 with 1 - psi, else Poisson({mu}) given y > 0",
        also=("hurdle", "zero_altered_poisson", "zap", "truncated_poisson"),
    ),
    "beta_binomial": FamilyName(
        links=BINARY,
        dispersions=("kappa",),
        needs_trials=True,
        discrete=True,
        deviance_powers=(0.0,),
        notation="BetaBinomial({trials}, {mu} kappa, (1 - {mu}) kappa)",
        also=("betabinom", "betabinomial", "beta_binom", "bb"),
    ),
    "student_t": FamilyName(
        links=("identity", "log", "softplus"),
        dispersions=("sigma", "nu"),
        deviance_powers=(0.0, 0.0),
        has_unit=True,
        notation="StudentT(location {mu}, scale sigma, df nu)",
        also=("student", "studentt", "student-t", "t", "robust"),
    ),
    "gamma": FamilyName(
        links=POSITIVE,
        has_unit=True,
        dispersions=("alpha",),
        deviance_powers=(1.0,),
        notation="Gamma(shape alpha, rate alpha / {mu})",
        also=("gam",),
    ),
    "inverse_gaussian": FamilyName(
        links=POSITIVE,
        has_unit=True,
        dispersions=("lam",),
        deviance_powers=(1.0,),
        notation="InverseGaussian(mean μ = {mu}, variance μ³/lam)",
        also=("wald", "inversegaussian", "inverse.gaussian", "invgauss", "ig"),
    ),
    "exponential": FamilyName(
        links=POSITIVE,
        has_unit=True,
        notation="Exponential(mean {mu})",
        also=("expon", "exp"),
    ),
    "weibull": FamilyName(
        links=POSITIVE,
        has_unit=True,
        dispersions=("alpha",),
        deviance_powers=(0.0,),
        notation="Weibull(shape alpha, scale {mu} / Γ(1 + 1/alpha))",
        also=("weibull_min",),
    ),
    "tweedie": FamilyName(
        links=POSITIVE,
        has_unit=True,
        dispersions=("phi", "p"),
        dispersion_links=("log", "logit"),
        dispersion_ranges=((0.0, math.inf), (1.01, 1.99)),
        deviance_powers=(-1.0, 0.0),
        has_atoms=True,
        notation="Tweedie(mean μ = {mu}, variance phi μ^p)",
        also=("compound_poisson", "compound_poisson_gamma"),
    ),
    "beta": FamilyName(
        links=BINARY,
        dispersions=("kappa",),
        deviance_powers=(0.0,),
        notation="Beta({mu} kappa, (1 - {mu}) kappa)",
        also=("betareg", "proportion"),
    ),
    "von_mises": FamilyName(
        links=("tan_half", "identity"),
        dispersions=("kappa",),
        circular=True,
        deviance_powers=(1.0,),
        notation="VonMises(direction {mu}, concentration kappa)",
        also=("vonmises", "von-mises", "circular"),
    ),
    "categorical": FamilyName(
        links=("logit",),
        discrete=True,
        notation="Categorical(softmax(eta{index}))",
        labels=Labels(each=True),
        also=("softmax", "multinomial_logit", "multinom", "mnlogit", "multiclass"),
    ),
    "multinomial": FamilyName(
        links=("logit",),
        discrete=True,
        notation="Multinomial({trials}, softmax(eta{index}))",
        labels=Labels(each=True, counted=True),
    ),
    "ordinal": FamilyName(
        links=("logit", "probit", "cloglog", "cauchit", "loglog"),
        dispersions=("cutpoint",),
        discrete=True,
        deviance_powers=(0.0,),
        notation="Ordinal, P(up to level k) = {mu}",
        labels=Labels(ordered=True),
        dispersion_links=("",),
        increasing=("cutpoint",),
        eta="(cutpoint[k] - eta{index})",
        also=("cumulative", "ordered", "polr", "clm", "ordered_logit", "ordered_logistic"),
    ),
}

LINK_NAMES: dict[str, LinkName] = {
    "identity": LinkName("{eta}", "response units", power=1.0, also=("linear", "id", "none")),
    "log": LinkName(
        "exp({eta})", "log response", is_log=True, ratio="ratio of means", multiplied="mean"
    ),
    "softplus": LinkName("log(1 + exp({eta}))", "softplus response", power=1.0),
    "sqrt": LinkName("{eta}**2", "root of the response", power=0.5, also=("square_root",)),
    "inverse": LinkName(
        "1/{eta}", "one over the response", power=-1.0, also=("inverse_power", "reciprocal")
    ),
    "logit": LinkName(
        "1/(1 + exp(-{eta}))",
        "log odds",
        ratio="odds ratio",
        multiplied="odds",
        latent_variance=math.pi**2 / 3,
        also=("logistic", "sigmoid"),
    ),
    "probit": LinkName("Φ({eta})", "probit", latent_variance=1.0),
    "cloglog": LinkName(
        "1 - exp(-exp({eta}))",
        "complementary log-log",
        ratio="hazard ratio",
        multiplied="hazard",
        latent_variance=math.pi**2 / 6,
    ),
    "loglog": LinkName("exp(-exp(-{eta}))", "log-log", latent_variance=math.pi**2 / 6),
    "cauchit": LinkName("1/2 + arctan({eta})/π", "cauchit"),
    "tan_half": LinkName(
        "2 * arctan({eta})", "tangent of half the angle", is_turn=True, also=("tan",)
    ),
}


def dispersion_names() -> set[str]:
    """Return the names of all families' dispersions: the same data are fitted by several families.

    >>> "sigma" in dispersion_names()
    True
    """
    return {name for family in FAMILY_NAMES.values() for name in family.dispersions}

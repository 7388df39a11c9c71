"""Examples of every prior, by which the conformance tests run over the package's own tables.

Of each prior stands here what its record cannot say of itself: numbers, and its log density in as
many digits as are asked for, which shares no code with the package.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.prior.positive import SCALE_PRIORS
from bayesglm.spec.priors import COEFFICIENT_PRIORS, learned_scale


def decimals(low: float, high: float) -> st.SearchStrategy:
    """Numbers of six decimals: differences of functions cannot resolve an argument of 1e-150."""
    return st.integers(int(low * 1e6), int(high * 1e6)).map(lambda k: k / 1e6)


class Example(NamedTuple):
    """Numbers of a prior, and its log density.

    ``log_density(x, **numbers)`` returns addends in many digits, against the sum of whose sizes
    rounding is measured; None where coefficients are not independent of one another. ``said`` are
    the numbers that its noun takes, where its record's are others. ``kink`` is
    the weight of -|x - loc| in it, ``unit(x, **numbers)`` over what distance it changes, where that
    is not its scale: differences far below are rounding errors.
    """

    numbers: dict[str, Any]
    log_density: Callable[..., list] | None = None
    kink: Callable[..., Any] | None = None
    unit: Callable[..., float] = lambda x, scale=1.0, **others: scale
    said: dict[str, Any] | None = None


# What any prior's number of that name may be.
RANGES = {
    "scale": decimals(0.001, 1000),
    "loc": decimals(-5, 5),
    "ratio": decimals(0.000001, 0.999999),
    "spike": decimals(0.000010, 0.0009),  # below any scale
    "probability": decimals(0.000001, 0.999999),
    "df": decimals(0.5, 10_000),
    "shape": decimals(0.1, 50),
    "rate": decimals(0.1, 50),
    "alpha": decimals(0.1, 50),
    "beta": decimals(0.1, 50),
    "lower": decimals(-10, -5),
    "upper": decimals(5, 10),
    "of": st.builds(bg.Gamma, decimals(0.6, 50), decimals(0.1, 50)),
}


def _normal(x: Any, scale: Any, loc: Any = 0) -> list:
    return [-(((x - loc) / scale) ** 2) / 2, -mp.log(scale), -mp.log(2 * mp.pi) / 2]


def _student_t(x: Any, scale: Any, df: Any, loc: Any = 0) -> list:
    constants = mp.loggamma((df + 1) / 2), -mp.loggamma(df / 2), -mp.log(df * mp.pi) / 2
    return [*constants, -mp.log(scale), -(df + 1) / 2 * mp.log1p(((x - loc) / scale) ** 2 / df)]


def _spike_slab(x: Any, scale: Any, spike: Any, probability: Any) -> list:
    slab, narrow = (mp.fsum(_normal(x, sd)) for sd in (scale, spike))
    most = max(slab, narrow)
    both = probability * mp.exp(slab - most) + (1 - probability) * mp.exp(narrow - most)
    return [most, mp.log(both)]


def _elastic_net(x: Any, scale: Any, ratio: Any, loc: Any = 0) -> list:
    z = abs(x - loc) / scale
    return [-ratio * z, -(1 - ratio) * z**2 / 2, -mp.log(scale), -_elastic_net_norm(ratio)]


def _elastic_net_norm(ratio: Any) -> Any:
    """log of the integral of exp(-ratio |z| - (1 - ratio) z^2 / 2) over z."""
    b = 1 - ratio
    x = ratio / mp.sqrt(2 * b)
    # mpmath has no erfcx; far out its erfc needs a series whose next term is 945/(32 x^10).
    far = (
        mp.fsum([1, -1 / (2 * x**2), 3 / (4 * x**4), -15 / (8 * x**6), 105 / (16 * x**8)])
        / (x * mp.sqrt(mp.pi))
        if x > 1e5
        else mp.exp(x**2) * mp.erfc(x)
    )
    return mp.log(mp.sqrt(2 * mp.pi / b) * far)


def _inverse_gamma(x: Any, shape: Any, scale: Any) -> list:
    constants = shape * mp.log(scale), -mp.loggamma(shape)
    return [*constants, -(shape + 1) * mp.log(x), -scale / x]


def _beta(x: Any, alpha: Any, beta: Any) -> list:
    constants = mp.loggamma(alpha + beta), -mp.loggamma(alpha), -mp.loggamma(beta)
    return [*constants, (alpha - 1) * mp.log(x), (beta - 1) * mp.log1p(-x)]


EXAMPLES: dict[str, Example] = {
    "Normal": Example({"scale": 2.5, "loc": -0.5}, _normal),
    "Laplace": Example(
        {"scale": 0.4, "loc": 1.5},
        lambda x, scale, loc: [-abs(x - loc) / scale, -mp.log(2 * scale)],
        kink=lambda scale, loc: 1 / scale,
    ),
    "ElasticNet": Example(
        {"scale": 0.6, "ratio": 0.3, "loc": -1.5},
        _elastic_net,
        kink=lambda scale, ratio, loc: ratio / scale,
    ),
    "GroupLasso": Example(  # of a group of one
        {"scale": 0.6},
        lambda x, scale: [-abs(x) / scale, -mp.log(2 * scale)],
        kink=lambda scale: 1 / scale,
    ),
    "StudentT": Example({"scale": 0.7, "df": 2.5, "loc": 0.5}, _student_t),
    "Cauchy": Example(
        {"scale": 0.7, "loc": 0.5}, lambda x, scale, loc: _student_t(x, scale, mp.mpf(1), loc)
    ),
    "SpikeSlab": Example(
        {"scale": 1.5, "spike": 0.1, "probability": 0.3},
        _spike_slab,
        unit=lambda x, scale, spike, probability: min(scale, spike),
    ),
    "Steps": Example({"scale": 1.2}, _normal),  # of one step
    "Horseshoe": Example({"scale": 0.3}, _normal),  # given the scales of the coefficients
    "R2D2": Example(
        {"scale": 0.4},
        _normal,
        said={"mean": 0.3, "concentration": 0.8, "sigma": 1.3, "predictor_sd": 0.7},
    ),
    "RandomWalk": Example({"scale": 0.5}),
    "GaussianProcess": Example(  # of one wave
        {"scale": 0.6}, _normal, said={"scale": 0.6, "lengthscale": 1.5}
    ),
    "ALD": Example(  # of one wave
        {"scale": 0.7},
        _normal,
        said={"scale": 0.7, "centre": 1.0, "width": 1.5, "frequency": 0.2, "bandwidth": 0.1},
    ),
    "Flat": Example({}, lambda x: [mp.mpf(0)]),
    "HalfNormal": Example({"scale": 1.7}, lambda x, scale: [mp.log(2), *_normal(x, scale)]),
    "HalfStudentT": Example(
        {"scale": 0.8, "df": 3.5}, lambda x, scale, df: [mp.log(2), *_student_t(x, scale, df)]
    ),
    "Exponential": Example({"scale": 2.2}, lambda x, scale: [-x / scale, -mp.log(scale)]),
    "Gamma": Example(
        {"shape": 0.6, "rate": 0.7},
        lambda x, shape, rate: [
            shape * mp.log(rate),
            -mp.loggamma(shape),
            (shape - 1) * mp.log(x),
            -rate * x,
        ],
        unit=lambda x, shape, rate: min(x, 1.0 / rate),
    ),
    "InverseGamma": Example(
        {"shape": 2.0, "scale": 8.0},
        _inverse_gamma,
        unit=lambda x, shape, scale: x / (shape + 1.0),
    ),
    "Beta": Example(
        {"alpha": 2.0, "beta": 0.5},
        _beta,
        unit=lambda x, alpha, beta: min(x, 1.0 - x) / (1.0 + alpha + beta),
    ),
    "HalfCauchy": Example(
        {"scale": 0.8}, lambda x, scale: [mp.log(2), *_student_t(x, scale, mp.mpf(1))]
    ),
    "RootGamma": Example(
        {"shape": 0.3, "rate": 0.6},
        lambda x, shape, rate: [
            shape * mp.log(rate),
            -mp.loggamma(shape),
            mp.log(2),
            (2 * shape - 1) * mp.log(x),
            -rate * x**2,
        ],
        unit=lambda x, shape, rate: min(x, 1.0 / rate**0.5) / (1.0 + shape),
    ),
    "RootInverseGamma": Example(
        {"shape": 1.5, "scale": 2.0},
        lambda x, shape, scale: [
            *_inverse_gamma(x * x, shape, scale),
            mp.log(2) + mp.log(x),
        ],
        unit=lambda x, shape, scale: x / (1.0 + shape),
    ),
    "Precision": Example({"of": bg.Gamma(1.5, 2.0)}),
    "Variance": Example({"of": bg.Gamma(0.8, 0.6)}),
    "Uniform": Example(
        {"lower": 0.0, "upper": 3.0},
        lambda x, lower, upper: [-mp.log(upper - lower)],
    ),
}


def exact_terms(name: str, x: Any, **numbers: Any) -> list:
    """Return the addends of a prior's log density in the digits of mpmath's context."""
    density = EXAMPLES[name].log_density
    assert density is not None
    return density(x, **{key: mp.mpf(value) for key, value in numbers.items()})


def prior_of(kind: type, **others: Any) -> Any:
    """Return the example of a kind of prior, with some of its numbers exchanged."""
    example = EXAMPLES[kind.__name__]
    return kind(**(example.said or example.numbers) | others)


def known(kinds: tuple[type, ...]) -> list[type]:
    """Return the kinds of priors that have an example."""
    return [kind for kind in kinds if kind.__name__ in EXAMPLES]


OF_COEFFICIENTS = [prior_of(kind) for kind in known(COEFFICIENT_PRIORS)]
OF_SCALES = [prior_of(kind) for kind in known(SCALE_PRIORS)]


def with_learned_scale(kind: type, above: Any) -> Any:
    """Return the example of a prior whose scale is a parameter; None where it has none."""
    prior = prior_of(kind)
    if kind in SCALE_PRIORS:
        return None
    if not kind.traits.has_scale and learned_scale(prior) is None:
        return None
    if not hasattr(prior, "scale") or learned_scale(prior) is not None:
        return prior if hasattr(prior, "scale") else None
    return prior_of(kind, scale=above)

"""Laplace priors: an L1 penalty of weight 1 / scale; and beside an L2 penalty, or of one side.

An ElasticNet has the weights ratio / scale and (1 - ratio) / (2 scale^2) (Zou & Hastie 2005).
"""

import numpy as np
from scipy.special import erfcx, gammaln, kve

from bayesglm.numerics.priors.proxes import soft_threshold
from bayesglm.numerics.priors.record import Array, Prior, beyond_zero, on_positive, zeros


def _laplace_penalty(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """|x - loc| / scale."""
    return np.abs(x - loc) / scale


def _laplace_log_density(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """-|x - loc| / scale - log(2 scale)."""
    return -_laplace_penalty(x, scale, loc) - np.log(2.0 * scale)


def _laplace_gradient(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return -np.sign(x - loc) / scale


def _laplace_kink(scale: Array | float, loc: Array | float = 0.0) -> Array | float:
    return 1.0 / scale


def _laplace_prox(x: Array, step: float, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """x moved towards loc by step / scale, and no further (Donoho & Johnstone 1994)."""
    return loc + soft_threshold(x - loc, step / scale)


def elastic_net_log_norm(scale: Array | float, ratio: Array | float) -> Array:
    """log of the integral of exp(-ratio |z| - (1 - ratio) z^2 / 2) over x, z = (x - loc) / scale.

    It lies between that of Laplace, log(2 scale), and that of Normal, log(2 pi scale^2) / 2.

    >>> elastic_net_log_norm(1.0, np.array([1e-20, 0.5, 1 - 1e-16])).round(4)
    array([0.9189, 0.7805, 0.6931])
    """
    rest = 1.0 - ratio
    # Each factor alone is of order 1e8 as the ratio nears one: multiply before the logarithm.
    unit = np.sqrt(2.0 * np.pi / rest) * erfcx(ratio / np.sqrt(2.0 * rest))
    return np.log(scale) + np.log(unit)


def _elastic_net_penalty(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    """ratio |z| + (1 - ratio) z^2 / 2 with z = (x - loc) / scale."""
    z = np.abs(x - loc) / scale
    return ratio * z + 0.5 * (1.0 - ratio) * z * z


def _elastic_net_log_density(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    """-ratio |z| - (1 - ratio) z^2 / 2 - log(norm) with z = (x - loc) / scale."""
    return -_elastic_net_penalty(x, scale, ratio, loc) - elastic_net_log_norm(scale, ratio)


def _elastic_net_prox(
    x: Array,
    step: float,
    scale: Array | float,
    ratio: Array | float,
    loc: Array | float = 0.0,
) -> Array:
    """Laplace's prox of the weight ratio, and then Normal's of what is left."""
    near = soft_threshold(x - loc, step * ratio / scale)
    return loc + near / (1.0 + step * (1.0 - ratio) / scale / scale)


def _draw_elastic_net(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    scale: Array | float,
    ratio: Array | float,
    loc: Array | float = 0.0,
) -> Array:
    """Draw |z| as a normal above alpha, less alpha, and its side.

    t = |z| sqrt(1 - ratio) has the density exp(-alpha t - t^2/2), alpha = ratio/sqrt(1 - ratio),
    drawn from exponentials of rate k = (alpha + sqrt(alpha^2 + 4))/2, of which those are kept that
    exp(-(t + alpha - k)^2/2) says (Robert 1995, Statistics and Computing 5, 121): 3 of 4 at least.
    """
    width = np.broadcast_to(np.sqrt(1.0 - np.asarray(ratio)), shape)
    alpha = ratio / width
    root = np.sqrt(alpha * alpha + 4.0)
    rate, behind = 0.5 * (alpha + root), -2.0 / (alpha + root)
    t, open_ = np.zeros(shape), np.ones(shape, dtype=bool)
    while open_.any():
        tried = rng.exponential(size=shape) / rate
        kept = open_ & (rng.random(shape) < np.exp(-0.5 * np.square(tried + behind)))
        t[kept] = tried[kept]
        open_ &= ~kept
    side = np.where(rng.random(shape) < 0.5, -1.0, 1.0)
    return loc + side * scale * t / width


def _elastic_net_gradient(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    z = (x - loc) / scale
    return -(ratio * np.sign(z) + (1.0 - ratio) * z) / scale


def _elastic_net_curvature(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    return zeros(x, scale=scale, ratio=ratio, loc=loc) - (1.0 - ratio) / scale / scale


def _elastic_net_kink(
    scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array | float:
    return ratio / scale


def _exponential_log_density(x: Array, scale: Array | float) -> Array:
    """-x / scale - log(scale) for x >= 0; scale is the mean."""
    return on_positive(x, -x / scale - np.log(scale))


def _exponential_prox(x: Array, step: float, scale: Array | float) -> Array:
    """x less step / scale, and no further than zero."""
    return np.maximum(x - step / scale, 0.0)


def _exponential_gradient(x: Array, scale: Array | float) -> Array:
    return zeros(x, scale=scale) - 1.0 / scale


def group_lasso_log_norm(scale: Array | float, size: Array | float) -> Array:
    """log of the integral of exp(-k |w|) over w of q numbers, k = sqrt(q) / scale.

    It is that over r of r^(q - 1) exp(-k r), times the sphere: 2 pi^(q/2) G(q) / (G(q/2) k^q).
    """
    sphere = np.log(2.0) + 0.5 * size * np.log(np.pi) + gammaln(size) - gammaln(0.5 * size)
    return sphere - size * (0.5 * np.log(size) - np.log(scale))


def _group_lasso_penalty(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    """sqrt(size) |x| / scale, x being the length of ``size`` coefficients."""
    return np.sqrt(size) * np.abs(x) / scale


def _group_lasso_log_density(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    """-sqrt(size) |x| / scale - log(norm), x being the length of ``size`` coefficients."""
    return -_group_lasso_penalty(x, scale, size) - group_lasso_log_norm(scale, size)


def _group_lasso_prox(
    x: Array, step: float, scale: Array | float, size: Array | float = 1.0
) -> Array:
    """The length x less step sqrt(size) / scale, and no further than zero."""
    return soft_threshold(x, step * np.sqrt(size) / scale)


def _draw_group_lasso(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    scale: Array | float,
    size: Array | float = 1.0,
) -> Array:
    """Draw lengths, whose density is r^(size - 1) exp(-sqrt(size) r / scale)."""
    return rng.gamma(np.broadcast_to(size, shape)) * scale / np.sqrt(size)


def _group_lasso_gradient(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    return -np.sqrt(size) * np.sign(x) / scale


def _group_lasso_kink(scale: Array | float, size: Array | float = 1.0) -> Array | float:
    return np.sqrt(size) / scale


def _group_lasso_marginal(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    """nu log z + log K_nu(z) + log(k) - log(2^nu sqrt(pi) G(nu + 1/2)), z = k |x|, nu = size / 2.

    The others integrated out (a variance-gamma density; K_nu is Bessel's, DLMF 10.43.19). Next to
    zero z^nu K_nu(z) is 2^(nu - 1) G(nu) (DLMF 10.30.2).
    """
    k, nu = np.sqrt(size) / scale, 0.5 * size
    z = k * np.abs(x)
    norm = nu * np.log(2.0) + 0.5 * np.log(np.pi) + gammaln(nu + 0.5)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = nu * np.log(z) + np.log(kve(nu, z)) - z
    at_zero = (nu - 1.0) * np.log(2.0) + gammaln(nu)
    return np.where(np.isfinite(scaled), scaled, at_zero) + np.log(k) - norm


LAPLACE = Prior(
    support="real",
    log_density=_laplace_log_density,
    gradient=_laplace_gradient,
    curvature=zeros,
    kink=_laplace_kink,
    penalty=_laplace_penalty,
    prox=_laplace_prox,
    draw=lambda rng, shape, scale, loc=0.0: rng.laplace(loc, scale, shape),
    quadratic=True,
    curved=False,
)
ELASTIC_NET = Prior(
    support="real",
    log_density=_elastic_net_log_density,
    gradient=_elastic_net_gradient,
    curvature=_elastic_net_curvature,
    kink=_elastic_net_kink,
    penalty=_elastic_net_penalty,
    prox=_elastic_net_prox,
    draw=_draw_elastic_net,
    quadratic=True,
    curved=False,
)
EXPONENTIAL = Prior(
    support="positive",
    log_density=_exponential_log_density,
    gradient=_exponential_gradient,
    curvature=zeros,
    penalty=lambda x, scale: beyond_zero(x, x / scale),
    prox=_exponential_prox,
    draw=lambda rng, shape, scale: rng.exponential(scale, shape),
    quadratic=True,
)
# Of the length of a group of several coefficients (Yuan & Lin 2006; Kyung et al. 2010, 2.3).
GROUP_LASSO = Prior(
    support="real",
    log_density=_group_lasso_log_density,
    gradient=_group_lasso_gradient,
    curvature=zeros,
    kink=_group_lasso_kink,
    marginal=_group_lasso_marginal,
    penalty=_group_lasso_penalty,
    prox=_group_lasso_prox,
    draw=_draw_group_lasso,
    quadratic=True,
    curved=False,
)

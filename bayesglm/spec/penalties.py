"""Priors said in the language of penalties, on the sum of log-likelihoods."""

from __future__ import annotations

import math

from bayesglm.errors import ModelError
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.prior.apart import ElasticNet, Flat, Laplace, Normal
from bayesglm.spec.prior.together import GroupLasso, RandomWalk


def ridge(lam: float) -> Normal | Flat:
    """Say a Normal prior as an L2 penalty: lam/2 * sum(w**2) on the sum of log-likelihoods.

    Parameters
    ----------
    lam : float
        Penalty weight, at least 0; ``ridge(0)`` is `Flat`.

    Returns
    -------
    Normal or Flat
        ``Normal(lam**-0.5)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.ridge(4.0)
    Normal(0.5)
    """
    lam = _penalty("ridge(lam): lam", lam)
    return Normal(lam**-0.5) if lam else Flat()


def lasso(lam: float) -> Laplace | Flat:
    """Say a Laplace prior as an L1 penalty: lam * sum(abs(w)) on the sum of log-likelihoods.

    Parameters
    ----------
    lam : float
        Penalty weight, at least 0; ``lasso(0)`` is `Flat`.

    Returns
    -------
    Laplace or Flat
        ``Laplace(1/lam)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.lasso(2.0)
    Laplace(0.5)
    """
    lam = _penalty("lasso(lam): lam", lam)
    return Laplace(1.0 / lam) if lam else Flat()


def elastic_net(lam1: float, lam2: float) -> ElasticNet | Laplace | Normal | Flat:
    """Say an ElasticNet prior as its penalty: lam1 * sum(abs(w)) + lam2/2 * sum(w**2).

    Parameters
    ----------
    lam1, lam2 : float
        Weights of the L1 and of the L2 penalty on the sum of log-likelihoods, at least 0.
        ``elastic_net(lam, 0)`` is ``lasso(lam)``, and ``elastic_net(0, lam)`` is ``ridge(lam)``.

    Returns
    -------
    ElasticNet, Laplace, Normal or Flat
        ``ElasticNet(scale, ratio)`` with scale = 2/(lam1 + sqrt(lam1**2 + 4 lam2)) and ratio =
        lam1 * scale. The ratio is a float, so lam2 is kept to about 1e-16 * lam1**2; where lam2
        is less than that, or lam1 less than floats can say beside lam2, it is the Laplace or the
        Normal of the other penalty.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.elastic_net(2.0, 8.0)
    ElasticNet(0.25)
    """
    lam1 = _penalty("elastic_net(lam1, lam2): lam1", lam1)
    lam2 = _penalty("elastic_net(lam1, lam2): lam2", lam2)
    if not lam2:
        return Laplace(1.0 / lam1) if lam1 else Flat()
    # Halves before the sum, and a hypotenuse: no square and no sum overflows.
    scale = 1.0 / (lam1 / 2 + math.hypot(lam1 / 2, math.sqrt(lam2)))
    rest = lam2 * scale * scale
    ratio = lam1 * scale if rest > 0.5 else 1.0 - rest
    if ratio == 0.0:
        return Normal(lam2**-0.5)
    return ElasticNet(scale, ratio) if ratio < 1.0 else Laplace(1.0 / lam1)


def group_lasso(lam: float, by: str | tuple[str, ...] | None = None) -> GroupLasso | Flat:
    """Say a GroupLasso prior as its penalty: lam * the sum of sqrt(size) |w_g| over groups g.

    Parameters
    ----------
    lam : float
        Penalty weight on the sum of log-likelihoods, at least 0; ``group_lasso(0)`` is `Flat`.
    by
        As in `GroupLasso`.

    Returns
    -------
    GroupLasso or Flat
        ``GroupLasso(1/lam, by)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty; a ``by`` that `GroupLasso` refuses.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.group_lasso(2.0)
    GroupLasso(0.5)
    """
    lam = _penalty("group_lasso(lam): lam", lam)
    prior = GroupLasso(1.0 / lam if lam else 1.0, by)
    return prior if lam else Flat()


def smooth(
    lam: float, order: int = 1, dims: str | tuple[str, ...] | None = None
) -> RandomWalk | Flat:
    """Say a RandomWalk prior as its penalty: lam/2 * the sum of squared differences.

    Parameters
    ----------
    lam : float
        Penalty weight on the sum of log-likelihoods, at least 0; ``smooth(0)`` is `Flat`.
    order, dims
        As in `RandomWalk`.

    Returns
    -------
    RandomWalk or Flat
        ``RandomWalk(lam**-0.5, order, dims)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty; an order or dims that `RandomWalk` refuses.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.smooth(4.0, order=2)
    RandomWalk(0.5, order=2)
    """
    lam = _penalty("smooth(lam): lam", lam)
    prior = RandomWalk(lam**-0.5 if lam else 1.0, order, dims)
    return prior if lam else Flat()


def _penalty(what: str, lam: object) -> float:
    value = frozen_number(what, lam)
    if isinstance(value, tuple):
        raise ModelError(f"{what} must be one number; use a prior with an array scale.")
    if value < 0:
        raise ModelError(f"{what} must be at least 0, got {value!r}.")
    return value

"""Priors of coefficients that lie in space or time, and vary smoothly there."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.prior.positive import SCALE_PRIORS, ScalePrior, prior_of
from bayesglm.spec.prior.together import checked_dims
from bayesglm.spec.prior.traits import Shown, Traits, check_scale

KERNELS = {"squared_exponential": "exp(-d²/2)", "matern52": "Matérn 5/2", "matern32": "Matérn 3/2"}

type Length = float | ScalePrior


@noun
class GaussianProcess(Shown):
    """Gaussian process: coefficients that lie near one another are alike, near and far told apart.

    w ~ MultivariateNormal(0, scale**2 K), K being the product over ``dims`` of k(d/lengthscale),
    with d the distance of two coefficients along that dim; every coefficient has the standard
    deviation ``scale``. The squared exponential is k(u) = exp(-u**2/2); Matérn's are rougher
    (Rasmussen & Williams 2006, equations 4.9, 4.14 and 4.17).

    The work is done in waves, of which a few hundred say fields of thousands of coefficients: given
    lengthscales the eigenvectors of K, and where these are learned Fourier's on circles that close
    at a distance of four of the longest likely lengthscales (95%), at most of four times the
    field's own extent. What is left out are waves with at most the share ``tolerance`` of the
    variance (under the shortest likely lengthscales, 5%).

    Parameters
    ----------
    scale : float or prior
        Standard deviation of each coefficient. A prior of a scale, as in `Normal`, makes it a
        parameter, named ``<term>_scale``.
    lengthscale : float, prior, or tuple of these
        In units of each dim's coordinate: pixels or degrees in space, samples for the term's own
        lags; one number for all dims, or one for each of ``dims``. Where two coefficients are a
        lengthscale apart their correlation is 0.61 (0.52 and 0.48 under Matérn's). A prior
        (`InverseGamma`, which keeps from zero, or another of a positive number) makes it a
        parameter to be learned, one for each dim that has one, named ``<term>_lengthscale``; under
        learned ones there is no MAP: `tune_prior` chooses numbers by evidence.
    dims : str or tuple of str, optional
        Dims of the coefficient along which it is smooth; all by default. ``"lag"`` is the term's
        own lag dim, ``<term>_lag``. Along other dims coefficients are independent.
    kernel : {"squared_exponential", "matern52", "matern32"}
        The correlation along each dim.
    tolerance : float, optional
        The share of the prior variance that may be left out, between 1e-12 and 0.1: by default
        1e-5, and of fields of which that leaves more than 500 waves as little as 500 leave out, at
        most 1e-3. Data that tell much of fine detail want less.

    Raises
    ------
    ModelError
        A scale as in `Normal` (one for the whole term), a lengthscale that is neither positive nor
        a prior, an unknown kernel, dims that are no names, or as many lengthscales as there are no
        dims.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.GaussianProcess(0.1, lengthscale=(3.0, 2.0, 2.0), dims=("lag", "y", "x"))
    GaussianProcess(0.1, (3.0, 2.0, 2.0), dims=('lag', 'y', 'x'))
    >>> bg.GaussianProcess(bg.HalfNormal(1.0), bg.InverseGamma(3.0, 10.0), dims="lag")
    GaussianProcess(HalfNormal(1.0), InverseGamma(3.0, 10.0), dims='lag')
    """

    traits: ClassVar[Traits] = Traits(one_scale=True, needs_dims=True, of_field=True)

    scale: float | ScalePrior
    lengthscale: Length | tuple[Length, ...]
    dims: str | tuple[str, ...] | None = None
    kernel: str = "squared_exponential"
    tolerance: float | None = None

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        if isinstance(self.scale, tuple):
            raise ModelError(
                f"GaussianProcess scale must be one number, got {shown(self.scale)}; every "
                "coefficient of a stationary field has the same standard deviation."
            )
        put(self, dims=checked_dims("GaussianProcess dims", self.dims))
        put(self, lengthscale=_checked_lengths(self.lengthscale))
        if isinstance(self.lengthscale, tuple) and isinstance(self.dims, (str, tuple)):
            n = 1 if isinstance(self.dims, str) else len(self.dims)
            if len(self.lengthscale) != n:
                raise ModelError(
                    f"GaussianProcess has {len(self.lengthscale)} lengthscales for {n} dims; give "
                    "one for each of dims, or one number for all."
                )
        if not is_among(self.kernel, KERNELS):
            raise ModelError(
                f"GaussianProcess kernel must be one of {', '.join(map(repr, KERNELS))}, got "
                f"{shown(self.kernel)}.{closest(self.kernel, KERNELS)}"
            )
        put(self, kernel=str(self.kernel))
        if self.tolerance is None:
            return
        share = frozen_number("GaussianProcess tolerance", self.tolerance, positive=True)
        if isinstance(share, tuple) or not 1e-12 <= share <= 0.1:
            raise ModelError(
                "GaussianProcess tolerance is the share of variance that is left out, between "
                f"1e-12 and 0.1, got {shown(self.tolerance)}."
            )
        put(self, tolerance=share)

    def lengths(self, n: int) -> tuple[Length, ...]:
        """Return the lengthscale of each of n dims; a tuple has to have as many."""
        return self.lengthscale if isinstance(self.lengthscale, tuple) else (self.lengthscale,) * n

    @property
    def beside(self) -> dict[str, ScalePrior]:
        """The priors of lengthscales that are learned, by how their parameter's name ends."""
        several = self.lengthscale if isinstance(self.lengthscale, tuple) else (self.lengthscale,)
        learned = [one for one in several if prior_of(one) is not None]
        return {"lengthscale": learned[0]} if learned else {}  # type: ignore[dict-item]


def _checked_lengths(given: Any) -> Length | tuple[Length, ...]:
    """Return lengthscales as they are kept: numbers as floats, arrays as tuples."""
    given = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(given, (tuple, list)):
        return _checked_length(given)
    if not given:
        raise ModelError("GaussianProcess lengthscale is empty; give one number, or one for a dim.")
    several = tuple(_checked_length(one) for one in given)
    kinds = {type(one).__name__ for one in several if prior_of(one) is not None}
    if len(kinds) > 1:
        raise ModelError(
            "GaussianProcess lengthscales have priors of different kinds, "
            f"{', '.join(sorted(kinds))}; give those that are learned priors of one kind."
        )
    return several


def _checked_length(given: Any) -> Length:
    if prior_of(given) is not None and getattr(given, "lower", 0.0) >= 0.0:
        return given
    if hasattr(given, "traits"):
        raise ModelError(
            f"GaussianProcess lengthscale has the prior {shown(given)}; take one of a positive "
            "number: InverseGamma(3.0, 10.0), say, which keeps from zero."
        )
    length = frozen_number("GaussianProcess lengthscale", given, positive=True)
    if isinstance(length, tuple):
        raise ModelError(
            f"GaussianProcess lengthscale must be a number for each dim, got {shown(given)}."
        )
    return length

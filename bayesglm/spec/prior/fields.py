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
        most 0.003. Data that tell much of fine detail want less.

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
        put(self, tolerance=_checked_tolerance("GaussianProcess", self.tolerance))

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


@noun
class ALD(Shown):
    """Automatic locality determination: a field that lies somewhere, and has some frequencies.

    Receptive fields are local in space-time and in frequency (Park & Pillow 2011, PLoS
    Computational Biology 7:e1002219, "Receptive field inference with localized priors"):

        w ~ Normal(0, scale**2 M K M)

    where M = diag(exp(-(x - centre)**2/(4 width**2))) over all dims makes the variance a bump in
    space-time, and K the correlations of a stationary field whose spectrum is a bump around
    ``frequency`` with the standard deviation ``bandwidth``: the product over dims of
    exp(-(2 pi bandwidth d)**2/2), times cos(2 pi frequency'd) with d the distances along the dims
    of space together, and times cos(2 pi frequency d) along lags. The sign of a frequency matters
    in space, where (f, f) are gratings of one diagonal and (f, -f) of the other. Bumps lie along
    the dims: of the paper's matrices, which turn them, only the direction of the frequency is left.

    What is not given is chosen by the evidence: `tune_prior` returns the model with all numbers,
    which `fit_map` and `fit` need. As under `GaussianProcess` the coefficients are sums of waves.

    Parameters
    ----------
    scale : float or prior, optional
        Standard deviation of a coefficient at the centre.
    centre, width : float or tuple of float, optional
        In units of each dim's coordinate (samples for the term's own lags); one number for all dims
        or one for each of ``dims``. A width far beyond the field leaves it anywhere.
    frequency, bandwidth : float or tuple of float, optional
        In cycles for each unit of the coordinate. ``frequency=0`` leaves smoothness alone, with
        the lengthscale 1/(2 pi bandwidth); a bandwidth of 1 leaves neighbours independent.
    dims : str or tuple of str, optional
        Dims of the coefficient along which it is local; all by default. ``"lag"`` is the term's own
        lag dim, ``<term>_lag``. Along other dims coefficients are independent.
    tolerance : float, optional
        As in `GaussianProcess`.

    Raises
    ------
    ModelError
        A scale as in `GaussianProcess`; a width or a bandwidth that is not positive; numbers that
        are not finite, or as many as there are no dims.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.ALD()
    ALD()
    >>> bg.ALD(0.1, centre=(4.0, 9.5), width=(2.0, 3.0), frequency=(0.1, 0.2), bandwidth=0.05)
    ALD(scale=0.1, centre=(4.0, 9.5), width=(2.0, 3.0), frequency=(0.1, 0.2), bandwidth=0.05)
    """

    traits: ClassVar[Traits] = Traits(one_scale=True, needs_dims=True, of_field=True)

    scale: float | ScalePrior | None = None
    centre: float | tuple[float, ...] | None = None
    width: float | tuple[float, ...] | None = None
    frequency: float | tuple[float, ...] | None = None
    bandwidth: float | tuple[float, ...] | None = None
    dims: str | tuple[str, ...] | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None:
            check_scale(self, SCALE_PRIORS)
        if isinstance(self.scale, tuple):
            raise ModelError(f"ALD scale must be one number, got {shown(self.scale)}.")
        put(self, dims=checked_dims("ALD dims", self.dims))
        n = None if self.dims is None else 1 if isinstance(self.dims, str) else len(self.dims)
        for name in LOCAL:
            given: Any = getattr(self, name)
            if given is None:
                continue
            value = frozen_number(f"ALD {name}", given, positive=name in ("width", "bandwidth"))
            if isinstance(value, tuple) and any(isinstance(one, tuple) for one in value):
                raise ModelError(f"ALD {name} is a number for each dim, got {shown(given)}.")
            if isinstance(value, tuple) and n is not None and len(value) != n:
                raise ModelError(
                    f"ALD {name} has {len(value)} numbers for {n} dims; give one for each of dims, "
                    "or one number for all."
                )
            put(self, **{name: value})
        put(self, tolerance=_checked_tolerance("ALD", self.tolerance))

    @property
    def unsaid(self) -> list[str]:
        """The names of its numbers that are not given."""
        return [name for name in ("scale", *LOCAL) if getattr(self, name) is None]

    def of_dims(self, name: str, n: int) -> tuple[float, ...]:
        """Return one of its numbers for each of n dims."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * n


LOCAL = ("centre", "width", "frequency", "bandwidth")


def _checked_tolerance(kind: str, given: Any) -> float | None:
    """Return the share of variance that may be left out, checked."""
    if given is None:
        return None
    share = frozen_number(f"{kind} tolerance", given, positive=True)
    if isinstance(share, tuple) or not 1e-12 <= share <= 0.1:
        raise ModelError(
            f"{kind} tolerance is the share of variance that is left out, between 1e-12 and 0.1, "
            f"got {shown(given)}."
        )
    return share

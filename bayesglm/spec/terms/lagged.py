"""A predictor's recent past."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.lag_bases import Basis, with_basis
from bayesglm.spec.noun import noun
from bayesglm.spec.prior.positive import prior_of
from bayesglm.spec.prior.traits import is_zero
from bayesglm.spec.priors import CoefficientPrior, Normal
from bayesglm.spec.terms.lags import (
    Lags,
    Window,
    check_lags,
    number_of_lags,
    range_of_lags,
    sum_over_lags,
    symbol_along_lags,
)
from bayesglm.spec.terms.term import (
    NUMBERS,
    PREDICTOR,
    Facts,
    Option,
    Pooled,
    check_common,
    check_name,
    check_pooled,
    normal_prior,
)


@noun
class Lagged:
    """A predictor's recent past: eta[t] += sum over lags k of x[t - k] * w[k].

    Lag 0 is the present and lag k is k samples ago, so a positive lag means that the predictor
    comes before the response. Coefficients lie along ``<name>_lag`` (then any feature dims, for a
    predictor over ``(time, y, x)``). For a white stimulus the least-squares coefficients are the
    spike-triggered average up to scale (Chichilnisky 2001).

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample, *feature dims)`` at regular times.
    lags : int or (int, int), optional
        ``lags=25`` is lags 0, 1, ..., 24; ``(start, stop)`` is lags start, ..., stop - 1, where
        negative lags look into the predictor's future.
    window : float or (float, float), optional
        The same in seconds, rounded to whole samples: ``window=0.025`` at 1 ms is ``lags=25``.
    basis : basis or array, optional
        Functions of lag of which the kernel is made: `raised_cosine`, `log_raised_cosine`,
        `bspline`, `cyclic_bspline`, `fourier`, `boxcar`, `orthogonal_exponential`, `identity`, or
        numbers of ``(lags, functions)``. Coefficients lie along ``<name>_basis`` then, from 1 on,
        and `kernels` gives the kernel itself, at every lag. The default prior is scaled by the
        functions' mean square length too.
    rank : int, optional
        Of a predictor with feature dims: the field is a sum of so many products of a time course
        and an image, w[k, ...] = sum over r of time[r, k] * space[r, ...], in the place of any
        numbers. The prior is on the factors: time courses of length one, at right angles, in any
        direction alike, and images whose numbers are Normal(scale) each, around zero. So the
        penalty is that of the field, sum(w**2)/(2 scale**2), and the sd of one of its numbers
        scale * (rank / lags)**0.5; of full rank that is Normal(scale) for each. Fits hold the field
        under ``name``, and its factors, ordered by a singular value decomposition of each draw, as
        ``<name>_time`` and ``<name>_space`` along ``<name>_rank``. There may be several modes:
        `fit_map` climbs from several places, and NUTS draws from around the best of these.
    name, prior, pooled
        As in `Linear`; with a rank a Normal around zero, whose scale is a number, and not pooled.

    Raises
    ------
    ModelError
        Neither or both of lags and window, no lag at all, no basis, no rank, or a prior that a rank
        does not go with.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Lagged("stimulus", lags=25, prior=bg.ridge(4.0))
    Lagged('stimulus', lags=25, prior=Normal(0.5))
    >>> bg.Lagged("movie", lags=10, rank=2, prior=bg.Normal(0.1)).symbol()
    'movie_space[r=1..2]'
    """

    variable: str
    lags: Lags = None
    window: Window = None
    basis: Basis = None
    rank: int | None = None
    name: str | None = None
    prior: CoefficientPrior | None = None
    pooled: Pooled = False

    own_dims: ClassVar[tuple[str, ...]] = ("lag", "basis", "rank")
    facts: ClassVar = Facts(part=NUMBERS)
    is_lagged: ClassVar = True
    first_lag: ClassVar = 0
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = True
    lag_range = range_of_lags
    default_prior = normal_prior
    option: ClassVar = Option(
        "X:LAGS[:BASIS:N]", "a predictor and its number of lags, in N functions if said"
    )

    def __post_init__(self) -> None:
        check_name("Lagged variable", self.variable)
        check_common(self)
        check_pooled(self)
        check_lags(self)
        check_rank(self)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or self.variable

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads."""
        return {self.variable: PREDICTOR}

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return (self.variable,)

    def summand(self, response: str, index: str) -> str:
        """Write the sum over lags, or over functions of lag; of a rank as a sum of products."""
        own = sum_over_lags(self, self.variable)
        if self.rank is None:
            return own
        letter = "k" if self.basis is None else "j"
        whole = f"{self.label}[{letter}]"
        factors = f"{self.label}_time[r,{letter}]·{self.label}_space[r]"
        return "Σᵣ " + own.replace(whole, factors, 1)

    def symbol(self) -> str:
        """Write the coefficients, of a rank the images, which have the prior."""
        if self.rank is None:
            return symbol_along_lags(self)
        return f"{self.label}_space[r=1..{self.rank}]"

    @classmethod
    def from_text(cls, text: str) -> tuple[Lagged, ...]:
        """Read a name, a number of lags and a basis.

        >>> Lagged.from_text("stimulus:25:raised_cosine:8")
        (Lagged('stimulus', lags=25, basis=raised_cosine(8)),)
        """
        plain, basis = with_basis(text)
        name, _, number = plain.rpartition(":")
        lags = number_of_lags(number)
        if not name or lags is None:
            raise ModelError(f"--lagged takes NAME:LAGS, for example stimulus:25, got {text!r}.")
        return (cls(name, lags=lags, basis=basis),)


def check_rank(term: Lagged) -> None:
    """Raise ModelError where a rank is none, or has a prior that is not of its factors."""
    rank, prior = term.rank, term.prior
    if rank is None:
        return
    what = f"Lagged({term.variable!r})"
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ModelError(
            f"{what}: rank must be a whole number of at least 1, got {shown(rank)}; leave it out "
            "for a field of any numbers."
        )
    if term.pooled:
        raise ModelError(
            f"{what}: a field of rank {rank} is one of products, whose numbers are not pooled; "
            "leave rank= or pooled= out."
        )
    plain = isinstance(prior, Normal) and prior_of(prior.scale) is None and is_zero(prior.loc)
    if prior is not None and not (plain and isinstance(prior.scale, float)):  # type: ignore[union-attr]
        raise ModelError(
            f"{what}: the prior of a field of rank {rank} is that of its factors, a Normal around "
            f"zero whose scale is one number, got {shown(prior)}; write prior=Normal(1.0)."
        )

"""The response's own past."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.lag_bases import Basis, with_basis
from bayesglm.spec.noun import noun
from bayesglm.spec.priors import CoefficientPrior
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
    Facts,
    Option,
    Pooled,
    check_common,
    check_pooled,
    normal_prior,
)


@noun
class History:
    """The response's own past, from lag 1 on: eta[t] += sum over k >= 1 of y[t - k] * w[k].

    It makes refractoriness, bursting and adaptation part of the model (Truccolo et al. 2005,
    equation 4). Coefficients lie along ``<name>_lag``.

    Parameters
    ----------
    lags : int or (int, int), optional
        ``lags=20`` is lags 1, ..., 20; ``(start, stop)`` is lags start, ..., stop - 1, start >= 1.
    window : float or (float, float), optional
        The same in seconds, rounded to whole samples: ``window=0.02`` at 1 ms is ``lags=20``.
    basis : basis or array, optional
        Functions of lag of which the kernel is made: `raised_cosine`, `log_raised_cosine`,
        `bspline`, `cyclic_bspline`, `fourier`, `boxcar`, `orthogonal_exponential`, `identity`, or
        numbers of ``(lags, functions)``. Coefficients lie along ``<name>_basis`` then, from 1 on,
        and `kernels` gives the kernel itself, at every lag. The default prior is scaled by the
        functions' mean square length too.
    name : str, optional
        Name of the coefficients, ``"history"`` by default.
    prior, pooled
        As in `Linear`.

    Raises
    ------
    ModelError
        Neither or both of lags and window, a lag below 1, or no basis.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.History(window=0.02)
    History(window=0.02)
    """

    lags: Lags = None
    window: Window = None
    basis: Basis = None
    name: str | None = None
    prior: CoefficientPrior | None = None
    pooled: Pooled = False

    own_dims: ClassVar[tuple[str, ...]] = ("lag", "basis")
    facts: ClassVar = Facts(part=NUMBERS)
    is_lagged: ClassVar = True
    first_lag: ClassVar = 1
    reads_response: ClassVar = True
    takes_model_prior: ClassVar = True
    lag_range = range_of_lags
    symbol = symbol_along_lags
    default_prior = normal_prior
    option: ClassVar = Option(
        "LAGS[:BASIS:N]", "lags of the response's own past, in N functions if said"
    )

    def __post_init__(self) -> None:
        check_common(self)
        check_pooled(self)
        check_lags(self)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or "history"

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads, besides the response: none is."""
        return {}

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads, besides the response."""
        return ()

    def summand(self, response: str, index: str) -> str:
        """Write the sum over lags, or over functions of lag."""
        return sum_over_lags(self, response)

    @classmethod
    def from_text(cls, text: str) -> tuple[History, ...]:
        """Read a number of lags and a basis.

        >>> History.from_text("20:log_raised_cosine:5")
        (History(lags=20, basis=log_raised_cosine(5)),)
        """
        plain, basis = with_basis(text)
        lags = number_of_lags(plain)
        if lags is None:
            raise ModelError(f"--history takes a number of lags, for example 20, got {text!r}.")
        return (cls(lags=lags, basis=basis),)

"""Bases on lags: kernels as sums of few functions, each times its coefficient.

A basis is inert; its functions on the lags of a term are computed in ``bayesglm.design``.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Protocol

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number

type Labels = tuple[int | str, ...]


class LagBasis(Protocol):
    """Functions of lag, of which a kernel is made."""

    @property
    def size(self) -> int | None:
        """How many functions; None where there is one for each lag."""

    def labels(self, n_lags: int) -> Labels:
        """Name the functions: of most their numbers, from 1 on."""


def _numbered(basis: LagBasis, n_lags: int) -> Labels:
    return tuple(range(1, (basis.size or n_lags) + 1))


def _own_number(basis: Any) -> int:
    return basis.n


@noun
class raised_cosine:
    """Raised cosines with peaks at equal distances, the first and the last at the window's ends.

    B_j(x) = (1 + cos(pi clip((x - c_j)/(width d), -1, 1)))/2 on x in [0, 1], lag by lag along the
    window, with c_j = (j - 1) d and d = 1/(n - 1) (nemos's ``RaisedCosineLinearConv``). With the
    default width they add up to 2 away from the ends. neuroGLM's "raised cosine" leaves the ends
    free of peaks, so that kernels begin and end at zero.

    Parameters
    ----------
    n : int
        Number of functions, 2 or more.
    width : float
        Half the support of a function, in distances between peaks: above 1; multiples of 1/2 add
        up to a constant.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Lagged("stimulus", window=0.2, basis=bg.raised_cosine(8))
    Lagged('stimulus', window=0.2, basis=raised_cosine(8))
    """

    n: int
    width: float = 2.0

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        put(self, n=_count(self, self.n, 2), width=_above(self, "width", self.width, 1.0))


@noun
class log_raised_cosine:
    """Raised cosines on a logarithmic axis of lag: narrow at first, wide later (Pillow 2005).

    The functions of `raised_cosine` on u = log(1 + stretch x)/log(1 + stretch), x in [0, 1] along
    the window, with peaks at equal distances d of u. Where they decay, d = 1/(n + width - 1): the
    last function is zero at the window's end. That is nemos's ``RaisedCosineLogConv`` with
    ``stretch`` for its ``time_scaling``. In Pillow et al. (2008) u = log(lag + b): b is the
    window's length (of its first lag to its last) over ``stretch``.

    Parameters
    ----------
    n : int
        Number of functions, 2 or more.
    width : float
        Half the support of a function, in distances between peaks; above 1.
    stretch : float
        How much finer the first lags are told apart than the last; near 0 none.
    decays : bool
        Whether the functions are zero at the window's end.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.History(window=0.1, basis=bg.log_raised_cosine(8))
    History(window=0.1, basis=log_raised_cosine(8))
    """

    n: int
    width: float = 2.0
    stretch: float = 50.0
    decays: bool = True

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        put(
            self,
            n=_count(self, self.n, 2),
            width=_above(self, "width", self.width, 1.0),
            stretch=_above(self, "stretch", self.stretch, 0.0),
            decays=_truth(self, "decays", self.decays),
        )


@noun
class bspline:
    """B-splines with knots at equal distances, and ``degree + 1`` of them at each end.

    Their sum is one at every lag, and straight lines are in their span (nemos's ``BSplineConv`` of
    order ``degree + 1``). A `RandomWalk` of order 2 along ``<term>_basis`` makes a P-spline of
    them (Eilers & Marx 1996).

    Parameters
    ----------
    n : int
        Number of functions, ``degree + 1`` or more.
    degree : int
        Of the pieces.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Lagged("speed", lags=50, basis=bg.bspline(10), prior=bg.RandomWalk(0.1, order=2))
    Lagged('speed', lags=50, basis=bspline(10), prior=RandomWalk(0.1, order=2))
    """

    n: int
    degree: int = 3

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        degree = _count(self, self.degree, 1, "degree")
        put(self, n=_count(self, self.n, degree + 1), degree=degree)


@noun
class cyclic_bspline:
    """B-splines on a circle whose circumference is the window: after the last lag comes the first.

    For what repeats itself once a window, a cycle of theta or of a treadmill say. In nemos's
    ``CyclicBSplineConv`` the last lag is itself the first again.

    Parameters
    ----------
    n : int
        Number of functions, ``degree + 1`` or more.
    degree : int
        Of the pieces.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.cyclic_bspline(6)
    cyclic_bspline(6)
    """

    n: int
    degree: int = 3

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        degree = _count(self, self.degree, 1, "degree")
        put(self, n=_count(self, self.n, degree + 1), degree=degree)


@noun
class fourier:
    """Cosines and sines of one to ``n`` cycles a window, and a constant.

    cos(2 pi j x) and sin(2 pi j x), x = 0, 1/n_lags, 2/n_lags, ... along the window: orthogonal
    over its lags. Labels are ``constant``, ``cos 1``, ``sin 1``, ...

    Parameters
    ----------
    n : int
        The largest number of cycles: there are 2 n functions beside the constant.
    constant : bool
        Whether there is a constant.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.fourier(3).labels(n_lags=20)
    ('constant', 'cos 1', 'sin 1', 'cos 2', 'sin 2', 'cos 3', 'sin 3')
    """

    n: int
    constant: bool = True

    def __post_init__(self) -> None:
        put(
            self,
            n=_count(self, self.n, 1),
            constant=_truth(self, "constant", self.constant),
        )

    @property
    def size(self) -> int:
        """How many functions."""
        return 2 * self.n + self.constant

    def labels(self, n_lags: int) -> Labels:
        """Name the functions by their cycles a window."""
        waves = [f"{wave} {j}" for j in range(1, self.n + 1) for wave in ("cos", "sin")]
        return ("constant", *waves) if self.constant else tuple(waves)


@noun
class boxcar:
    """Steps: each function is one on a piece of the window, and the pieces are as long as can be.

    Of lags that ``n`` does not divide the first pieces are one lag longer.

    Parameters
    ----------
    n : int
        Number of pieces.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.History(lags=30, basis=bg.boxcar(6))
    History(lags=30, basis=boxcar(6))
    """

    n: int

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        put(self, n=_count(self, self.n, 1))


@noun
class orthogonal_exponential:
    """Exponential decays exp(-t/time), made orthonormal over the lags.

    t begins at the window's first lag. The j-th is what is left of the j-th decay beside those
    before it (Gram and Schmidt), so that the first is the first decay, of length one. nemos's
    ``OrthExponentialConv`` takes the same span in an order of its own, by decay rates: the window's
    length over these times.

    Parameters
    ----------
    n : int
        Number of functions.
    times : sequence of float, optional
        Time constants, in seconds where the data have times, else in samples; by default ``n`` in
        equal ratios from a twentieth of the window to the window.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.orthogonal_exponential(3, times=[0.005, 0.02, 0.1])
    orthogonal_exponential(3, times=(0.005, 0.02, 0.1))
    """

    n: int
    times: tuple[float, ...] | None = None

    size = property(_own_number)
    labels = _numbered

    def __post_init__(self) -> None:
        put(self, n=_count(self, self.n, 1))
        if self.times is None:
            return
        times: Any = frozen_number("orthogonal_exponential times", self.times, positive=True)
        if not isinstance(times, tuple) or any(isinstance(one, tuple) for one in times):
            raise ModelError(
                f"orthogonal_exponential times must be a sequence, got {shown(self.times)}."
            )
        if len(times) != self.n or len(set(times)) < len(times):
            raise ModelError(
                f"orthogonal_exponential({self.n}) needs {self.n} different times, got "
                f"{shown(self.times)}."
            )
        put(self, times=times)


@noun
class identity:
    """A function for each lag, one there and zero elsewhere: the kernel as without a basis.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.History(lags=3, basis=bg.identity())
    History(lags=3, basis=identity())
    """

    size: ClassVar[None] = None
    labels = _numbered


LAG_BASES: tuple[Any, ...] = (
    raised_cosine,
    log_raised_cosine,
    bspline,
    cyclic_bspline,
    fourier,
    boxcar,
    orthogonal_exponential,
    identity,
)
type Basis = LagBasis | tuple[tuple[float, ...], ...] | None  # a basis, or its numbers
BASES_BY_NAME: dict[str, Any] = {kind.__name__: kind for kind in LAG_BASES}
EXAMPLE = "write basis=bg.raised_cosine(8), or an array of (lags, functions)"


def frozen_basis(what: str, given: Any) -> Basis:
    """Return a basis, an array as nested tuples; raises ModelError where it is none."""
    if given is None or isinstance(given, LAG_BASES):
        return given
    if isinstance(given, (str, type)) or callable(given):
        name = getattr(given, "__name__", given)
        example = f"bg.{name}({'' if name == 'identity' else 8})" if name in BASES_BY_NAME else ""
        raise ModelError(
            f"{what}: basis must be a basis or an array, got {shown(given)}; "
            + (f"write basis={example}." if example else f"{EXAMPLE}.")
        )
    values: Number = frozen_number(f"{what} basis", given)
    rows: Any = values if isinstance(values, tuple) else ()
    flat = all(isinstance(row, tuple) and not isinstance(row[0], tuple) for row in rows)
    if not rows or not flat:
        raise ModelError(f"{what}: basis must be an array of (lags, functions); {EXAMPLE}.")
    return rows


def with_basis(text: str) -> tuple[str, Basis]:
    """Return what the shell says before a basis, and that basis; None where it says none.

    >>> with_basis("stimulus:25:raised_cosine:8"), with_basis("stimulus:25")
    (('stimulus:25', raised_cosine(8)), ('stimulus:25', None))
    """
    before, _, last = text.rpartition(":")
    if last in BASES_BY_NAME:
        return before, BASES_BY_NAME[last]()
    before, _, name = before.rpartition(":")
    if name not in BASES_BY_NAME or not last.isdecimal():
        return text, None
    return before, BASES_BY_NAME[name](int(last))


def size_of(basis: Basis) -> int | None:
    """Return how many functions a basis has; None where one for each lag."""
    return len(basis[0]) if isinstance(basis, tuple) else None if basis is None else basis.size


def labels_of(basis: LagBasis | Sequence[Sequence[float]], n_lags: int) -> Labels:
    """Name the functions of a basis; those of an array by their numbers."""
    if isinstance(basis, (tuple, list)):
        return tuple(range(1, len(basis[0]) + 1))
    return basis.labels(n_lags)  # type: ignore[union-attr]


def _count(basis: object, value: Any, least: int, field: str = "n") -> int:
    value = value.tolist() if hasattr(value, "tolist") else value
    name = type(basis).__name__
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ModelError(
            f"{name} {field} must be a whole number of at least {least}, got {shown(value)}."
        )
    return int(value)


def _above(basis: object, field: str, value: Any, bound: float) -> float:
    what = f"{type(basis).__name__} {field}"
    number = frozen_number(what, value)
    if isinstance(number, tuple) or number <= bound:
        raise ModelError(f"{what} must be a number above {bound:g}, got {shown(value)}.")
    return number


def _truth(basis: object, field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ModelError(
            f"{type(basis).__name__} {field} must be True or False, got {shown(value)}."
        )
    return value

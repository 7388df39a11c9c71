"""Examples of every term, by which the conformance tests run over the package's own table.

Of each kind stand here what its class cannot say of itself: terms on the variables of
`sample_data`, the columns of any such term, laid by hand, and how the shell says the first of them.
The columns share no code with the package.
"""

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline
from scipy.linalg import qr

import bayesglm as bg
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import Term

type Array = np.ndarray
type Laid = tuple[Array, Array]
N = 60
STEP = 0.01  # seconds between samples


@cache
def sample_data() -> xr.Dataset:
    """Return predictors of every kind, two factors, and a response of every family."""
    from conftest import simulate  # random models, which need no such data, have no conftest

    rng = np.random.default_rng(8)
    words = np.array(["lena", "ivan", "Zoé"])[rng.permutation(np.arange(N) % 3)]
    return simulate(N, seed=5).assign(
        who=("time", words), code=("time", rng.permutation(np.arange(N) % 4) * 10)
    )


class Example(NamedTuple):
    """Terms of one kind, the columns of any such term, and the shell's words for the first.

    ``columns(term, data, response)`` returns ``(n, p)`` in the order of the coefficients, with
    zeros where a sample sees nothing, and which samples see all that they read. ``data`` maps
    names to arrays with the samples first. Where the columns are functions of one variable,
    ``curve(term, data, x)`` returns them at any x. ``rounding`` is what sums in another order may
    differ by. ``has_mode`` says whether a joint density has a mode beside such coefficients.
    """

    terms: tuple[Term, ...]
    columns: Callable[[Any, Mapping[str, Any], str], Laid]
    text: str
    curve: Callable[[Any, Mapping[str, Any], Array], Array] | None = None
    rounding: float = 0.0
    has_mode: bool = True


def flat(values: Any) -> Array:
    """Return a variable as ``(n, features)``."""
    array = np.asarray(values, dtype=float)
    return array.reshape(len(array), -1)


def all_seen(block: Array) -> Laid:
    """Return columns of which every sample sees all that it reads."""
    return block, np.ones(len(block), dtype=bool)


# What transforms of the examples make of their variables.
COMPUTED: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "scale": lambda x: (np.asarray(x) - np.mean(x)) / np.std(x),
    "log(x**2 + 1) - z": lambda x, z: np.log(np.asarray(x) ** 2 + 1) - np.asarray(z),
}


def _linear(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    names = term.variable if isinstance(term.variable, tuple) else (term.variable,)
    if term.transform is not None:
        return all_seen(flat(COMPUTED[term.transform](*(data[name] for name in names))))
    return all_seen(np.hstack([flat(data[name]) for name in names]))


def _lagged(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    return _filtered(term, flat(data[term.variable]), _lags(term, 0))


def _history(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    return _filtered(term, flat(data[response]), _lags(term, 1))


def _event(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    series = flat(data[term.variable])
    if term.amplitude is not None:
        series = series * flat(data[term.amplitude])
    columns, _ = _filtered(term, series, _lags(term, 0))
    return all_seen(columns)


def _filtered(term: Any, signal: Array, lags: range) -> Laid:
    """Lay a signal at each lag, or the sums of lags times each function of a basis."""
    block, seen = _shifted(signal, lags)
    if term.basis is None:
        return block, seen
    by_lag = block.reshape(len(block), len(lags), -1)
    return np.einsum("tlq,lj->tjq", by_lag, functions_of(term)).reshape(len(block), -1), seen


def functions_of(term: Any) -> Array:
    """Return the functions ``(lags, functions)`` of a term with a basis, each lag by itself."""
    n, basis = len(_lags(term, 1)), term.basis
    return np.array([FUNCTIONS[type(basis).__name__](basis, k, n) for k in range(n)])


def _cosines(x: float, peaks: Array, width: float) -> Array:
    far = (x - peaks) / (peaks[1] - peaks[0])
    return np.where(np.abs(far) < width, np.cos(0.5 * np.pi * far / width) ** 2, 0.0)


def _log_cosines(basis: Any, k: int, n: int) -> Array:
    d = 1.0 / (basis.n + basis.width - 1.0) if basis.decays else 1.0 / (basis.n - 1)
    u = np.log(1.0 + basis.stretch * k / (n - 1)) / np.log(1.0 + basis.stretch)
    return _cosines(u, d * np.arange(basis.n), basis.width)


def _clamped(basis: Any, k: int, n: int) -> Array:
    inner = np.linspace(0, 1, basis.n - basis.degree + 1)
    knots = np.r_[[0] * basis.degree, inner, [1] * basis.degree]
    return _b_splines(np.array([k / (n - 1)]), knots, basis.degree)[0]


def _around(basis: Any, k: int, n: int) -> Array:
    knots = np.arange(-basis.degree, basis.n + basis.degree + 1) / basis.n
    every = _b_splines(np.array([k / n]), knots, basis.degree)[0]
    every[: basis.degree] += every[basis.n :]
    return every[: basis.n]


def _waves(basis: Any, k: int, n: int) -> Array:
    turns = np.exp(2j * np.pi * k / n) ** np.arange(1, basis.n + 1)
    waves = np.column_stack([turns.real, turns.imag]).ravel()
    return np.r_[[1.0] * basis.constant, waves]


def _pieces(basis: Any, k: int, n: int) -> Array:
    short, longer = divmod(n, basis.n)
    ends = np.cumsum([short + (j < longer) for j in range(basis.n)])
    return np.eye(basis.n)[np.flatnonzero(k < ends)[0]]


def _decays(basis: Any, k: int, n: int) -> Array:
    every = np.exp(-STEP * np.arange(n)[:, None] / np.array(basis.times))
    for j in range(basis.n):
        for before in range(j):
            every[:, j] -= every[:, before] * (every[:, before] @ every[:, j])
        every[:, j] /= np.linalg.norm(every[:, j])
    return every[k]


# Each function of lag at the k-th of n lags, written once more.
FUNCTIONS: dict[str, Callable[[Any, int, int], Array]] = {
    "raised_cosine": lambda basis, k, n: _cosines(
        k / (n - 1), np.linspace(0, 1, basis.n), basis.width
    ),
    "log_raised_cosine": _log_cosines,
    "bspline": _clamped,
    "cyclic_bspline": _around,
    "fourier": _waves,
    "boxcar": _pieces,
    "orthogonal_exponential": _decays,
    "identity": lambda basis, k, n: np.eye(n)[k],
    "tuple": lambda basis, k, n: np.array(basis[k]),
}


def _lags(term: Any, first: int) -> range:
    """Return the lags that a term says, in samples or seconds, from ``first`` on where it does."""
    said = term.lags if term.window is None else np.round(np.divide(term.window, STEP)).astype(int)
    start, stop = (first, first + said) if np.ndim(said) == 0 else said
    return range(start, stop)


def _shifted(signal: Array, lags: range) -> Laid:
    n, width = signal.shape
    block, seen = np.zeros((n, len(lags) * width)), np.ones(n, dtype=bool)
    for t in range(n):
        past = [signal[t - k] if 0 <= t - k < n else np.zeros(width) for k in lags]
        block[t] = np.concatenate(past)
        seen[t] = all(0 <= t - k < n for k in lags)
    return block, seen


def _group(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    each = [np.asarray(data[one]).tolist() for one in term.factors]
    labels = each[0] if len(each) == 1 else [f"{a}:{b}" for a, b in zip(*each, strict=True)]
    levels = sorted(set(labels)) if term.levels is None else term.levels
    member = np.array([[label == level for level in levels] for label in labels], dtype=float)
    ones = [np.ones(len(labels))] if term.intercept else []
    effects = [*ones, *(np.asarray(data[name], float) for name in term.slopes)]
    return all_seen(np.hstack([member * one[:, None] for one in effects]))


def _b_splines(x: Array, knots: Array, degree: int) -> Array:
    """Return B-splines ``(n, number)`` by the recursion of Cox and de Boor."""
    last = np.flatnonzero(np.diff(knots))[-1]
    columns = [(knots[k] <= x) & (x < knots[k + 1]) for k in range(len(knots) - 1)]
    columns[last] |= x == knots[last + 1]
    rising = [column.astype(float) for column in columns]
    for d in range(1, degree + 1):
        up = [_share(x - knots[k], knots[k + d] - knots[k]) for k in range(len(knots) - d)]
        rising = [
            up[k] * rising[k] + (1.0 - up[k + 1]) * rising[k + 1] for k in range(len(rising) - 1)
        ]
    return np.column_stack(rising)


def _share(part: Array, whole: float) -> Array:
    return part / whole if whole else np.zeros_like(part)


def _spline(term: Any, data: Mapping[str, Any], x: Array) -> Array:
    """Return the line and the bends, each as the spline of the differences that one is of."""
    observed = np.unique(data[term.variable])
    low, high = term.bounds or (observed[0], observed[-1])
    n_knots, p = (term.df if term.cyclic else term.df - term.degree), term.degree
    if term.cyclic:
        x = low + (x - low) % (high - low)
        observed = np.unique(low + (observed - low) % (high - low))
    inner = np.quantile(observed, (1.0 + np.arange(n_knots)) / (n_knots + 1))
    if term.cyclic:
        once = np.r_[low, inner]
        turns = [once + k * (high - low) for k in range(-p, p + 2)]
        around = np.concatenate(turns)
        first = p * len(once) - p
        knots = around[first : first + len(once) + 2 * p + 1]
    else:
        knots = np.r_[[low] * (p + 1), inner, [high] * (p + 1)]
    n = len(inner) + 1 if term.cyclic else len(inner) + p + 1
    place = np.array([knots[k + 1 : k + 1 + p].mean() for k in range(len(knots) - p - 1)])
    unit = (high - low) / n if term.cyclic else (place[-1] - place[0]) / (n - 1)
    if term.cyclic:
        place = np.r_[place[n - 1] - (high - low), place[:n], place[0] + (high - low)]
    rows, roots = [], []
    for k in range(1, len(place) - 1):
        before, after = place[k] - place[k - 1], place[k + 1] - place[k]
        root = np.sqrt(0.5 * (before + after) / unit)
        row = np.zeros(len(place))
        row[k - 1 : k + 2] = unit / before / root, -unit * (1 / before + 1 / after) / root, 0.0
        row[k + 1] = unit / after / root
        rows.append(row)
        roots.append(root)
    D = np.array(rows)
    if term.cyclic:
        wrapped = D[:, 1:-1].copy()
        wrapped[:, -1] += D[:, 0]
        wrapped[:, 0] += D[:, -1]
        Q = np.linalg.qr(np.array(roots)[:, None], mode="complete")[0][:, 1:]
        made_of = np.linalg.pinv(wrapped, rcond=1e-9) @ Q
    else:
        made_of = np.linalg.pinv(D)

    def raw(at: Array) -> Array:
        every = _b_splines(at, knots, p)
        if term.cyclic:
            every[:, :p] += every[:, n : n + p]
        return every[:, :n] @ made_of

    bends = raw(x)
    if term.cyclic:
        return bends - raw(observed).mean(axis=0)
    fits = np.polynomial.polynomial.polyfit(observed, raw(observed), 1)
    return np.column_stack([x - observed.mean(), bends - fits[0] - np.outer(x, fits[1])])


def _surface(term: Any, data: Mapping[str, Any], x: Array, y: Array) -> Array:
    """Return lines and their product, then all that has bends, as one product of margins."""
    pairs = [one if isinstance(one, tuple) else (one, one) for one in (term.df, term.cyclic)]
    ends = term.bounds or (None, None)
    margins, lines = [], []
    for k, at in enumerate((x, y)):
        df, around = pairs[0][k], pairs[1][k]
        spline = bg.Spline(term.variable[k], df=df, bounds=ends[k], cyclic=around)
        own = _spline(spline, data, at)
        if not around:
            observed = np.asarray(data[term.variable[k]])
            low, high = ends[k] or (observed.min(), observed.max())
            own[:, 0] /= (high - low) / np.sqrt(12)
        margins.append(np.column_stack([np.ones(len(at)), own]))
        lines.append(1 + (not around))
    every = np.einsum("ia,ib->iab", *margins)
    is_line = np.zeros(every.shape[1:], bool)
    is_line[: lines[0], : lines[1]] = True
    return np.hstack([every[:, is_line][:, 1:], every[:, ~is_line]])


def _basis(term: Any, data: Mapping[str, Any], x: Array) -> Array:
    observed = np.asarray(data[term.variable])
    low, high = observed.min(), observed.max()
    if term.kind == "poly":
        centre = observed.mean()
        R = np.linalg.qr(np.vander(observed - centre, term.df + 1, increasing=True), mode="r")
        every = np.vander(x - centre, term.df + 1, increasing=True) @ np.linalg.inv(R)
        return (every * np.sign(np.diagonal(R)))[:, 1:]
    n_knots = term.df - term.degree if term.kind == "bs" else term.df - 1
    shares = (1.0 + np.arange(n_knots)) / (n_knots + 1)
    if term.kind == "bs":
        inner = np.quantile(observed, shares)
        knots = np.r_[[low] * (term.degree + 1), inner, [high] * (term.degree + 1)]
        return _b_splines(x, knots, term.degree)[:, 1:]
    knots = np.r_[low, np.quantile(np.unique(observed), shares), high]
    cubic = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    means = cubic(observed).mean(axis=0)
    return cubic(x) @ qr(means[:, None])[0][:, 1:]


def _of_curve(curve: Callable[..., Array]) -> Callable[..., Laid]:
    return lambda term, data, response: all_seen(curve(term, data, data[term.variable]))


def _category(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    labels = np.asarray(data[term.variable]).tolist()
    levels = sorted(set(labels)) if term.levels is None else list(term.levels)
    if term.contrasts == "treatment":
        levels.remove(levels[0] if term.reference is None else term.reference)
    return all_seen(np.array([[label == level for level in levels] for label in labels], float))


def _monotonic(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    labels = np.asarray(data[term.variable]).tolist()
    levels = sorted(set(labels)) if term.levels is None else list(term.levels)
    places = [levels.index(label) for label in labels]
    steps = range(1, len(levels))
    return all_seen(np.array([[place >= step for step in steps] for place in places], float))


def _interaction(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    """Lay lags, then numbers, then categories."""
    parts = [bg.Linear(part) if isinstance(part, str) else part for part in term.parts]
    parts.sort(key=lambda part: (not part.is_lagged, isinstance(part, bg.Category)))
    laid = [columns_of(part, data, response) for part in parts]
    rows = [reduce(np.kron, row) for row in zip(*(block for block, _ in laid), strict=True)]
    return np.array(rows), np.logical_and.reduce([seen for _, seen in laid])


EXAMPLES: dict[str, Example] = {
    "Linear": Example(
        (
            bg.Linear("x"),
            bg.Linear("movie", name="image"),
            bg.Linear(("x", "z"), name="both"),
            bg.Linear("z", transform="exp"),
            bg.Linear("x", transform="scale", name="scaled"),
            bg.Linear(("x", "z"), transform="log(x**2 + 1) - z"),
        ),
        _linear,
        "x",
    ),
    "Lagged": Example(
        (
            bg.Lagged("x", lags=3),
            bg.Lagged("x", window=0.025, name="k"),
            bg.Lagged("movie", lags=(-1, 2)),
            bg.Lagged("x", lags=9, basis=bg.raised_cosine(4)),
            bg.Lagged("z", window=(-0.02, 0.06), basis=bg.bspline(5), name="spline"),
            bg.Lagged("movie", lags=4, basis=bg.fourier(1)),
        ),
        _lagged,
        "x:3",
        rounding=1e-12,
    ),
    "History": Example(
        (
            bg.History(lags=2),
            bg.History(window=(0.02, 0.05), name="past"),
            bg.History(lags=10, basis=bg.log_raised_cosine(3)),
        ),
        _history,
        "2",
        rounding=1e-12,
    ),
    "Event": Example(
        (
            bg.Event("bernoulli", lags=(-2, 3)),
            bg.Event("bernoulli", window=(-0.02, 0.06), basis=bg.raised_cosine(4), name="smooth"),
            bg.Event("bernoulli", lags=4, amplitude="x", name="sized"),
            bg.Event("movie", lags=(-1, 2)),
        ),
        _event,
        "bernoulli:-2:3",
        rounding=1e-12,
    ),
    "Group": Example(
        (
            bg.Group("code"),
            bg.Group("who", slopes=("x", "z"), name="b"),
            bg.Group("who", slopes="x", levels=["lena", "nobody", "Zoé", "ivan"]),
            bg.Group(("who", "code"), slopes="x", intercept=False),
        ),
        _group,
        "code",
    ),
    "Spline": Example(
        (
            bg.Spline("x"),
            bg.Spline("z", df=6, degree=2, name="bent"),
            bg.Spline("x", df=5, bounds=(-4.0, 4.0), cyclic=True),
        ),
        _of_curve(_spline),
        "x",
        curve=_spline,
        rounding=1e-11,
    ),
    "Surface": Example(
        (
            bg.Surface(("x", "z"), df=3),
            bg.Surface(
                ("z", "x"),
                df=(3, 4),
                cyclic=(False, True),
                bounds=(None, (-4.0, 4.0)),
                name="place",
            ),
        ),
        lambda term, data, response: all_seen(
            _surface(term, data, *(np.asarray(data[name]) for name in term.variable))
        ),
        "x:z:3",
        curve=lambda term, data, x, y: _surface(
            term, data, *(at.ravel() for at in np.meshgrid(x, y, indexing="ij"))
        ),
        rounding=1e-11,
    ),
    "Basis": Example(
        (
            bg.Basis("x", df=5),
            bg.Basis("z", "cr", df=4, name="natural"),
            bg.Basis("x", "poly", df=3),
        ),
        _of_curve(_basis),
        "x:bs:5",
        curve=_basis,
        rounding=1e-12,
    ),
    "Category": Example(
        (
            bg.Category("who"),
            bg.Category("code", reference=20, name="c"),
            bg.Category("who", contrasts="full", levels=["lena", "nobody", "Zoé", "ivan"]),
            bg.Category("code", contrasts="sum"),
        ),
        _category,
        "who",
    ),
    "Monotonic": Example(
        (
            bg.Monotonic("code"),
            bg.Monotonic("who", levels=["ivan", "nobody", "lena", "Zoé"], name="rank"),
        ),
        _monotonic,
        "code",
        has_mode=False,
    ),
    "Interaction": Example(
        (
            bg.Interaction("x", "z"),
            bg.Interaction("z", bg.Category("who", contrasts="full"), "x", name="slopes"),
            bg.Interaction(bg.Category("who", contrasts="full"), bg.Linear("movie")),
            bg.Interaction(
                bg.Category("code", contrasts="full"), bg.Category("who", contrasts="full")
            ),
            bg.Interaction("z", bg.Lagged("x", lags=3), bg.Category("who", contrasts="full")),
            bg.Interaction(bg.History(lags=2), "z", name="gain"),
            bg.Interaction(
                bg.Lagged("x", lags=6, basis=bg.raised_cosine(3)),
                bg.Category("who", contrasts="full"),
            ),
            bg.Interaction(bg.Spline("z", df=5), bg.Category("who", contrasts="full")),
            bg.Interaction("z", bg.Basis("x", "poly", df=2), name="bent"),
        ),
        _interaction,
        "x:z",
    ),
}
# Those that read the responses of a whole population, of which `sample_data` has none.
OF_POPULATIONS: dict[str, tuple[Term, ...]] = {
    "Coupling": (
        bg.Coupling(lags=2),
        bg.Coupling(window=(0.02, 0.05), name="others"),
        bg.Coupling(lags=6, basis=bg.raised_cosine(3), name="smooth"),
    ),
}
IN_POPULATIONS = [term for terms in OF_POPULATIONS.values() for term in terms]
# Bases of lags, each of whose functions are those of `FUNCTIONS`.
BASES = (
    bg.raised_cosine(5),
    bg.raised_cosine(6, width=1.5),
    bg.log_raised_cosine(5),
    bg.log_raised_cosine(4, width=2.5, stretch=4.0, decays=False),
    bg.bspline(7),
    bg.bspline(3, degree=1),
    bg.cyclic_bspline(6),
    bg.cyclic_bspline(2, degree=1),
    bg.fourier(3),
    bg.fourier(2, constant=False),
    bg.boxcar(4),
    bg.orthogonal_exponential(3, times=[0.01, 0.04, 0.2]),
    bg.identity(),
    ((1.0, 0.0),) * 5 + ((0.25, -2.0),) * 6,
)
KINDS = [kind for kind in TERMS if kind.__name__ in EXAMPLES]
OF_EVERY_KIND = [term for kind in KINDS for term in EXAMPLES[kind.__name__].terms]


def rounding_of(term: Any) -> float:
    """Return what columns may differ by from those by hand, which add up in another order."""
    parts = [part for part in getattr(term, "parts", ()) if not isinstance(part, str)]
    return max(EXAMPLES[type(one).__name__].rounding for one in (term, *parts))


def curve_in(term: Any) -> Any:
    """Return the term, or the part of it, that is a curve; None where there is none."""
    every = (term, *getattr(term, "parts", ()))
    return next((one for one in every if isinstance(one, bg.Spline | bg.Basis | bg.Surface)), None)


def lag_functions_in(term: Any) -> Array | None:
    """Return the functions of lag of a term, or of a part of it; None where there are none."""
    every = (term, *getattr(term, "parts", ()))
    return next((functions_of(one) for one in every if getattr(one, "basis", None)), None)


def columns_of(term: Term, data: Mapping[str, Any], response: str) -> Laid:
    """Return the columns of a term, and which samples see all that they read."""
    return EXAMPLES[type(term).__name__].columns(term, data, response)

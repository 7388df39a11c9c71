"""What priors do to estimates: each against what it would be by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import group_redrawn, model_of, parameter_group
from bayesglm.results.unpenalised import Unpenalised, unpenalised
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    check_term,
    legend_height,
    new_figure,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_coefficients

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
TAILS = (0.03, 0.97)
MARKERS = ("o", "s", "D", "^", "v", "P")
MOST_OPAQUE = 60  # points of a fit, beyond which they are drawn faintly


class Estimates(NamedTuple):
    """The estimates of one fit, flat, with the ends of their intervals; None of a MAP."""

    values: Array
    lower: Array | None
    upper: Array | None


def plot_shrinkage(
    fits: Mapping[str, xr.DataTree] | xr.DataTree, term: str | None = None
) -> Figure:
    """Draw the estimates of one term against those by maximum likelihood, fit by fit.

    On the diagonal nothing is shrunk, on the horizontal line everything; the way from one to the
    other is what a prior does (soft thresholds of the lasso, proportions of the ridge, partial
    pooling of groups). Of posteriors the means are drawn with their 94% intervals, of MAPs the
    modes. Coefficients that have no maximum likelihood estimate, since the data are separated,
    stand at the edges to which they would go, and the note counts them.

    Maximum likelihood is over all coefficients, with dispersions as in the first fit. Where the
    others cannot be told from the term's coefficients without priors (the levels of a `Group`
    beside an intercept), these are held as in the first fit.

    Parameters
    ----------
    fits : mapping of names to fits, or a fit
        What `fit`, `fit_map`, ... return for the same data and the same terms, under other priors;
        of a population, one unit each along its dim: ``fit.isel({dim: 0})``. Members of a coupled
        one are not drawn: maximum likelihood needs the responses of all.
    term : str, optional
        The term to draw; by default that of most coefficients.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No fits, fits of other data or terms, an unknown term, or one without maximum likelihood
        estimates since its columns are linear combinations, or of effects so many that the fit
        keeps marginals of them.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import bayesglm as bg
    >>> data = {"y": [1.2, 0.1, 2.3, 0.4], "x": [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1]]}
    >>> priors = {"ridge": bg.ridge(1.0), "lasso": bg.lasso(1.0)}
    >>> model = bg.GLM("y", "x", dispersion=1.0, intercept=None)
    >>> models = {name: replace(model, prior=prior) for name, prior in priors.items()}
    >>> figure = bg.plot_shrinkage({name: bg.fit_map(one, data) for name, one in models.items()})
    >>> figure.axes[0].get_ylabel()
    'x: estimate'
    """
    named = _named(fits)
    first = next(iter(named.values()))
    model = model_of(first)
    terms = [one.label for one in model.every_term]
    if not terms:
        raise DataError("the model of these fits has no term to draw, only an intercept.")
    group = parameter_group(first)
    redrawn = group_redrawn(first)
    few = [one for one in terms if one != redrawn]
    if redrawn is not None and (term == redrawn or not few):
        raise DataError(
            f"the effects of {redrawn!r} are too many for a picture of each beside its maximum "
            "likelihood estimate; name another term, or draw them with plot_posterior."
        )
    name = max(few, key=lambda one: _flat(group[one]).shape[-1]) if term is None else term
    check_term(name, terms, "fit")
    likely = unpenalised(first, name)
    estimates = {label: _estimates(fit, name) for label, fit in named.items()}
    sizes = {len(one.values) for one in estimates.values()}
    if sizes != {len(likely.values)}:
        raise DataError(f"the fits have other numbers of coefficients of {name!r} than the first.")
    figure, axes = new_figure(1, 1, 5.0 + legend_height(len(named)))
    ax = axes[0, 0]
    _draw(ax, likely.values, estimates)
    unit = unit_of_coefficients(model, name)
    ax.set_xlabel(
        f"{plain(name, MOST_LETTERS)}: maximum likelihood estimate\n({unit})", fontsize=10
    )
    ax.set_ylabel(f"{plain(name, MOST_LETTERS)}: estimate", fontsize=10)
    figure.legend(loc="outside right upper", frameon=False, fontsize=10)
    notes = _notes(likely)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=9, color=INK)
    return figure


def _named(fits: Any) -> dict[str, xr.DataTree]:
    """Return the fits by name, all of the same data and of one response."""
    is_mapping = isinstance(fits, Mapping) and not hasattr(fits, "attrs")
    named = {str(name): fit for name, fit in fits.items()} if is_mapping else {"fit": fits}
    if not named:
        raise DataError("plot_shrinkage needs at least one fit.")
    observed = None
    labels: list[str] = []
    for name, fit in named.items():
        model, group = model_of(fit), parameter_group(fit)
        population = fit.attrs["population"]
        if population and population in group.dims:
            raise DataError(
                f"fit {name!r} is that of a whole population; choose one: fit.isel({population}=0)."
            )
        own = fit["observed_data"].to_dataset()
        if observed is None:
            observed, labels = own, [one.label for one in model.every_term]
        elif not own.equals(observed) or [one.label for one in model.every_term] != labels:
            raise DataError(
                f"fit {name!r} is of other data or other terms than the first; give fits that "
                "differ in their priors alone."
            )
    return named


def _flat(variable: xr.DataArray) -> Array:
    """Return the values ``(draws, q)`` of a variable of a fit; one draw of a MAP."""
    if "draw" not in variable.dims:
        return variable.values.reshape(1, -1)
    ordered = variable.transpose("chain", "draw", ...).values
    return ordered.reshape(ordered.shape[0] * ordered.shape[1], -1)


def _estimates(fit: xr.DataTree, name: str) -> Estimates:
    draws = _flat(parameter_group(fit)[name])
    if len(draws) == 1:
        return Estimates(draws[0], None, None)
    lower, upper = np.nanquantile(draws, TAILS, axis=0)
    return Estimates(np.nanmean(draws, axis=0), lower, upper)


def _draw(ax: Axes, likely: Array, estimates: Mapping[str, Estimates]) -> None:
    """Draw all fits over the lines of no shrinkage and of all."""
    finite = likely[np.isfinite(likely)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (-1.0, 1.0)
    pad = 0.06 * (high - low) or 0.5
    x, strips = likely.copy(), list[tuple[float, str]]()
    left, right = low - pad, high + pad
    for sign, text in ((-1.0, "none:\n→ -∞"), (1.0, "none:\n→ ∞")):
        gone = np.flatnonzero(likely == sign * np.inf)
        if len(gone):
            middle = (high if sign > 0 else low) + sign * 3.0 * pad
            x[gone] = middle + pad * np.linspace(-0.6, 0.6, len(gone) + 2)[1:-1]
            strips.append((middle, text))
            left, right = min(left, middle - pad), max(right, middle + pad)
    ax.axhline(0, color=INK, linewidth=0.8)
    ends = [low - pad, high + pad]
    ax.plot(ends, ends, color=GREY, linestyle="--", linewidth=1.2, label="no shrinkage")
    step = 0.006 * (right - left)
    for k, (name, one) in enumerate(estimates.items()):
        at = x + step * (k - 0.5 * (len(estimates) - 1))
        _draw_fit(ax, at, one, name, k)
    for middle, text in strips:
        ax.axvspan(middle - pad, middle + pad, color=GREY, alpha=0.2, lw=0)
        look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
        ax.annotate(text, (middle, 1.0), fontsize=9, **look)
    if strips:
        ax.set_xticks([tick for tick in ax.get_xticks() if low - pad <= tick <= high + pad])
    ax.set_xlim(left, right)


def _draw_fit(ax: Axes, at: Array, one: Estimates, name: str, k: int) -> None:
    """Draw the estimates of one fit, the k-th, with their intervals where it has some."""
    colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
    alpha = 1.0 if len(at) <= MOST_OPAQUE else 0.5
    if one.lower is not None and one.upper is not None:
        ax.vlines(at, one.lower, one.upper, color=colour, linewidth=1.4, alpha=0.55 * alpha)
    what = "MAP" if one.lower is None else "posterior mean, 94%"
    label = f"{plain(name, MOST_LETTERS)}\n({what})"
    look: dict[str, Any] = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.5}
    ax.plot(at, one.values, marker, color=colour, alpha=alpha, label=label, **look)


def _notes(likely: Unpenalised) -> list[str]:
    n, q = int(np.isinf(likely.values).sum()), len(likely.values)
    notes = []
    if n:
        some = "1 coefficient has" if n == 1 else f"{n} of {q} coefficients have"
        notes.append(f"{some} no maximum likelihood estimate: the data are separated")
    if likely.alone:
        notes.append("maximum likelihood of these alone, all else as in the first fit")
    return notes

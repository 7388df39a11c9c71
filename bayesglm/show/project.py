"""A projection's path as a picture: how near each model comes to its reference, and which terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import COLOURS, GREY, INK, new_figure, write_note
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
PATH = ("term", "elpd_diff", "diff_se")  # of the group `projection`, what is drawn
MOST_SIZES = 60  # rows of a figure: those of the smallest models
MOST_WRITTEN = 12  # terms, up to which shares are written in their cells
MOST_LETTERS = 24  # of a term's name beside its row
ROW = 0.27  # inches
# How many times as far as the models near the reference the others reach, beyond which the near
# ones have a panel of their own.
FAR = 4.0
NEAR = 2.0  # standard errors from the reference, within which a model is near


def plot_project(fit: xr.DataTree) -> Figure:
    """Draw how the models of a projection's path come up to their reference, term by term.

    A row for each size, from the model without terms downwards, named by the term that it adds. To
    the right lies what the model foretells better: the difference of its expected log predictive
    density to the reference's, with one (thick) and two (thin) standard errors. The row of the
    model that was taken is shaded. Where most models lie far from the reference, those near it are
    drawn again beside them, on a scale of their own. Where the search was validated, shades say in
    which share of the folds the model of each size has the row's term; the line is the path of all
    rows. Sharp edges along it are an order that hangs little on the rows.

    Parameters
    ----------
    fit : xarray.DataTree
        What `project` returns. Of more than 60 sizes the smallest are drawn, and a note says so.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Something else.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x, "z": x[::-1]}
    >>> data["z"][::2] = [0.0] * 20
    >>> fitted = bg.fit(bg.GLM("y", ["x", "z"], family="poisson", prior=bg.Normal(1.0)), data)
    >>> figure = bg.plot_project(bg.project(fitted))
    >>> [one.get_text() for one in figure.axes[0].get_yticklabels()]
    ['no terms', '+ x', '+ z']
    """
    path = _opened(fit)
    sizes = np.arange(min(path.sizes["size"], MOST_SIZES))
    drawn = path.isel(size=sizes)
    near, has_shares = _near(drawn), "chosen_share" in path
    widths = [2.2, *([2.0] if near is not None else []), *([2.0] if has_shares else [])]
    layout = {"width_ratios": widths}
    height = 1.6 + ROW * len(sizes)
    figure, axes = new_figure(1, len(widths), height, sharey=True, gridspec_kw=layout)
    first = axes[0, 0]
    _draw_differences(first, drawn)
    first.set_xlabel("elpd − reference's (nats)", fontsize=10)
    if near is not None:
        _draw_differences(axes[0, 1], drawn)
        axes[0, 1].set_xlim(near)
        axes[0, 1].set_xlabel("the same, near the reference", fontsize=10)
    if has_shares:
        _draw_shares(figure, axes[0, -1], drawn)
    first.set_yticks(sizes, _names(drawn))
    first.set_ylim(len(sizes) - 0.4, -0.6)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(wspace=0.04)  # type: ignore[call-arg]
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=10)
    write_note(figure, _note(path, len(sizes)))
    return figure


def _opened(fit: Any) -> xr.Dataset:
    """Return the path of a projection."""
    children = getattr(fit, "children", {})
    path = fit["projection"].to_dataset() if "projection" in children else None
    if path is None or not all(name in path for name in PATH):
        raise DataError(
            "plot_project draws the path of a projection; write plot_project(project(fit))."
        )
    return path


def _names(path: xr.Dataset) -> list[str]:
    """Name each size by the term that it adds."""
    n_forced = int(path.attrs["n_forced"])
    names = ["no terms"]
    for size, term in enumerate(path["term"].values[1:], 1):
        names.append(f"+ {plain(term, MOST_LETTERS)}{' (forced)' if size <= n_forced else ''}")
    return names


def _near(path: xr.Dataset) -> tuple[float, float] | None:
    """Return the limits of the differences that are near zero; None where all of them are."""
    difference, error = (path[name].values for name in PATH[1:])
    low, high = (difference - 2.0 * error).min(), (difference + 2.0 * error).max()
    near = np.abs(difference) <= np.maximum(NEAR * error, np.abs(difference).max() / 20.0)
    some = np.r_[(difference - 2.0 * error)[near], (difference + 2.0 * error)[near], 0.0]
    span = float(np.ptp(some))
    if not 0.0 < FAR * span < max(high, 0.0) - min(low, 0.0):
        return None
    return float(some.min()) - 0.08 * span, float(some.max()) + 0.08 * span


def _draw_differences(ax: Axes, path: xr.Dataset) -> None:
    """Draw a row for each size: its difference, with one and two standard errors."""
    difference, error = (path[name].values for name in PATH[1:])
    y = np.arange(len(difference))
    ax.axvline(0, color=INK, linewidth=0.8, label="reference")
    taken = int(path.attrs["taken_size"])
    if taken in y:
        look: dict[str, Any] = {"color": COLOURS[4], "alpha": 0.25, "linewidth": 0}
        ax.axhspan(taken - 0.5, taken + 0.5, label="model taken", **look)
    for times, width in ((2, 1.5), (1, 4.0)):
        label = f"{times} standard error{'s' if times > 1 else ''}"
        look = {"color": COLOURS[0], "linewidth": width, "label": label}
        ax.hlines(y, difference - times * error, difference + times * error, **look)
    ax.plot(difference, y, "o", color="white", markeredgecolor=COLOURS[0], markersize=6)
    ax.locator_params(axis="x", nbins=5)


def _draw_shares(figure: Figure, ax: Axes, path: xr.Dataset) -> None:
    """Draw in which share of the folds the model of each size has the term of each row."""
    n = path.sizes["size"]
    terms = path["term"].values[1:]
    share = path["chosen_share"].sel(candidate=terms).transpose("candidate", "size").values[:, 1:]
    place = (0.5, n - 0.5, n - 0.5, 0.5)
    image = ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, extent=place, aspect="auto")
    # Below the steps the path of all rows has the term.
    steps = np.arange(1, n)
    ax.step(np.r_[0.5, steps + 0.5], np.r_[steps - 0.5, n - 0.5], where="post", color=GREY)
    if len(terms) <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(share):
            look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
            look["color"] = "white" if value > 0.6 else INK
            ax.text(column + 1, row + 1, f"{100.0 * value:.0f}", **look)
    else:
        bar = figure.colorbar(image, ax=ax, shrink=0.3, aspect=30, ticks=[0.0, 0.5, 1.0])
        bar.ax.yaxis.set_major_formatter("{x:.0%}")
        bar.outline.set_visible(False)
    ax.set_xlim(0.5, n - 0.5)
    label = f"size: in how many % of\n{plain(path.attrs['validated'])} it has the term"
    ax.set_xlabel(label, fontsize=10)


def _note(path: xr.Dataset, n_drawn: int) -> str:
    """Say why the size is suggested, how it was validated, and what is not drawn."""
    why = str(path.attrs["why"])
    said = [why[:1].upper() + why[1:]]
    if path.attrs["search"] and not path.attrs["validated"]:
        said.append(
            "The search has seen the rows by which it is scored: validate_search=10 searches in "
            "folds."
        )
    n = path.sizes["size"]
    if n > n_drawn:
        said.append(f"Not drawn: models of {n_drawn} to {n - 1} terms.")
    return plain(" ".join(said), 600)

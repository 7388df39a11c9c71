"""The ranks of all cells in one picture: empirical distributions minus uniform, within bands."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.bands import bands, count_below
from calibration.cells import CELLS
from calibration.simulation import RANKED
from calibration.verdict import LEVEL, POINTS, Record

ACROSS = 4  # panels in a row


def draw(records: list[Record], path: Path) -> None:
    """Write one panel for every cell, filled where it was run, in the order of the table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(CELLS) // ACROSS)
    width, height = 2.6 * ACROSS, 1.7 * rows + 0.6
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    # Margins in inches: a layout that is solved for takes seconds for so many panels, and so do
    # axes that are shared.
    margins = {
        "left": 0.7 / width,
        "right": 1 - 0.1 / width,
        "bottom": 0.5 / height,
        "top": 1 - 0.3 / height,
        "hspace": 0.3,
        "wspace": 0.1,
    }
    axes = figure.subplots(rows, ACROSS, gridspec_kw=margins).ravel()
    run = {record["cell"]: record for record in records}
    for axis in axes[len(CELLS) :]:
        axis.set_visible(False)
    for axis, name in zip(axes, CELLS, strict=False):
        axis.set_title(name, fontsize=8)
        axis.tick_params(labelsize=7)
        if name in run and run[name]["ranks"]:
            _panel(axis, run[name], len(records))
    drawn = [axis.get_ylim() for axis in axes if axis.has_data()] or [(0.0, 1.0)]
    lowest, highest = min(low for low, _ in drawn), max(high for _, high in drawn)
    for axis in axes:
        axis.set(xlim=(-0.05, 1.05), ylim=(lowest, highest))
        axis.label_outer()
    figure.supxlabel("rank of the truth, as a fraction", fontsize=8)
    figure.supylabel("empirical minus uniform distribution of ranks", fontsize=8)
    figure.savefig(path, dpi=110)


def _panel(axis: Any, record: Record, n_cells: int) -> None:
    z = np.arange(POINTS + 1) / POINTS
    n, lines = record["simulations"] - sum(record["failures"].values()), len(record["ranks"])
    for share, grey in ((n_cells * lines, "0.9"), (lines, "0.8")):
        edges = [_ends(one / n - z[1:-1]) for one in bands(n, POINTS, 1 - LEVEL / share)]
        axis.fill_between(z, *edges, color=grey, lw=0)
    for ranks in record["ranks"].values():
        below = count_below(np.array(ranks), RANKED, POINTS)
        axis.plot(z, _ends(below / len(ranks) - z[1:-1]), lw=0.8)


def _ends(inner: np.ndarray) -> np.ndarray:
    """Add the ends, where both distributions are 0 and 1."""
    return np.concatenate([[0.0], inner, [0.0]])

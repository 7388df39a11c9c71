"""A page on which two weights, their prior and their data can be moved."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.results.replacing import as_path, check_place, replace_file
from bayesglm.show.plane import plot_plane
from bayesglm.show.policy import policy_of
from bayesglm.spec.model import GLM
from bayesglm.spec.prior.apart import Laplace
from bayesglm.spec.terms.linear import Linear

HERE = Path(__file__).parent
HEIGHT = 1150  # pixels of the page within a notebook
# The state in which the page opens, as its script has it too.
SEED, SAMPLES, CORRELATION, NOISE, SCALE, TRUTH = 24, 10, 0.6, 1.0, 0.25, (1.2, 0.3)
WORDS = (
    "The plane of two weights under a Laplace prior: the MAP lies on the axis, where the second "
    "weight is exactly zero, and the posterior mean beside it."
)


@dataclass(frozen=True)
class Explorer:
    """The page as text. Notebooks show it, and a picture of its first state where they cannot."""

    html: str = field(repr=False)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        picture = _picture()
        frame = (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" title="Two weights: '
            f'penalties are priors" style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'
        )
        still = (
            "<details><summary>A picture of its first state, where pages cannot move</summary>"
            f'<img alt="{escape(WORDS)}" src="data:image/png;base64,{picture}"></details>'
        )
        data = {"text/html": frame + still, "image/png": picture, "text/plain": repr(self)}
        return data, {"image/png": {"alt": WORDS}}


def explorer(path: str | os.PathLike[str] | None = None) -> Explorer:
    """Make a page on which two weights, their prior and their data can be moved.

    One HTML file that needs no server and no network: likelihood, prior and posterior of two
    weights, MAP and posterior mean, the constraint region of the penalty, the path as the scale
    moves, shrinkage, and separated data whose weights run away, all computed by the page as its
    sliders and points move. Its address (``#...``) holds its state. The numbers are those of
    `fit_map` and of a sum over a fine grid, to 1e-3.

    Parameters
    ----------
    path : path, optional
        An ``.html`` file to write, whole or not at all.

    Returns
    -------
    Explorer
        Shown in a notebook, the page itself; ``.html`` is its text.

    Raises
    ------
    DataError
        A path that is no HTML file, or cannot be written.

    Examples
    --------
    >>> import bayesglm as bg
    >>> page = bg.explorer()
    >>> page.html.startswith("<!doctype html>"), len(page.html) < 300_000
    (True, True)
    """
    made = Explorer(_page())
    if path is None:
        return made
    given = as_path(path)
    if given.suffix.lower() not in (".html", ".htm"):
        raise DataError(
            f"the explorer is a page, and {given.name!r} does not end in .html; name it, say, "
            f"{given.stem + '.html'!r}."
        )
    check_place(given)
    try:
        replace_file(Path(os.path.realpath(given)), memoryview(made.html.encode("utf-8")))
    except OSError as error:
        raise DataError(f"{str(given)!r} cannot be written: {error.strerror or error}.") from error
    return made


@cache
def _page() -> str:
    from importlib.metadata import version

    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style, numbers, script = (
        (HERE / name).read_text(encoding="utf-8") for name in ("page.css", "numbers.js", "page.js")
    )
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=False, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        style=style,
        numbers=numbers,
        script=script,
        policy=policy_of(style, numbers, script),
        version=version("bayesglm"),
    )


@cache
def _picture() -> str:
    """Return a picture of the first state, as a PNG in base64."""
    x, y = drawn(SEED, SAMPLES, CORRELATION, NOISE, TRUTH)
    model = GLM("y", Linear("x", prior=Laplace(SCALE)), dispersion=NOISE, intercept=None)
    file = io.BytesIO()
    plot_plane(model, {"x": x, "y": y}, truth=TRUTH).savefig(file, format="png", dpi=72)
    return base64.b64encode(file.getvalue()).decode()


def drawn(
    seed: int, n: int, correlation: float, noise: float, truth: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the linear data ``(n, 2)`` and ``(n,)`` that the page draws with a seed."""
    uniform = _uniform(seed)

    def normal() -> float:
        radius = np.sqrt(-2.0 * np.log(1.0 - next(uniform)))
        return float(radius * np.cos(2.0 * np.pi * next(uniform)))

    x, y = np.empty((n, 2)), np.empty(n)
    for k in range(n):
        first, other, error = normal(), normal(), normal()
        next(uniform)
        x[k] = first, correlation * first + np.sqrt(1.0 - correlation**2) * other
        y[k] = x[k] @ truth + noise * error
    return x, y


def _uniform(seed: int) -> Any:
    """Yield the numbers of the generator mulberry32, as the page's script does."""
    whole = 0xFFFFFFFF
    a = seed & whole
    while True:
        a = (a + 0x6D2B79F5) & whole
        t = ((a ^ (a >> 15)) * (a | 1)) & whole
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & whole)) & whole
        yield ((t ^ (t >> 14)) & whole) / 4294967296.0

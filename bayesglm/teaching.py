"""What lessons in notebooks need beside the models: pictures told in words, and feedback."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING

from bayesglm.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["feedback", "show"]

DPI = 80  # of pictures in a notebook
SERVICE = "BAYESGLM_FEEDBACK"  # the variable that names a service for feedback
FIELDS = ("url", "name", "user_key")  # of a service


def show(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook together with what it says in words, and close it.

    The picture has at most 256 colours, so that a notebook stays small.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        The figure in words, for those who do not see it. It is stored with the picture.

    Raises
    ------
    DataError
        No words.

    Examples
    --------
    >>> import bayesglm as bg
    >>> figure = bg.plot_prior(bg.Normal(1.0))
    >>> bg.teaching.show(figure, "a bell around zero, and its parabola as a penalty")
    <IPython.core.display.Image object>
    """
    from IPython.display import Image, display
    from matplotlib import pyplot as plt
    from PIL.Image import Dither, Quantize
    from PIL.Image import open as open_image

    if not isinstance(alt, str) or not alt.strip():
        raise DataError("show wants the figure in words: show(figure, 'a curve that rises to 2').")
    drawn, picture = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, bbox_inches="tight")
    plt.close(figure)
    colours = open_image(drawn).convert("RGB")
    colours.quantize(256, Quantize.MAXCOVERAGE, dither=Dither.NONE).save(picture, "png")
    display(Image(picture.getvalue(), format="png", alt=alt, metadata={"alt": alt}))


def feedback(section: str) -> None:
    """Ask a reader what they think of a section, where a service for answers is configured.

    Nothing is asked unless the environment variable ``BAYESGLM_FEEDBACK`` names a datatops service
    as JSON: ``{"url": ..., "name": ..., "user_key": ...}``. Then a widget of vibecheck is shown; it
    sends what the reader chooses and types when they press its buttons, and nothing before.

    Parameters
    ----------
    section : str
        The section, as the service's owner is to read it.

    Raises
    ------
    DataError
        The variable is no such JSON, or vibecheck is not installed (extra ``feedback``).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.teaching.feedback("1.1 A neuron whose answer we know")      # no service: nothing
    """
    text = os.environ.get(SERVICE, "")
    if not text:
        return
    try:
        service = json.loads(text)
        chosen = {field: str(service[field]) for field in FIELDS}
    except (ValueError, TypeError, KeyError):
        raise DataError(
            f"{SERVICE} must be JSON with {', '.join(FIELDS)}; it starts with {text[:40]!r}."
        ) from None
    try:
        from vibecheck import DatatopsContentReviewContainer
    except ImportError:
        raise DataError("feedback needs vibecheck: pip install 'bayesglm[feedback]'.") from None
    DatatopsContentReviewContainer("", section, chosen).render()

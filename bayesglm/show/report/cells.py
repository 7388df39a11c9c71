"""Numbers as a table holds them: the value, by which it is sorted, and how it is written."""

from __future__ import annotations

import numpy as np

from bayesglm.inference.tree.shown import cell
from bayesglm.show.report.parts import Number


def number(value: float, error: float = np.nan) -> Number:
    """Return a number to four digits, or to a tenth of its error; one that is none is blank.

    >>> number(0.123456), number(float("nan")).text
    (Number(value=0.123456, text='0.1235'), '')
    """
    value = float(value)
    return Number(value, "" if np.isnan(value) else cell(value, error))


def whole(value: float) -> Number:
    """Return a whole number, thousands told apart.

    >>> whole(12345)
    Number(value=12345, text='12,345')
    """
    return Number(int(value), f"{int(value):,}")


def share(value: float) -> Number:
    """Return a share as percent; one that is none is blank.

    >>> share(0.123)
    Number(value=0.123, text='12%')
    """
    return Number(float(value), "" if np.isnan(value) else f"{value:.0%}".replace("-0%", "0%"))

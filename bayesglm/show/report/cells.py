"""Numbers as a table holds them: the value, by which it is sorted, and how it is written."""

from __future__ import annotations

import numpy as np

from bayesglm.inference.tree.shown import cell
from bayesglm.show.report.parts import Cell, Number


def number(value: float, error: float = np.nan) -> Cell:
    """Return a number to four digits, or to a tenth of its error; blank where there is none.

    >>> number(0.123456), number(float("nan"))
    (Number(value=0.123456, text='0.1235'), '')
    """
    value = float(value)
    return "" if np.isnan(value) else Number(value, cell(value, error))


def whole(value: float) -> Number:
    """Return a whole number, thousands told apart.

    >>> whole(12345)
    Number(value=12345, text='12,345')
    """
    return Number(int(value), f"{int(value):,}")


def share(value: float) -> Cell:
    """Return a share as percent; blank where there is none.

    >>> share(0.123)
    Number(value=0.123, text='12%')
    """
    if np.isnan(value):
        return ""
    text = f"{value:z.0%}"
    return Number(float(value), "0%" if text == "-0%" else text)

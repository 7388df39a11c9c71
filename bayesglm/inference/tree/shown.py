"""A table that is shown as it is read: a number to the digits that it has, words whole."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

DIGITS = 4  # significant ones of a number
MOST_DIGITS = 15  # that a float holds
WHOLE = ("display.max_colwidth", None, "display.max_columns", None)  # no cell is cut short
SENTENCES = "sentences"  # the attribute of a table that holds what it tells
CHECKS = ("ess", "khat", "r_hat")  # columns that are in units of their own


class Shown(pd.DataFrame):
    """A DataFrame in all but how it is shown, as are its parts.

    pandas shows a column in the notation that its smallest number needs, and so a coefficient of
    0.7 as 7.0e-01 where another is 1e-6.

    >>> Shown({"mean": [0.7, 1.234567e-6], "prior": ["Flat", "Flat"]}, index=["x", "income"])
                 mean prior
    x             0.7  Flat
    income  1.235e-06  Flat
    """

    @property
    def _constructor(self) -> type[Shown]:
        return Shown

    def __repr__(self) -> str:
        with pd.option_context(*WHOLE):
            return repr(self.written())

    def _repr_html_(self) -> str:
        with pd.option_context(*WHOLE):
            return str(self.written()._repr_html_())

    def written(self) -> pd.DataFrame:
        """Return the same table as text."""
        errors = self["sd"].to_numpy() if "sd" in self else np.full(len(self), np.nan)
        columns = {
            name: [
                cell(value, np.nan if name in CHECKS else error)
                for value, error in zip(column, errors, strict=True)
            ]
            for name, column in self.items()
        }
        return pd.DataFrame(columns, index=self.index, dtype=object)


class Sentenced(Shown):
    """A table with sentences beneath it, its attribute ``sentences``; its parts are without.

    >>> table = Sentenced({"mean": [0.7]}, index=["x"])
    >>> table.attrs["sentences"] = ["x is large."]
    >>> table
      mean
    x  0.7
    <BLANKLINE>
    x is large.
    """

    @property
    def _constructor(self) -> type[Shown]:
        return Shown

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), "", *self.attrs.get(SENTENCES, ())])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{escape(one)}</li>" for one in self.attrs.get(SENTENCES, ()))
        return f"{super()._repr_html_()}<ul>{said}</ul>"


def cell(value: Any, error: float = np.nan) -> str:
    """Write what stands in a cell: of a number four digits, or to a tenth of its error.

    >>> cell(0.123456), cell(1.00000123, 3e-6), cell("Flat")
    ('0.1235', '1.0000012', 'Flat')
    """
    if not isinstance(value, float):
        return str(value)
    digits = DIGITS
    if error > 0 and np.isfinite(error) and value and np.isfinite(value):
        needed = np.floor(np.log10(abs(value))) - np.floor(np.log10(error)) + 2
        digits = int(np.clip(needed, DIGITS, MOST_DIGITS))
    return f"{value:.{digits}g}"

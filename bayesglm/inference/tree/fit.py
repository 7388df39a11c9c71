"""The tree of a fit, which notebooks show as a card."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesglm.errors import BayesGLMError
from bayesglm.inference.tree.opened import model_of
from bayesglm.inference.tree.summary import summary
from bayesglm.spec.cards import card, formula_part, table_part, words_part
from bayesglm.spec.hints import fit_hint

MOST_ROWS = 25  # of a card: more are counted
TITLES = {"map": "MAP estimate", "posterior": "Posterior"}


class Fit(xr.DataTree):
    """A DataTree in all but how a notebook shows it: model, method and checks, table."""

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            hint = fit_hint(name)
            if not hint:
                raise
            raise AttributeError(f"'Fit' object has no attribute {name!r}{hint}") from None

    def _repr_html_(self) -> str:
        kind = next((name for name in TITLES if name in self.children), None)
        if "model" not in self.attrs or kind is None:
            return str(super()._repr_html_())
        try:
            parts = _parts(self)
        except BayesGLMError:  # of a tree from which something was taken
            return str(super()._repr_html_())
        return card(TITLES[kind], parts)


def _parts(fit: xr.DataTree) -> list[str]:
    table = summary(fit)
    rows = [tuple(map(str, row)) for row in table[:MOST_ROWS].written().itertuples()]
    parts = [
        formula_part(str(model_of(fit))),
        words_part(_told(fit)),
        table_part((str(table.index.name), *table.columns), rows, of_words=("prior",)),
    ]
    if len(table) > MOST_ROWS:
        parts.append(words_part(f"and {len(table) - MOST_ROWS:,} more rows: bayesglm.summary(fit)"))
    return parts


def _told(fit: xr.DataTree) -> str:
    """Say how a fit was made, and what its checks found."""
    attrs = fit.attrs
    dropped = attrs.get("n_dropped", 0)
    left_out = f" ({dropped:,} without a full past left out)" if dropped else ""
    missing = attrs.get("n_missing", 0)
    left_out += f" ({missing:,} with missing values left out)" if missing else ""
    words = f"{attrs.get('n_samples', 0):,} samples{left_out}; method: {attrs.get('method', '')}"
    words += f", {attrs['why']}" if "why" in attrs else ""
    if attrs.get("accepted") == 0:
        words += ". The importance weights were refused: do not use these draws"
    if attrs.get("n_divergent"):
        words += f". {attrs['n_divergent']} draws diverged: raise target_accept"
    if "wall_time_s" in attrs:
        words += f". {attrs['wall_time_s']:.2g} s"
    return f"{words}."

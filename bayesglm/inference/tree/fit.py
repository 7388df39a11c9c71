"""The tree of a fit, which notebooks show as a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from bayesglm.errors import BayesGLMError
from bayesglm.inference.tree.certificate import certificate
from bayesglm.inference.tree.opened import is_projected, model_of
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
        return card("Projected posterior" if is_projected(self) else TITLES[kind], parts)


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


def samples_in_words(attrs: Mapping[Any, Any], of: str = "") -> str:
    """Write the number of samples of a fit, and how many of them were left out, and why.

    >>> samples_in_words({"n_samples": 1200, "n_dropped": 0, "n_missing": 7})
    '1,200 samples (7 with missing values left out)'
    """
    whys = {"n_dropped": "without a full past", "n_missing": "with missing values"}
    counts = [f"{attrs[name]:,} {why}" for name, why in whys.items() if attrs.get(name)]
    left_out = f" ({' and '.join(counts)} left out)" if counts else ""
    return f"{attrs.get('n_samples', 0):,} samples{of}{left_out}"


def _told(fit: xr.DataTree) -> str:
    """Say how a fit was made, and what its checks found."""
    attrs = fit.attrs
    words = f"{samples_in_words(attrs)}; method: {attrs.get('method', '')}"
    words += f", {attrs['why']}" if "why" in attrs else ""
    certified = certificate(attrs)
    words += f". {certified}" if certified else ""
    if attrs.get("accepted") == 0:
        words += ". The importance weights were refused: do not use these draws"
    if attrs.get("n_divergent"):
        words += f". {attrs['n_divergent']} draws diverged: raise target_accept"
    if "wall_time_s" in attrs:
        words += f". {attrs['wall_time_s']:.2g} s"
    return f"{words}."

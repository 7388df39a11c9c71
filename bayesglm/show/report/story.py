"""Fits of one response, opened once for a report, and what several of its sections read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bayesglm.design.response_levels import as_numbers
from bayesglm.errors import BayesGLMError, BayesGLMWarning, DataError
from bayesglm.inference.tree.opened import are_named, model_of, parameter_group
from bayesglm.results.kernels import quiet_kernels
from bayesglm.results.marginals import PROB
from bayesglm.results.scores.compare import check_scores, compare
from bayesglm.results.scores.pairing import check_fits
from bayesglm.show.prior_predictive import Bins
from bayesglm.show.report.kinds import Data
from bayesglm.show.report.scoring import scored
from bayesglm.show.report.seen import Seen, look
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesglm.spec.model import GLM


@dataclass(frozen=True)
class Story:
    """Fits of one response, their scores, the question, and what was said while scoring."""

    fits: Mapping[str, xr.DataTree]
    elpd: Mapping[str, Any]
    response: str
    said: tuple[str, ...]
    question: str

    @staticmethod
    def open(
        fits: Mapping[str, xr.DataTree],
        elpd: Mapping[str, Any] | None = None,
        question: str | None = None,
    ) -> Story:
        """Check the fits, and score them by leave-one-out where no scores are given."""
        if not are_named(fits, 1):
            raise DataError(
                "report needs a mapping of names to fits, with at least one fit; write "
                "report({'model': fit}, path)."
            )
        for name in fits:
            if re.search("[\ud800-\udfff]", str(name)):
                raise DataError(
                    f"the name {name!r} of a fit holds half a character (a lone surrogate), which "
                    "no page can hold; give the fit another name."
                )
        responses = {name: model_of(fit).response for name, fit in fits.items()}
        for name, fit in fits.items():
            parameter_group(fit)
            if "observed_data" not in fit.children:
                raise DataError(f"fit {name!r} lacks its observed_data; give the fit whole.")
        if len(set(responses.values())) > 1:
            raise DataError(f"the fits explain different responses: {responses}; report each.")
        if len(fits) > 1:
            check_fits(fits)
        if elpd is not None:
            check_scores(elpd, fits)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            thinned: list[str] = []
            if elpd is None:
                elpd, thinned = scored(fits)
        warned = [str(w.message) for w in caught if issubclass(w.category, BayesGLMWarning)]
        said = (*warned, *thinned)
        response = next(iter(responses.values()))
        asked = question or f"What explains {response!r}, and how sure can one be of it?"
        return Story(dict(fits), dict(elpd), response, said, asked)

    @cached_property
    def posteriors(self) -> dict[str, xr.DataTree]:
        """The fits with a posterior; all fits where there is none."""
        drawn = {name: fit for name, fit in self.fits.items() if "posterior" in fit.children}
        return drawn or dict(self.fits)

    @property
    def first(self) -> xr.DataTree:
        """The first fit: what all share, the response and its samples, is read of it."""
        return next(iter(self.fits.values()))

    @property
    def model(self) -> GLM:
        """The model of the first fit."""
        return model_of(self.first)

    @cached_property
    def data(self) -> Data:
        """What the data are, and each of their variables."""
        return Data.of(self.fits)

    @cached_property
    def kernels(self) -> dict[str, xr.DataTree]:
        """What each term of every fit adds to the linear predictor, with 94% bands."""
        return {name: quiet_kernels(fit, PROB) for name, fit in self.fits.items()}

    @property
    def has_posterior(self) -> bool:
        """Whether `posteriors` are such, and not MAPs."""
        return any("posterior" in fit.children for fit in self.fits.values())

    @cached_property
    def events(self) -> float | None:
        """The number of events, for responses whose information is told per event."""
        model = self.model
        family = FAMILY_NAMES[model.family]
        if not family.discrete or (family.labels and family.labels.most != 2):
            return None
        seen = self.first["observed_data"].to_dataset()[self.response]
        counts = as_numbers(model, seen.values)
        return float(counts.sum())

    @cached_property
    def compared(self) -> pd.DataFrame | None:
        """The table of the scored models, the best first; None where fewer than two are scored."""
        return compare(self.elpd) if len(self.elpd) > 1 else None

    @property
    def best(self) -> str:
        """The fit that is told first: the best scored, else the first with a posterior, if any."""
        if self.compared is not None:
            return self.compared.index[0]
        return next(iter(self.posteriors))

    def called(self, name: str) -> str:
        """Name a fit where others stand beside it; a MAP is told apart."""
        return name if "posterior" in self.fits[name].children else f"{name} (MAP)"

    @cached_property
    def _looked(self) -> dict[str, Seen | str]:
        """What is seen of each fit, without warnings, or why nothing is."""
        looked: dict[str, Seen | str] = {}
        bins: dict[int, Bins] = {}
        for name, fit in self.fits.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", BayesGLMWarning)
                    looked[name] = look(fit, bins)
            except BayesGLMError as error:
                looked[name] = str(error)
        return looked

    @property
    def seen(self) -> dict[str, Seen]:
        """What is seen of each fit that can be checked: its check, and traces of all units."""
        return {name: one for name, one in self._looked.items() if not isinstance(one, str)}

    @property
    def checks(self) -> dict[str, xr.DataTree]:
        """What `check` tells of each fit that it can check."""
        return {name: one.check for name, one in self.seen.items()}

    @property
    def unchecked(self) -> dict[str, str]:
        """Why `check` tells nothing of the others."""
        return {name: one for name, one in self._looked.items() if isinstance(one, str)}

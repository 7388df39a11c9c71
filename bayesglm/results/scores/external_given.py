"""What is given of another method's predictions, read into one Dataset and scored."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayesglm.design.door import SAMPLE_DIM, as_dataset
from bayesglm.design.labels import coords_over
from bayesglm.design.variables import holds_labels, labels_in, numbers, place
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.samples import DENSITIES, PROBABILITIES
from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.results.scores.constant_rate import Events
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.names import CONSTANT, EVENTS, OBSERVED, POSITION, TRIALS, first_repeat

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
SUMS = 1e-4  # from one, by which probabilities of levels may be off: that of single precision
FARTHEST = 700.0  # of eta where a mean is at the end of its range; exp(-FARTHEST) is no chance

NO_CHANCE = (
    "give no chance to what was observed, and its log density is minus infinity; predict no "
    "probability of zero (mix in a small share of the overall one)"
)


class Given(NamedTuple):
    """What was given, in one Dataset, with its sample dim, levels, and parameters that are one."""

    dataset: xr.Dataset
    dim: str
    levels: list[Any] | None
    single: dict[str, float]

    @staticmethod
    def read(given: Mapping[str, Any], levels: Sequence[Any] | None) -> Given:
        """Put all that was given into one Dataset; DataError where it does not fit together."""
        every = {name: value for name, value in given.items() if value is not None}
        single = {
            name: float(one)
            for name, one in every.items()
            if isinstance(one, Real) and name not in ("log_density", "predictions", "observed")
        }
        entries = {name: one for name, one in every.items() if name not in single}
        dataset = as_dataset(entries)
        dim = dataset.attrs.get(SAMPLE_DIM)
        if dim is None:
            raise DataError("the dim of the samples is not clear; call it 'time' or 'obs'.")
        own = None if levels is None else list(levels)
        predicted = given["predictions"]
        if own is None and hasattr(predicted, "columns"):
            own = list(predicted.columns)
        elif own is None and "predictions" in dataset:
            lasts = dataset["predictions"].dims[1:]
            own = dataset[lasts[0]].values.tolist() if lasts and lasts[0] in dataset else None
        _check_distinct(own or ())
        return Given(dataset, str(dim), own, single)

    def scored(self, family: str | None) -> xr.DataArray:
        """Return the log density of each sample, with all that pairs it."""
        if "log_density" in self.dataset:
            responses = self._responses(family)
            return self._labelled(self._log_density(family, responses), family, responses)
        if family is None:
            labels = self._labels()
            return self._labelled(np.log(self._chances(labels)), None, labels)
        return self._of_family(family)

    def _numbers(self, name: str) -> Array:
        return numbers(self.dataset[name], self.dim, "given", self.dataset)

    def _log_density(self, family: str | None, responses: Array | None) -> Array:
        """Return log densities; of counts and labels they are of probabilities, at most one."""
        given = self.dataset["log_density"]
        if given.dtype.kind == "b":
            raise DataError("log_density holds true and false; give logarithms of densities.")
        if given.dtype.kind == "f":
            self._refuse(np.isneginf(given.values), given.dims, "log_density", NO_CHANCE)
        values = self._numbers("log_density")
        of_labels = responses is not None and responses.dtype.kind not in "iuf"
        if of_labels or (family is not None and FAMILY_NAMES[family].discrete):
            words = "are above 0, and no logarithms of probabilities, which those of counts and "
            self._refuse(values > SUMS, given.dims, "log_density", words + "labels are")
        return values

    def _responses(self, family: str | None) -> Array | None:
        """Return the responses, of labels as they are, else numbers; None where none are given."""
        if "observed" not in self.dataset:
            return None
        if holds_labels(self.dataset["observed"].variable):
            labels = self._labels()
            if self.levels is not None:
                self._codes(labels)
            return labels
        values = self._numbers("observed")
        words = None if family is None else FAMILY_NAMES[family]
        amounts = words is None or words.labels is None or words.labels.most == 2
        return values if amounts else values.astype(np.int64)

    def _labels(self) -> Array:
        return labels_in(self.dataset["observed"], "given", self.dataset)

    def _codes(self, labels: Array, so: str = "") -> Array:
        """Return the place of each label among the levels; DataError where it is none of them."""
        levels = pd.Index(self.levels, dtype=object)
        codes = levels.get_indexer(pd.Index(labels.ravel(), dtype=object)).reshape(labels.shape)
        dims, words = self.dataset["observed"].dims, f"are none of the levels {shown(self.levels)}"
        self._refuse(codes < 0, dims, "observed", words + so)
        return codes

    def _chances(self, labels: Array) -> Array:
        """Return the probability of each observed label."""
        chances, dims = self._numbers("predictions"), self.dataset["predictions"].dims
        if chances.ndim != 2 or labels.ndim != 1:
            raise DataError(
                f"predictions have the shape {chances.shape}: probabilities of levels are (sample, "
                "level); of means say family= ('bernoulli', 'poisson', 'gaussian', ...)."
            )
        if self.levels is None or len(self.levels) != chances.shape[1]:
            raise DataError(
                f"predictions have {chances.shape[1]} columns; name as many levels= "
                f"(estimator.classes_), got {shown(self.levels)}."
            )
        off = (chances < 0.0) | (chances > 1.0 + SUMS)
        self._refuse(off, dims, "predictions", "are no probabilities: they lie outside [0, 1]")
        off = np.abs(chances.sum(axis=1) - 1.0) > SUMS
        self._refuse(off, dims[:1], "predictions", "are no probabilities: they do not add up to 1")
        codes = self._codes(labels, ", and get no chance; predict every level")
        chosen = chances[np.arange(len(codes)), codes]
        self._refuse(chosen <= 0.0, dims[:1], "predictions", NO_CHANCE)
        return chosen

    def _of_family(self, family: str) -> xr.DataArray:
        """Return the log density of each response about its mean."""
        words = FAMILY_NAMES[family]
        record = FAMILIES.get((family, words.links[0]))
        if record is None:
            raise ModelError(
                f"{family} responses have a probability of each level: give predictions (sample, "
                "level) without family=."
            )
        mean, responses = self._numbers("predictions"), self._responses(family)
        dims = self.dataset["predictions"].dims
        assert responses is not None
        if mean.shape != responses.shape:
            raise DataError(
                f"predictions have the shape {mean.shape} and observed {responses.shape}: of "
                f"{family} there is one mean for each response; of probabilities of levels say no "
                "family=."
            )
        y, trials = self._as_numbers(responses, words.labels is not None), self._trials(family)
        self._refuse(~record.valid(y, trials), dims, "observed", f"are no {record.support}")
        link: Any = LINK_FUNCTIONS.get(record.link)
        if link is None:
            raise ModelError(
                f"means of {family} responses have the link {record.link!r}, of one's own; give "
                "their log_density=."
            )
        open_ends = (mean == link.low) | (mean == link.high)
        outside = (mean < link.low) | (mean > link.high) | (open_ends & (not words.discrete))
        self._refuse(outside, dims, "predictions", f"are no {words.noun} of {family} responses")
        with np.errstate(divide="ignore"):
            eta = link.eta(mean)
        eta = np.where(open_ends, np.clip(eta, -FARTHEST, FARTHEST), eta)
        values = record.log_likelihood(y, eta[None], self._phi(record), trials)
        values = np.broadcast_to(values, mean.shape)
        self._refuse(open_ends & (values < -FARTHEST / 2), dims, "predictions", NO_CHANCE)
        labelled = self._labelled(values, family, responses, trials)
        return _with_events(labelled, y, trials, family)

    def _as_numbers(self, responses: Array, of_labels: bool) -> Array:
        """Return responses as numbers; of two labels, which ``levels`` name, 0 and 1."""
        if not of_labels or responses.dtype.kind == "f":
            return responses
        if self.levels is None or len(self.levels) != 2:
            raise DataError("observed holds labels; name them in levels=: no and yes.")
        return self._codes(responses).astype(np.float64)

    def _trials(self, family: str) -> Array | None:
        if not FAMILY_NAMES[family].needs_trials:
            return None
        if "trials" in self.single:
            one = self.single["trials"]
            if not (one >= 0.0 and one.is_integer()):
                raise DataError(f"trials must be a whole number of at least 0, got {one:g}.")
            return np.full(self.dataset["predictions"].shape, one)
        if "trials" not in self.dataset:
            raise ModelError(f"{family} counts are out of trials=, which are missing.")
        trials = self._numbers("trials")
        wrong = (trials < 0.0) | (trials != np.floor(trials))
        words = "are no whole numbers of at least 0"
        self._refuse(wrong, self.dataset["trials"].dims, "trials", words)
        return trials.reshape(len(trials), *(1,) * (self.dataset["predictions"].ndim - 1))

    def _phi(self, record: Family) -> tuple[Array, ...]:
        """Return the dispersions; ModelError where one is not given."""
        every = []
        for name in record.dispersion_names:
            if name not in self.single and name not in self.dataset:
                raise ModelError(
                    f"{record.name} predictions need {name} beside the mean: say "
                    f"dispersion={{{name!r}: values}}, the predictive one of each sample."
                )
            own = name in self.dataset
            values = self._numbers(name) if own else np.full((1,), self.single[name])
            low, high = record.words.range_of(name)
            outside = ~((values > low) & (values < high))
            if not own and outside.any():
                raise DataError(f"{name} must lie between {low:g} and {high:g}, got {values[0]:g}.")
            if own:
                dims, words = self.dataset[name].dims, f"do not lie between {low:g} and {high:g}"
                self._refuse(outside, dims, name, words)
            lasts = self.dataset["predictions"].ndim - values.ndim
            every.append(values.reshape(*values.shape, *(1,) * lasts))
        return tuple(every)

    def _refuse(self, wrong: Array, dims: tuple, name: str, words: str) -> None:
        """Raise DataError where some values are wrong, with the first place."""
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum())} {name} {words}; the first stands at "
                f"{place(wrong, dims, self.dataset)}."
            )

    def _labelled(
        self, values: Array, family: str | None, responses: Array | None, trials: Any = None
    ) -> xr.DataArray:
        """Return values with the labels of their samples, as pointwise values of fits have them."""
        import xarray as xr

        dataset, dim = self.dataset, self.dim
        source = "log_density" if "log_density" in dataset else "predictions"
        dims = dataset[source].dims[: values.ndim]
        known: dict[str, Any] = dict(coords_over(dataset, dim))
        labelled = dim in known
        if labelled and not pd.Index(known[dim].values).is_unique:
            known[POSITION] = (dim, np.arange(len(values)))
        known.setdefault(dim, np.arange(len(values)))
        known |= {str(one): dataset[one] for one in dims[1:] if one in dataset.coords}
        attrs: dict[str, Any] = {"labelled": int(labelled), "n_samples": len(values)}
        if source == "predictions" or family is not None:
            discrete = family is None or FAMILY_NAMES[family].discrete
            attrs["measure"] = PROBABILITIES if discrete else DENSITIES
        if responses is not None:
            attrs["response"] = "observed"
            known[OBSERVED] = (dims[: responses.ndim], responses)
        if trials is not None:
            known[TRIALS] = (dims, np.broadcast_to(trials, values.shape))
        return xr.DataArray(values, dims=dims, coords=known, name="elpd_i", attrs=attrs)


def _check_distinct(levels: Sequence[Any]) -> None:
    """Raise DataError unless every level has a name of its own."""
    collection = next((one for one in levels if not isinstance(one, Hashable)), None)
    if collection is not None:
        raise DataError(f"levels= are labels, one of each column; got {shown(collection)}.")
    twice = first_repeat(levels)
    if twice is not None:
        raise DataError(f"two levels are called {twice!r}; name each column by a label of its own.")


def _with_events(scores: xr.DataArray, y: Array, trials: Any, family: str) -> xr.DataArray:
    """Return scores with what `bits_per_spike` reads, where responses count events."""
    words = FAMILY_NAMES[family]
    if not words.counts_events:
        return scores
    ones = np.ones(y.shape)
    counts, out_of = (
        np.asarray(one, dtype=float).reshape(len(y), -1)
        for one in (y, ones if trials is None else np.broadcast_to(trials, y.shape))
    )
    every = [
        Events(*unit, np.ones(len(y)), not words.counts)
        for unit in zip(counts.T, out_of.T, strict=True)
    ]
    constant = np.stack([one.log_density(one.rate_of_others()) for one in every], axis=-1)
    return scores.assign_coords(
        {
            EVENTS: (scores.dims, y.astype(float)),
            CONSTANT: (scores.dims, constant.reshape(y.shape)),
        }
    )

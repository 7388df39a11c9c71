"""The door: whatever the user has, turned once into one checked xarray Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasMultiIndex

from bayesglm.design.clock import with_time
from bayesglm.design.labels import COORDINATES, held_by, index_labels, plain_labels
from bayesglm.design.spikes.grid import check_bin_size
from bayesglm.design.spikes.recording import is_recording, read_recording
from bayesglm.design.timed import aligned
from bayesglm.design.variables import as_category, is_category
from bayesglm.errors import DataError
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.names import first_repeat

SAMPLE_DIM = "sample_dim"  # attribute that remembers the sample dim of a checked Dataset


def as_dataset(
    data: Any,
    sample_dim: str | None = None,
    bin_size: float | None = None,
    epochs: Any = None,
    resample: Any = None,
) -> Any:
    """Turn data of any accepted kind into one checked Dataset; every verb calls it once.

    Parameters
    ----------
    data : xarray.Dataset, pandas.DataFrame, mapping of names to arrays, or recording
        Variables over samples. Plain arrays get the dims ``obs`` and ``<name>_dim_0``, ...; a
        DataFrame inside a mapping labels its feature dim by its columns. Columns, entries or
        index levels named ``time`` or ``trial`` become coordinates of the samples. Variables over
        ``(trial, time)`` are stacked to one sample dim ``obs``.

        The index of a frame labels its samples, and fits are paired by these labels. Dates and
        spans of time on the samples are their ``time``, whatever their name; numbers are seconds,
        or in the ``units`` that the coordinate names. Objects that bring times of their own
        (pynapple's, Neo's) are put together only where their times are equal.

        With ``bin_size``, entries of different times are brought into the same bins: spike times
        (`SpikeTimes`, ``{unit: times}``, lists of arrays of different lengths, pynapple's ``Ts``
        and ``TsGroup``, Neo's ``SpikeTrain``, NWB's ``Units``) become counts, small unsigned
        integers over ``(time, unit)``; signals (``Tsd``, ``TsdFrame``, ``TsdTensor``,
        ``AnalogSignal``, NWB's ``TimeSeries``, arrays with the coordinate ``time``) are resampled,
        columns along ``<name>_dim_0`` with their labels;
        intervals become the share of each bin that lies in one; Neo's and NWB's events keep times,
        along a dim of their own. Plain arrays beside these hold one value for each bin. The path
        of an ``.nwb`` file, pynwb's ``NWBFile`` or Neo's ``Segment`` is all of these, its units
        named ``spikes``. Variables are formed where they are read: to fit one unit, ``.sel`` it.
    sample_dim : str, optional
        The dim of the samples: else ``time``, else ``obs``, else the only dim that every
        variable has.
    bin_size : float, optional
        Seconds per sample: gives data without a ``time`` coordinate one, at the bins' centres.
        Bin k of an epoch holds ``start + k * bin_size <= t < start + (k + 1) * bin_size``, times
        within 1.5e-9 s of an edge being at it.
    epochs : intervals, optional
        Stretches of a recording that are kept, the trials: ``IntervalSet``, ``Epoch``,
        ``TimeIntervals`` or the name of one in a file, ``{label: (start, stop)}``, a DataFrame with
        the columns ``start`` and ``stop``, pairs or one pair. Their labels (of a DataFrame its
        column ``trial``, else its index) are the coordinate ``trial``, their columns variables.
        Trials are in order of time; epochs in another order are sorted, which is told. Else the
        time in which all was recorded.
    resample : {"mean", "previous", "nearest", "linear"} or mapping of names to these, optional
        How signals come into bins: the mean of the samples in each (the last before it where it
        holds none), or the sample up to its middle, nearest to it, or on the line between two. By
        default means of numbers; ``"previous"`` for those slower than the bins, which is told;
        ``"nearest"`` for words and categories. The attribute ``resampled`` of each says it.

    Returns
    -------
    xarray.Dataset
        The variables with the sample dim first, its name in the attribute ``sample_dim``. Arrays
        are not copied, and a Dataset that has passed before is given back as it is.

    Raises
    ------
    DataError
        Empty data, arrays of unequal length or with times that differ, a dim or a kind of data
        that does not fit; epochs that overlap, or that a signal does not cover.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.as_dataset({"y": [0, 1, 1], "x": [0.1, 0.2, 0.4], "trial": [1, 1, 2]})
    >>> ds.sizes["obs"], list(ds.coords), list(ds.data_vars)
    (3, ['trial'], ['y', 'x'])

    >>> spikes = {"left": [0.12, 0.31, 0.33], "right": [0.2, 1.16]}
    >>> ds = bg.as_dataset({"spikes": spikes}, bin_size=0.1, epochs={"a": (0, 0.4), "b": (1, 1.4)})
    >>> ds["spikes"].sel(unit="right").values.tolist(), ds["trial"].values[3:5].tolist()
    ([0, 0, 1, 0, 0, 1, 0, 0], ['a', 'b'])
    """
    if sample_dim is not None and not isinstance(sample_dim, str):
        raise DataError(f"sample_dim must be the name of a dim, got {shown(sample_dim)}.")
    if is_recording(data, bin_size, epochs):
        of_bins = sample_dim or "time"
        recorded = read_recording(data, of_bins, bin_size, epochs, resample)
        data = _from_arrays(*recorded, of_bins)
        bin_size = None
    elif resample is not None:
        raise DataError(
            "resample= is for signals that are brought into bins, and these data are values of the "
            "samples; leave it out."
        )
    dataset = _without_encodings(_unpack(_open(data, sample_dim)))
    if sample_dim is not None and sample_dim not in dataset.dims:
        known = [str(dim) for dim in dataset.dims]
        raise DataError(
            f"sample_dim={sample_dim!r} is no dim of the data; the dims are "
            f"{', '.join(known) or 'none'}.{closest(sample_dim, known)}"
        )
    _check_bin_size(bin_size, dataset)
    dim = sample_dim or _remembered(dataset)
    if dim is None:
        dataset = _stack_trials(dataset, bin_size)
        dim = _guess_sample_dim(dataset)
    if dim is None:
        if bin_size is not None:
            raise DataError("bin_size needs a sample dim; say sample_dim=.")
        return dataset
    if not dataset.sizes[dim]:
        raise DataError(f"the data are empty: dim {dim!r} has no samples.")
    dataset = samples_first(_promote(dataset, dim), dim)
    if bin_size is not None and "time" not in dataset.coords:
        _check_bin_size(bin_size, with_time(dataset, dim))
    dataset = _plain_coordinates(with_time(dataset, dim), dim)
    if dataset.attrs.get(SAMPLE_DIM) != dim:
        dataset = dataset.assign_attrs({SAMPLE_DIM: dim})
    if bin_size is None or "time" in dataset.coords:
        return dataset
    return dataset.assign_coords(time=(dim, _bin_centres(dataset.sizes[dim], bin_size)))


def sample_dim_of(dataset: xr.Dataset, response: str) -> str:
    """Return the sample dim of a Dataset that passed the door, else the response's only dim."""
    remembered = _remembered(dataset)
    if remembered is not None:
        return remembered
    dims = dataset[response].dims if response in dataset else ()
    if len(dims) != 1:
        raise DataError(
            f"the sample dim is not clear: {response!r} has the dims {dims}; name the dim of the "
            "samples 'time' or 'obs', or say as_dataset(data, sample_dim=...)."
        )
    return str(dims[0])


def response_as_variable(dataset: xr.Dataset, response: str) -> xr.Dataset:
    """Return the data with the response measured: a survival ``time`` is no clock of the samples.

    >>> data = as_dataset({"time": [2.0, 0.5, 7.1], "dose": [0.0, 1.0, 1.0]})
    >>> list(data.data_vars), list(response_as_variable(data, "time").data_vars)
    (['dose'], ['dose', 'time'])
    """
    return dataset.reset_coords(response) if response in dataset.coords else dataset


def samples_first(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Put the sample dim first in every variable; the others keep their order."""
    if all(dim not in one.dims or one.dims[0] == dim for one in dataset.variables.values()):
        return dataset
    return dataset.transpose(dim, ..., missing_dims="ignore")


def _remembered(dataset: xr.Dataset) -> str | None:
    dim = dataset.attrs.get(SAMPLE_DIM)
    return dim if isinstance(dim, str) and dim in dataset.dims else None


def _open(data: Any, sample_dim: str | None) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        if not data.data_vars:
            raise DataError("the Dataset has no variables.")
        return data
    if _is_frame(data):
        return _from_frame(data)
    if isinstance(data, xr.DataTree):
        raise DataError(
            "data are a DataTree, not a Dataset; say which of its groups: tree['...'].to_dataset()."
        )
    if isinstance(data, Mapping):
        return _from_mapping(data, sample_dim)
    raise DataError(
        f"data of type {type(data).__name__!r} cannot be read; give an xarray.Dataset, a pandas "
        "DataFrame, a mapping of names to arrays, or the path of an .nwb file."
    )


def _is_pandas(value: Any, attribute: str) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, attribute)


def _is_frame(data: Any) -> bool:
    return _is_pandas(data, "columns")


def _from_frame(frame: pd.DataFrame) -> xr.Dataset:
    names = [str(name) for name in frame.columns]
    if not names:
        raise DataError("the data are empty: no variables.")
    repeated = first_repeat(names)
    if repeated is not None:
        raise DataError(f"the DataFrame has two columns named {repeated!r}; rename one.")
    columns = {
        name: column if is_category(column.dtype) else column.to_numpy()
        for name, (_, column) in zip(names, frame.items(), strict=True)
    }
    return _from_arrays(columns, index_labels(frame.index, "obs", set(names)), "obs")


def _from_mapping(data: Mapping[str, Any], sample_dim: str | None) -> xr.Dataset:
    if not data:
        raise DataError("the data are empty: no variables.")
    if len({str(name) for name in data}) < len(data):
        raise DataError("two entries of the data have the same name, written out; rename one.")
    dim = _dim_of_plain_arrays(data, sample_dim)
    entries, brought = aligned(data, dim)
    return _from_arrays(entries, brought | _shared_labels(data, dim), dim)


def _from_arrays(entries: Mapping[str, Any], labels: dict[str, Any], dim: str) -> xr.Dataset:
    """Make the Dataset of named values, with coordinates that their labels give the samples."""
    variables = {name: _as_variable(name, value, dim) for name, value in entries.items()}
    coords = {name: variables.pop(name) for name in COORDINATES if name in variables}
    if not variables:
        raise DataError("the data hold coordinates only, no variables.")
    for name, value in coords.items():
        if value.ndim != 1:
            raise DataError(
                f"{name!r} has the shape {value.shape}; give one value per sample, or rename it."
            )
    own: dict[str, Any] = {name: xr.Variable(dim, value) for name, value in labels.items()}
    coords = own | coords
    every = {**variables, **coords}
    lengths = {name: value.sizes[dim] for name, value in every.items() if dim in value.dims}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise DataError(f"the variables differ in length: {told}; give each sample every variable.")
    labelled = [value for value in every.values() if isinstance(value, xr.DataArray)]
    try:
        if labelled:
            xr.align(*labelled, join="exact", copy=False)
        return xr.Dataset(variables, coords=coords)
    except ValueError as error:
        raise DataError(
            f"the variables do not fit together: {error}. Bring their labels into agreement first."
        ) from error


def _dim_of_plain_arrays(data: Mapping[str, Any], sample_dim: str | None) -> str:
    labelled = [value.dims for value in data.values() if isinstance(value, xr.DataArray)]
    for known in (sample_dim, "time", "obs"):
        if known is not None and any(known in dims for dims in labelled):
            return known
    shared = set.intersection(*map(set, labelled)) if labelled else set()
    return str(shared.pop()) if len(shared) == 1 else "obs"


def _shared_labels(data: Mapping[str, Any], dim: str) -> dict[str, Any]:
    """Check that all pandas objects have one index, and return the labels that it gives."""
    indexed = {name: value.index for name, value in data.items() if _is_pandas(value, "index")}
    if not indexed:
        return {}
    first = next(iter(indexed))
    for name, index in indexed.items():
        if len(index) == len(indexed[first]) and not index.equals(indexed[first]):
            raise DataError(
                f"{name!r} and {first!r} have different pandas indexes; put them into one "
                "DataFrame, or give plain arrays in the order of the samples."
            )
    labels = index_labels(indexed[first], dim, ())
    return {name: label for name, label in labels.items() if name not in data}


def _as_variable(name: str, value: Any, dim: str) -> xr.DataArray | xr.Variable:
    if isinstance(value, xr.DataArray):
        return value
    if is_category(getattr(value, "dtype", None)):
        return xr.Variable(dim, as_category(value))
    if _is_frame(value):
        feature = f"{name}_dim_0"
        for column, dtype in value.dtypes.items():
            if is_category(dtype):
                raise DataError(
                    f"column {column!r} of {name!r} is a categorical variable, whose levels are "
                    "no amounts; give one 0/1 column per level (pandas.get_dummies)."
                )
        return xr.DataArray(
            value.to_numpy(), dims=(dim, feature), coords={feature: [str(c) for c in value.columns]}
        )
    if isinstance(value, Mapping):
        raise DataError(
            f"{name!r} is a collection ({type(value).__name__}), not an array; give its members as "
            "entries of their own. Spike times of units are counted in bins first: "
            "data = as_dataset(data, bin_size=0.01), in seconds."
        )
    if hasattr(value, "tocsr"):
        raise DataError(f"{name!r} is a sparse matrix; give a dense array: {name}.toarray().")
    try:
        # A masked array is kept as one: xarray turns its masked entries into NaN.
        array = np.asanyarray(value) if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        dims = (dim, *(f"{name}_dim_{k}" for k in range(array.ndim - 1)))
        variable = xr.Variable(dims if array.ndim else (), array)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name!r} cannot be read as an array: {error}.") from error
    if array.ndim == 0:
        raise DataError(f"{name!r} is a single value ({value!r}); give one value per sample.")
    return variable


def _unpack(dataset: xr.Dataset) -> xr.Dataset:
    """Turn every index of several levels into plain coordinates, one per level."""
    indexes = dataset.xindexes
    several = [dim for dim in dataset.dims if isinstance(indexes.get(dim), PandasMultiIndex)]
    return dataset.reset_index(several) if several else dataset


def _stack_trials(dataset: xr.Dataset, bin_size: float | None) -> xr.Dataset:
    if not any({"trial", "time"} <= dims for dims in _dims_of_variables(dataset)):
        return dataset
    if "obs" in dataset.dims:
        raise DataError(
            "variables over (trial, time) are stacked to the dim 'obs', which the data have "
            "already; rename that dim, or say sample_dim=."
        )
    has_time = "time" in dataset.coords or bin_size is not None
    if "trial" not in dataset.coords:
        dataset = dataset.assign_coords(trial=np.arange(dataset.sizes["trial"]))
    if "time" not in dataset.coords:
        dataset = dataset.assign_coords(time=_bin_centres(dataset.sizes["time"], bin_size or 1.0))
    stacked = dataset.stack(obs=("trial", "time")).reset_index("obs").transpose("obs", ...)
    return stacked if has_time else stacked.drop_vars("time")


def _guess_sample_dim(dataset: xr.Dataset) -> str | None:
    for known in ("time", "obs"):
        if known in dataset.dims:
            return known
    shared = set.intersection(*_dims_of_variables(dataset))
    return str(shared.pop()) if len(shared) == 1 else None


def _dims_of_variables(dataset: xr.Dataset) -> list[set]:
    return [set(dataset.variables[name].dims) for name in dataset.data_vars]


def _promote(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    rows = [
        name
        for name in COORDINATES
        if name != dim and name in dataset.data_vars and dataset.variables[name].dims == (dim,)
    ]
    return dataset.set_coords(rows) if rows else dataset


def _without_encodings(dataset: xr.Dataset) -> xr.Dataset:
    """Forget how a file packed its numbers, which need not hold what has been made of them."""
    if any(variable.encoding for variable in dataset.variables.values()):
        return dataset.drop_encoding()
    return dataset


def _plain_coordinates(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Turn labels of the samples of any kind into numbers, dates or words."""
    plain: dict[str, Any] = {}
    for name, coordinate in dataset.coords.items():
        dtype = coordinate.dtype
        if coordinate.dims != (dim,) or (isinstance(dtype, np.dtype) and dtype.kind != "O"):
            continue
        values = held_by(coordinate.variable)
        # Of categories the words, since their levels are no amounts.
        labels = plain_labels(values.astype(str) if is_category(dtype) else values)
        if labels is not values:
            plain[str(name)] = (dim, labels, coordinate.attrs)
    return dataset.assign_coords(plain) if plain else dataset


def _check_bin_size(bin_size: object, dataset: xr.Dataset) -> None:
    if bin_size is None:
        return
    check_bin_size(bin_size)
    if "time" in dataset.variables:
        raise DataError("the data have a 'time' coordinate already; leave bin_size out.")


def _bin_centres(n: int, bin_size: float) -> np.ndarray:
    return (np.arange(n) + 0.5) * bin_size

"""The door: whatever the user has, turned once into one checked xarray Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesglm.errors import DataError
from bayesglm.spec.noun import near

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_DIM = "sample_dim"  # attribute that remembers the sample dim of a checked Dataset
COORDINATES = ("time", "trial")


def as_dataset(data: Any, sample_dim: str | None = None, bin_size: float | None = None) -> Any:
    """Turn data of any accepted kind into one checked Dataset; every verb calls it once.

    Parameters
    ----------
    data : xarray.Dataset, pandas.DataFrame, or mapping of names to arrays
        Variables over samples. Plain arrays get the dims ``obs`` and ``<name>_dim_0``, ...; a
        DataFrame inside a mapping labels its feature dim by its columns. Columns, entries or
        index levels named ``time`` (seconds) or ``trial`` become coordinates of the samples.
        Variables over ``(trial, time)`` are stacked to one sample dim ``obs``.
    sample_dim : str, optional
        The dim of the samples: else ``time``, else ``obs``, else the only dim that every
        variable has.
    bin_size : float, optional
        Seconds per sample: gives data without a ``time`` coordinate one, at the bins' centres.

    Returns
    -------
    xarray.Dataset
        The variables with the sample dim first, its name in the attribute ``sample_dim``.

    Raises
    ------
    DataError
        Empty data, arrays of unequal length, a dim or a kind of data that does not fit.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.as_dataset({"y": [0, 1, 1], "x": [0.1, 0.2, 0.4], "trial": [1, 1, 2]})
    >>> ds.sizes["obs"], list(ds.coords), list(ds.data_vars)
    (3, ['trial'], ['y', 'x'])
    """
    dataset = _open(data)
    if sample_dim is not None and sample_dim not in dataset.dims:
        known = [str(dim) for dim in dataset.dims]
        raise DataError(
            f"sample_dim={sample_dim!r} is no dim of the data; the dims are "
            f"{', '.join(known) or 'none'}.{near(sample_dim, known)}"
        )
    if sample_dim is None and SAMPLE_DIM not in dataset.attrs:
        dataset = _stack_trials(dataset)
    dim = sample_dim or dataset.attrs.get(SAMPLE_DIM) or _guess_sample_dim(dataset)
    dataset = _promote(dataset, dim)
    if dim is not None:
        if not dataset.sizes[dim]:
            raise DataError(f"the data are empty: dim {dim!r} has no samples.")
        dataset = dataset.transpose(dim, ...).assign_attrs({SAMPLE_DIM: dim})
    return _with_time(dataset, dim, bin_size)


def sample_dim_of(dataset: xr.Dataset, response: str) -> str:
    """Return the sample dim of a Dataset that passed the door, else the response's only dim."""
    if SAMPLE_DIM in dataset.attrs:
        return dataset.attrs[SAMPLE_DIM]
    dims = dataset[response].dims if response in dataset else ()
    if len(dims) != 1:
        raise DataError(
            f"the sample dim is not clear: {response!r} has the dims {dims}; name the dim of the "
            "samples 'time' or 'obs', or say as_dataset(data, sample_dim=...)."
        )
    return str(dims[0])


def _open(data: Any) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        if not data.data_vars:
            raise DataError("the Dataset has no variables.")
        return data
    if _is_frame(data):
        return _from_frame(data)
    if isinstance(data, Mapping):
        return _from_mapping(data)
    raise DataError(
        f"data of type {type(data).__name__!r} cannot be read; give an xarray.Dataset, a pandas "
        "DataFrame, or a mapping of names to arrays."
    )


def _is_frame(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def _from_frame(frame: pd.DataFrame) -> xr.Dataset:
    levels = [name for name in frame.index.names if name in COORDINATES]
    if levels:
        frame = frame.reset_index(level=levels)
    duplicated = frame.columns[frame.columns.duplicated()]
    if len(duplicated):
        raise DataError(f"the DataFrame has two columns named {duplicated[0]!r}; rename one.")
    return _from_mapping({str(name): frame[name].to_numpy() for name in frame.columns})


def _from_mapping(data: Mapping[str, Any]) -> xr.Dataset:
    if not data:
        raise DataError("the data are empty: no variables.")
    labelled = [name for name, value in data.items() if isinstance(value, xr.DataArray)]
    dim = "obs"
    for name in labelled:
        dims = data[name].dims
        dim = next((known for known in ("time", "obs") if known in dims), dim)
    variables = {str(name): _as_variable(str(name), value, dim) for name, value in data.items()}
    lengths = {name: value.sizes[dim] for name, value in variables.items() if dim in value.dims}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise DataError(f"the variables differ in length: {told}; give each sample every variable.")
    coords = {name: variables.pop(name) for name in COORDINATES if name in variables}
    if not variables:
        raise DataError("the data hold coordinates only, no variables.")
    try:
        return xr.Dataset(variables, coords=coords)
    except ValueError as error:
        raise DataError(f"the variables do not fit together: {error}") from error


def _as_variable(name: str, value: Any, dim: str) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        return value
    if _is_frame(value):
        feature = f"{name}_dim_0"
        return xr.DataArray(
            value.to_numpy(), dims=(dim, feature), coords={feature: [str(c) for c in value.columns]}
        )
    if hasattr(value, "tocsr"):
        raise DataError(f"{name!r} is a sparse matrix; give a dense array: {name}.toarray().")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{name!r} cannot be read as an array: {error}.") from error
    if array.ndim == 0:
        raise DataError(f"{name!r} is a single value ({value!r}); give one value per sample.")
    dims = (dim, *(f"{name}_dim_{k}" for k in range(array.ndim - 1)))
    return xr.DataArray(array, dims=dims)


def _stack_trials(dataset: xr.Dataset) -> xr.Dataset:
    if not any({"trial", "time"} <= set(value.dims) for value in dataset.data_vars.values()):
        return dataset
    for name in COORDINATES:
        if name not in dataset.coords:
            dataset = dataset.assign_coords({name: np.arange(dataset.sizes[name])})
    return dataset.stack(obs=("trial", "time")).reset_index("obs").transpose("obs", ...)


def _guess_sample_dim(dataset: xr.Dataset) -> str | None:
    for known in ("time", "obs"):
        if known in dataset.dims:
            return known
    shared = set.intersection(*(set(value.dims) for value in dataset.data_vars.values()))
    return str(shared.pop()) if len(shared) == 1 else None


def _promote(dataset: xr.Dataset, dim: str | None) -> xr.Dataset:
    if dim is None:
        return dataset
    if dim in dataset.indexes and dataset.indexes[dim].nlevels > 1:
        dataset = dataset.reset_index(dim)
    rows = [
        name
        for name in COORDINATES
        if name != dim and name in dataset.data_vars and dataset[name].dims == (dim,)
    ]
    return dataset.set_coords(rows)


def _with_time(dataset: xr.Dataset, dim: str | None, bin_size: float | None) -> xr.Dataset:
    if bin_size is None:
        return dataset
    if not np.isfinite(bin_size) or bin_size <= 0:
        raise DataError(f"bin_size must be a positive time in seconds, got {bin_size!r}.")
    if dim is None:
        raise DataError("bin_size needs a sample dim; say sample_dim=.")
    if "time" in dataset.coords:
        raise DataError("the data have a 'time' coordinate already; leave bin_size out.")
    centres = (np.arange(dataset.sizes[dim]) + 0.5) * bin_size
    return dataset.assign_coords(time=(dim, centres))

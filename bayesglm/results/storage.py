"""Fits on disk: netCDF or Zarr, never pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.inference.tree import model_of

if TYPE_CHECKING:
    import os

    import xarray as xr


def save(fit: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a fit to a netCDF file, or to a Zarr store where the path ends in ``.zarr``.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    path : path
        A file in a folder that exists. Zarr needs the extra ``zarr``.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    DataError
        No fit, or a folder that does not exist.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1], "x": [0.1, -0.9, 1.2, -0.3]}
    >>> found = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = bg.save(found, pathlib.Path(folder) / "fit.nc")
    ...     bool(bg.load(path)["map"].to_dataset().equals(found["map"].to_dataset()))
    True
    """
    model_of(fit)
    path = Path(path)
    if not path.parent.is_dir():
        raise DataError(f"the folder {str(path.parent)!r} does not exist; make it first.")
    if path.suffix == ".zarr":
        fit.to_zarr(path, mode="w", consolidated=False)
    else:
        fit.to_netcdf(path, engine="h5netcdf")
    return path


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a fit that `save` wrote; every verb works on it.

    Parameters
    ----------
    path : path
        A netCDF file, or a Zarr store whose name ends in ``.zarr``.

    Returns
    -------
    xarray.DataTree
        The fit, read into memory.

    Raises
    ------
    DataError
        No such file, or one that holds no fit.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.load("no-such-file.nc")
    Traceback (most recent call last):
    ...
    bayesglm.errors.DataError: 'no-such-file.nc' does not exist.
    """
    import xarray as xr

    path = Path(path)
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist.")
    options: dict[str, Any] = {"engine": "h5netcdf"}
    if path.suffix == ".zarr":
        options = {"engine": "zarr", "consolidated": False}
    try:
        with xr.open_datatree(path, **options) as tree:
            tree.load()
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read as a fit: {error}") from error
    model_of(tree)
    return tree

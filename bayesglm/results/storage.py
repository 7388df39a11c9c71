"""Fits on disk: netCDF or Zarr, never pickle; whole or not at all, and checked when read.

A fit is first written into memory, then beside the earlier file, which the new one replaces in one
step. Its bytes are followed by a checksum (in a Zarr store it is an attribute), which is compared
before any library reads them: a damaged file could crash or hang the one that does.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, BinaryIO

from bayesglm.errors import BayesGLMError, DataError
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.encoding import decoded, encoded
from bayesglm.results.replacing import (
    as_path,
    bring_back,
    interrupts_wait,
    replace_file,
    replace_folder,
    undisturbed,
)
from bayesglm.results.schema import check_tree

if TYPE_CHECKING:
    import xarray as xr

SCHEMA = 2  # the number of this layout of groups, names, notes and model
READABLE = (1, SCHEMA)  # layouts that are read, others refused; in 1 no term held its levels
SUFFIXES = (".nc", ".zarr")  # of the files that fits are saved in
MARK = b"\nbayesglm sha256 "  # stands before the checksum at the end of a netCDF file
SIZE = len(MARK) + 64  # bytes of both
ROOT = "zarr.json"  # the file of a Zarr store that has the attributes of its root
LARGEST_ROOT = 1 << 28  # bytes of that file; more is no such file: chosen
PIECE = 1 << 22  # bytes that are read at once: chosen
OF_ZARR = re.compile(r"(?:.*/)?(?:zarr\.json|c(?:/\d+)*)", re.DOTALL)  # files of a store
READ: dict[str, Any] = {  # as it is written: `decoded` knows what it was
    "mask_and_scale": False,
    "decode_times": False,
    "decode_timedelta": False,
    "concat_characters": False,
}
ANEW = "If you trust it, save it anew: bg.save(xarray.open_datatree(path), path)."


def save(fit: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a fit to a netCDF file, or to a Zarr store where the path ends in ``.zarr``.

    What was at the path is replaced in one step, and stays as it was if anything goes wrong, be it
    a full disk, an interrupt or a fit that cannot be written. Every value is written exactly;
    labels that no file holds (periods, intervals, dates of a time zone, mixed ones) are written as
    text from which `load` makes them again, labels of unknown types as their text.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package, and what `prior_path` and `tune_prior` return.
    path : path
        A file in a folder that exists, ``.nc`` or ``.zarr``. Zarr needs the extra ``zarr``.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    DataError
        No fit, or one that was changed into something else; a path that cannot be written, or at
        which something else than a fit stands.

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
    given, target = as_path(path), check_target(path)
    is_store = given.suffix.lower() == ".zarr"
    with _told("the fit cannot be written, and nothing was"), interrupts_wait():
        tree = _prepared(fit)
        image: Any = _as_store(tree) if is_store else _as_netcdf(tree)
    if is_store:
        replace_folder(target, image)
    else:
        with image.getbuffer() as content:
            replace_file(target, content)
    return given


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a fit that `save` wrote; every verb works on it.

    Parameters
    ----------
    path : path
        A netCDF file or a Zarr store.

    Returns
    -------
    xarray.DataTree
        The fit, read into memory.

    Raises
    ------
    DataError
        No such file, one that holds no fit, or one that was changed after it was saved.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.load("no-such-file.nc")
    Traceback (most recent call last):
    ...
    bayesglm.errors.DataError: 'no-such-file.nc' does not exist.
    """
    given = as_path(path)
    place = Path(os.path.realpath(given))

    def read() -> xr.DataTree:
        with _told(f"{str(given)!r} cannot be read as a fit"):
            return _read(place)

    try:
        return undisturbed(place, read)
    except DataError:
        if not os.path.lexists(place):
            raise DataError(f"{str(given)!r} does not exist.") from None
        raise


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return where `save` writes, links followed; DataError where it would refuse to.

    Who fits for a long time before saving asks first.
    """
    given = as_path(path)
    target = Path(os.path.realpath(given))

    def check() -> None:
        with _told(f"{str(given)!r} cannot be written"):
            _check_place(target, given.suffix.lower())

    undisturbed(target, check)
    return target


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn whatever goes wrong into a DataError: libraries for files raise errors of any kind."""
    try:
        yield
    except BayesGLMError as error:
        raise DataError(f"{what}: {error}") from error
    except OSError as error:
        raise DataError(f"{what}: {error.strerror or error}.") from error
    except Exception as error:
        raise DataError(f"{what}: {type(error).__name__}: {error}.") from error


def _check_place(target: Path, suffix: str) -> None:
    """Raise DataError where a fit cannot be written, or something else would be lost."""
    if suffix not in SUFFIXES:
        raise DataError(
            "its name says no format; end it in .nc (a netCDF file) or .zarr (a Zarr store)."
        )
    if not target.parent.is_dir():
        raise DataError(f"the folder {str(target.parent)!r} does not exist; make it first.")
    if not os.path.lexists(target):
        return
    mode = target.stat().st_mode
    kind, is_right = ("folder", S_ISDIR(mode)) if suffix == ".zarr" else ("file", S_ISREG(mode))
    if not is_right:
        raise DataError(f"what stands there is no {kind}; save under another name.")
    if not os.access(target, os.W_OK):
        raise DataError("what stands there may not be written to; save under another name.")
    if suffix == ".zarr":
        _check_is_fit(target)


def _check_is_fit(store: Path) -> None:
    """Raise DataError unless a folder is empty, or a Zarr store of a fit and nothing else."""
    names = [name for name, _ in _files(store)]
    strange = next((name for name in names if not OF_ZARR.fullmatch(name)), None)
    if strange is None and names and "model" not in _root(store)["attributes"]:
        strange = ROOT
    if strange is not None:
        raise DataError(
            f"the folder that stands there holds {strange!r}, which is no part of a fit, and would "
            "be lost; remove the folder yourself, or save under another name."
        )


def _prepared(fit: xr.DataTree) -> xr.DataTree:
    """Return a fit as a file can hold it, checked to be whole; one read by xarray alone, too."""
    model_of(fit)
    _check_schema(fit.attrs.get("schema", SCHEMA))
    tree = decoded(fit)
    for name in ("schema", "checksum"):
        tree.attrs.pop(name, None)
    check_tree(tree)
    tree = encoded(tree)
    tree.attrs["schema"] = SCHEMA
    return tree


def _check_schema(number: Any) -> None:
    if number not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise DataError(
            f"its schema is {number!r}, and this version of bayesglm knows {known} only; use the "
            "version that wrote it, or a newer one."
        )


def _read(place: Path) -> xr.DataTree:
    import xarray as xr

    if not os.path.lexists(place):
        bring_back(place)
    source: Any = place
    options: dict[str, Any] = {"engine": "h5netcdf"}
    if place.is_dir():
        source, options = _checked_store(place), {"engine": "zarr", "consolidated": False}
    else:
        _check_file(place)
    with xr.open_datatree(source, **options, **READ) as opened:
        opened.load()
    _check_schema(opened.attrs.get("schema"))
    tree = decoded(opened)
    for name in ("schema", "checksum"):
        tree.attrs.pop(name, None)
    check_tree(tree)
    return tree


def _as_netcdf(tree: xr.DataTree) -> io.BytesIO:
    """Return a netCDF file and its checksum, in memory.

    On a disk that is full HDF5 ends the whole process; so it never writes to one.
    """
    file = io.BytesIO()
    tree.to_netcdf(file, engine="h5netcdf")
    checksum = hashlib.sha256(file.getbuffer()).hexdigest()
    file.seek(0, os.SEEK_END)
    file.write(MARK + checksum.encode())
    return file


def _check_file(place: Path) -> None:
    if not S_ISREG(place.stat().st_mode):
        raise DataError("it is no file.")
    with open(place, "rb") as file:
        size = place.stat().st_size - SIZE
        file.seek(max(size, 0))
        end = file.read(SIZE)
        if not end.startswith(MARK):
            raise DataError(
                "it does not end in a checksum, so it was cut short or changed, or written by "
                f"another program or an earlier version. {ANEW}"
            )
        file.seek(0)
        if MARK + _sum(file, size) != end:
            raise DataError(f"it was damaged or changed after it was saved. {ANEW}")


def _sum(file: BinaryIO, size: int) -> bytes:
    """Return the checksum of the first bytes of a file."""
    checksum = hashlib.sha256()
    while size > 0 and (piece := file.read(min(PIECE, size))):
        checksum.update(piece)
        size -= len(piece)
    return checksum.hexdigest().encode()


def _as_store(tree: xr.DataTree) -> dict[str, bytes]:
    """Return the files of a Zarr store, the checksum in its root, in memory."""
    try:
        from zarr.storage import MemoryStore
    except ImportError as error:
        raise DataError("Zarr is not installed: pip install 'bayesglm[zarr]'.") from error
    held: dict[str, Any] = {}
    tree.to_zarr(MemoryStore(held), mode="w", consolidated=False, zarr_format=3)
    files = {name: held[name].to_bytes() for name in sorted(held)}
    for node in tree.subtree:
        for name in node.to_dataset(inherit=False).variables:
            if f"{node.path}/{name}/{ROOT}".strip("/") not in files:
                raise DataError(f"no Zarr store takes a variable named {name!r}; use .nc.")
    root = json.loads(files.pop(ROOT))
    total = hashlib.sha256(_canonical(root))
    for name, content in files.items():
        total.update(_heading(name, len(content)))
        total.update(content)
    root["attributes"]["checksum"] = {
        "sha256": total.hexdigest(),
        "files": len(files),
        "bytes": sum(map(len, files.values())),
    }
    return {**files, ROOT: json.dumps(root, indent=2).encode()}


def _checked_store(store: Path) -> Any:
    """Return a Zarr store read into memory; DataError unless every file is as it was written.

    Another process may replace the folder while its files are read one by one.
    """
    root = _root(store)
    read = {ROOT: json.dumps(root).encode()}
    noted = root["attributes"].pop("checksum", None)
    if not isinstance(noted, dict):
        raise DataError(
            "it has no checksum, so it was changed, or written by another program or an earlier "
            f"version. {ANEW}"
        )
    files = [(name, size) for name, size in _files(store) if name != ROOT]
    counts = {"files": len(files), "bytes": sum(size for _, size in files)}
    for what, count in counts.items():
        if noted.get(what) != count:
            raise DataError(f"it has {count} {what}, and had {noted.get(what)} when saved.")
    total = hashlib.sha256(_canonical(root))
    for name, _ in sorted(files):
        read[name] = (store / name).read_bytes()
        total.update(_heading(name, len(read[name])))
        total.update(read[name])
    if noted.get("sha256") != total.hexdigest():
        raise DataError(f"it was damaged or changed after it was saved. {ANEW}")
    return _in_memory(read)


def _in_memory(files: dict[str, bytes]) -> Any:
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    kind = default_buffer_prototype().buffer
    held = {name: kind.from_bytes(content) for name, content in files.items()}
    return MemoryStore(held, read_only=True)


def _files(store: Path) -> Iterator[tuple[str, int]]:
    """Run through the files below a folder and their sizes; DataError where one is no file."""
    for folder, inner, names in os.walk(store):
        for name in inner + names:
            path = Path(folder, name)
            status = path.lstat()
            if S_ISREG(status.st_mode):
                yield path.relative_to(store).as_posix(), status.st_size
            elif not S_ISDIR(status.st_mode):
                raise DataError(f"it holds {str(path.relative_to(store))!r}, which is no file.")


def _root(store: Path) -> dict[str, Any]:
    """Read the attributes of a store's root."""
    path = store / ROOT
    if not path.is_file() or path.stat().st_size > LARGEST_ROOT:
        raise DataError("it is no Zarr store.")
    root = json.loads(path.read_bytes())
    if not isinstance(root, dict) or not isinstance(root.get("attributes"), dict):
        raise DataError("it is no Zarr store of a fit.")
    return root


def _canonical(root: dict[str, Any]) -> bytes:
    return json.dumps(root, sort_keys=True).encode()


def _heading(name: str, size: int) -> bytes:
    return json.dumps([name, size]).encode()

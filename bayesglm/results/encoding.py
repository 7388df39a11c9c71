"""Trees as files can hold them, and back: every value exactly, whatever its type.

A file takes real numbers and text. Any other array is written in one of three forms, and what it
was is noted in the attribute ``bayesglm_stored`` of its variable: ``cast`` (bools as int8, float16
as float32), ``view`` (times as whole numbers, with the words by which other programs know them),
and ``json`` (objects, one JSON text each). Attributes that are neither numbers nor words, or that
would change how other programs read the values, are kept in the same note. Nothing is packed,
scaled or filled, whatever the file was like from which the data once came.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.errors import DataError
from bayesglm.inference.tree.fit import Fit
from bayesglm.results.objects import from_text, to_text
from bayesglm.spec.names import is_storable

Array = np.ndarray
NOTE = "bayesglm_stored"  # the attribute of a variable that says what it was in memory
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
CAST = {"?": np.int8, "e": np.float32}  # by the dtype's character
# Attributes by which programs that follow the CF conventions change what they read.
ACTIVE = {
    *("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "dtype"),
    *("calendar", "coordinates", "grid_mapping", "bounds"),
    *("valid_min", "valid_max", "valid_range"),
}
# Attributes that netCDF and Zarr need for themselves.
TAKEN = {
    *("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"),
    "_ARRAY_DIMENSIONS",
}


def encoded(tree: xr.DataTree) -> xr.DataTree:
    """Return a tree of numbers, text and plain attributes, from which `decoded` makes the tree."""
    return _each_node(tree, _encoded_node)


def decoded(tree: xr.DataTree) -> xr.DataTree:
    """Return the tree that `encoded` was given; one that was never encoded is left as it is."""
    return _each_node(tree, _decoded_node)


def _each_node(tree: xr.DataTree, change: Any) -> xr.DataTree:
    nodes = {
        node.path: change(node.to_dataset(inherit=node.parent is None)) for node in tree.subtree
    }
    return Fit.from_dict(nodes, name=tree.name)


def _encoded_node(dataset: xr.Dataset) -> xr.Dataset:
    coords = {str(name) for name in dataset.coords}
    variables = {str(name): _encoded(dataset.variables[name]) for name in dataset.variables}
    if len(variables) < len(dataset.variables):
        raise DataError("two variables have the same name, written out; rename one.")
    # A name with a space cannot stand in the list of names that marks coordinates in a file.
    unmarked = sorted(name for name in coords if " " in name and variables[name].dims != (name,))
    note = {"coords": unmarked} if unmarked else {}
    return _dataset(variables, coords - set(unmarked), _encoded_attrs(dataset.attrs, note))


def _decoded_node(dataset: xr.Dataset) -> xr.Dataset:
    attrs, note = _decoded_attrs(dataset.attrs)
    variables = {name: _decoded(dataset.variables[name]) for name in dataset.variables}
    unmarked = [name for name in note.get("coords", ()) if name in variables]
    return _dataset(variables, {*dataset.coords, *unmarked}, attrs)


def _dataset(variables: dict, coords: set, attrs: dict[str, Any]) -> xr.Dataset:
    return xr.Dataset(
        {name: variable for name, variable in variables.items() if name not in coords},
        coords={name: variable for name, variable in variables.items() if name in coords},
        attrs=attrs,
    )


def _encoded(variable: xr.Variable) -> xr.Variable:
    values = _values(variable)
    written, form, cf = _written(values)
    note = {"form": form, "dtype": _name_of(values.dtype)} if form else {}
    attrs = _encoded_attrs(variable.attrs, note)
    # xarray would declare NaN the mark of missing floats.
    encoding = {} if "_FillValue" in cf else {"_FillValue": None}
    return xr.Variable(tuple(map(str, variable.dims)), written, attrs | cf, encoding)


def _written(values: Array) -> tuple[Array, str, dict[str, Any]]:
    """Return values as a file takes them, the form that this is, and attributes for others."""
    dtype = values.dtype
    if dtype.char in CAST:
        return (
            values.astype(CAST[dtype.char]),
            "cast",
            {"dtype": "bool"} if dtype.kind == "b" else {},
        )
    if dtype.kind in "mM":
        whole, cf = _times(values)
        return whole, "view", cf
    if dtype.char == "g":
        return values.astype(np.float64), "", {}  # in which every verb computes
    if dtype.kind in "biuf":
        return values.astype(dtype.newbyteorder("="), copy=False), "", {}
    words = dtype.kind == "U" or (values.size and all(type(one) is str for one in values.flat))
    if words and is_storable("".join(values.reshape(-1).tolist())):
        return values if dtype.kind == "U" else values.astype(object), "cast", {}
    return _texts(values), "json", {}


def _name_of(dtype: Any) -> str:
    """Name the type that values get back; a type with fields or of words is one of objects."""
    return str(dtype.newbyteorder("=")) if dtype.kind in "bfmMcSU" else "object"


def _values(variable: xr.Variable) -> Array:
    """Return an array of numpy's, objects out of one of pandas' own types."""
    if isinstance(variable.dtype, np.dtype) or variable.ndim != 1:
        return np.asarray(variable.values)
    return np.asarray(variable.to_index().astype(object))


def _decoded(variable: xr.Variable) -> xr.Variable:
    attrs, note = _decoded_attrs(variable.attrs)
    if "form" not in note:
        same = variable.copy(deep=False)
        same.attrs, same.encoding = attrs, {}
        return same
    values, dtype = np.asarray(variable.values), np.dtype(note["dtype"])
    if note["form"] == "json":
        flat = np.empty(values.size, object)
        flat[:] = [from_text(text) for text in values.flat]
        values = flat.astype(dtype, copy=False).reshape(values.shape)
    elif note["form"] == "view" and values.dtype == np.int64:
        values = values.view(dtype)
    else:
        values = values.astype(dtype)
    return xr.Variable(variable.dims, values, attrs)


def _times(values: Array) -> tuple[Array, dict[str, Any]]:
    """Return times as whole numbers, and the attributes by which other programs know them.

    Those read times in nanoseconds; what lies beyond these is left to them as numbers.
    """
    unit = np.datetime_data(values.dtype)[0]
    whole = np.ascontiguousarray(values, values.dtype.newbyteorder("=")).view(np.int64)
    whole, missing = whole.reshape(values.shape), np.isnat(values)
    if (np.abs(whole[~missing]) >= 2**63 // NANOSECONDS[unit]).any():
        return whole, {}
    cf: dict[str, Any] = {"units": UNITS[unit], "dtype": str(values.dtype.newbyteorder("="))}
    if values.dtype.kind == "M":
        cf = {"units": f"{UNITS[unit]} since 1970-01-01", "calendar": "proleptic_gregorian"}
    return whole, cf | ({"_FillValue": np.iinfo(np.int64).min} if missing.any() else {})


def _texts(values: Array) -> Array:
    texts = np.empty(values.size, object)
    texts[:] = [to_text(value) for value in values.reshape(-1)]
    return texts.reshape(values.shape)


def _encoded_attrs(attrs: Any, note: dict[str, Any]) -> dict[str, Any]:
    plain, other = {}, []
    for name, value in attrs.items():
        if _is_plain(name, value) and not (note.get("form") == "view" and name == "units"):
            plain[name] = value if isinstance(value, str) else np.asarray(value).item()
        else:
            other.append((name, value))
    if other:
        note = {**note, "attrs": to_text(dict(other))}
    return plain | ({NOTE: json.dumps(note)} if note else {})


def _is_plain(name: Any, value: Any) -> bool:
    """Say whether an attribute is written as it is: a number or words that change nothing."""
    if not isinstance(name, str) or not name or name == NOTE or name in ACTIVE | TAKEN:
        return False
    if not is_storable(name):
        return False
    if isinstance(value, str):
        return is_storable(value) and not (name == "units" and " since " in value)
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
        return bool(-(2**63) <= value < 2**63)
    return isinstance(value, float)


def _decoded_attrs(attrs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return attributes as they were, and the note of how values were stored."""
    note = json.loads(attrs[NOTE]) if isinstance(attrs.get(NOTE), str) else {}
    if not isinstance(note, dict):
        raise ValueError("the note of how a variable is stored is no mapping")
    added = {NOTE} | (ACTIVE if "form" in note else set())
    added |= {"units"} if note.get("form") == "view" else set()
    plain = {
        name: value.item() if isinstance(value, (np.integer, np.floating)) else value
        for name, value in attrs.items()
        if name not in added
    }
    return plain | (from_text(note["attrs"]) if "attrs" in note else {}), note

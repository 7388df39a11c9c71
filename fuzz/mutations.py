"""What is done to a file or a store: in its bytes, in its structure, in its meaning."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from bayesglm.results.storage import MARK

Change = Callable[[np.random.Generator, Path], None]


def _on_bytes(change: Callable[[np.random.Generator, bytearray], object]) -> Change:
    def changed(rng: np.random.Generator, place: Path) -> None:
        content = bytearray(place.read_bytes())
        change(rng, content)
        place.write_bytes(content)

    return changed


def _part(rng: np.random.Generator, content: bytearray) -> slice:
    """Choose a run of bytes, of a length from one to a quarter of all."""
    length = int(len(content) ** rng.uniform(0.0, 1.0) / 4) + 1
    start = int(rng.integers(0, max(1, len(content) - length)))
    return slice(start, start + length)


def _flip(rng: np.random.Generator, content: bytearray) -> None:
    for _ in range(2 ** rng.integers(0, 8)):
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))


def _flip_head(rng: np.random.Generator, content: bytearray) -> None:
    content[rng.integers(min(4096, len(content)))] ^= 1 << int(rng.integers(8))


def _cut(rng: np.random.Generator, content: bytearray) -> None:
    del content[_part(rng, content)]


def _cut_end(rng: np.random.Generator, content: bytearray) -> None:
    del content[int(rng.integers(len(content))) :]


def _zeros(rng: np.random.Generator, content: bytearray) -> None:
    part = _part(rng, content)
    content[part] = bytes(len(content[part]))


def _noise(rng: np.random.Generator, content: bytearray) -> None:
    part = _part(rng, content)
    content[part] = rng.bytes(len(content[part]))


def _swap(rng: np.random.Generator, content: bytearray) -> None:
    size = min(int(2 ** rng.integers(3, 11)), len(content) // 4)
    one, other = sorted(rng.integers(0, len(content) // max(1, size), 2) * size)
    block = content[one : one + size]
    content[one : one + size] = content[other : other + size]
    content[other : other + size] = block


def _repeat(rng: np.random.Generator, content: bytearray) -> None:
    part = _part(rng, content)
    content[part.start : part.start] = content[part]


def _more(rng: np.random.Generator, content: bytearray) -> None:
    content += rng.bytes(int(rng.integers(1, 1000)))


BYTES: dict[str, Change] = {
    "bits flipped": _on_bytes(_flip),
    "a bit of the head flipped": _on_bytes(_flip_head),
    "bytes cut out": _on_bytes(_cut),
    "end cut off": _on_bytes(_cut_end),
    "bytes zeroed": _on_bytes(_zeros),
    "bytes of noise": _on_bytes(_noise),
    "blocks swapped": _on_bytes(_swap),
    "bytes repeated": _on_bytes(_repeat),
    "bytes added": _on_bytes(_more),
}


def _on_hdf5(change: Callable[[np.random.Generator, h5py.File], object]) -> Change:
    def changed(rng: np.random.Generator, place: Path) -> None:
        with h5py.File(place, "r+") as file:
            change(rng, file)

    return changed


def _sealed(change: Callable[[np.random.Generator, h5py.File], object]) -> Change:
    """Make a change and give the file the checksum of what it now holds."""
    first = _on_hdf5(change)

    def changed(rng: np.random.Generator, place: Path) -> None:
        first(rng, place)
        content = place.read_bytes()
        place.write_bytes(content + MARK + hashlib.sha256(content).hexdigest().encode())

    return changed


def _some(rng: np.random.Generator, file: h5py.File, kind: type) -> h5py.HLObject:
    """Choose a group or a variable below the root."""
    every: list[str] = []
    file.visititems(lambda name, item: every.append(name) if isinstance(item, kind) else None)
    return file[every[rng.integers(len(every))]]


def _delete_group(rng: np.random.Generator, file: h5py.File) -> None:
    del file[_some(rng, file, h5py.Group).name]


def _delete_variable(rng: np.random.Generator, file: h5py.File) -> None:
    del file[_some(rng, file, h5py.Dataset).name]


def _rename(rng: np.random.Generator, file: h5py.File) -> None:
    item = _some(rng, file, h5py.Dataset if rng.random() < 0.5 else h5py.Group)
    file.move(item.name, item.name + rng.choice(["_", "é", " x", "0"]))


def _replace_values(rng: np.random.Generator, file: h5py.File) -> None:
    """Put other values, of another type or shape, in the place of a variable."""
    variable = _some(rng, file, h5py.Dataset)
    name, attrs, shape = variable.name, dict(variable.attrs), variable.shape
    longer = tuple(size + 1 for size in shape)
    other = [
        np.full(shape, np.nan),
        np.full(shape, np.inf),
        np.zeros(shape, np.int8),
        np.full(shape, "1e5", object),
        np.zeros(shape, np.complex128),
        np.zeros(longer),
        np.float64(3.0),
        np.zeros((2, 2)),
        np.full(shape, "{}", object),
    ]
    del file[name]
    values = other[rng.integers(len(other))]
    new = file.create_dataset(
        name, data=values, dtype=h5py.string_dtype() if values.dtype == object else None
    )
    for key, value in attrs.items():
        if key not in ("DIMENSION_LIST", "REFERENCE_LIST"):
            new.attrs[key] = value


def _change_value(rng: np.random.Generator, file: h5py.File) -> None:
    variable = _some(rng, file, h5py.Dataset)
    if variable.dtype.kind in "fiu" and variable.size:
        values = variable[()].reshape(-1).copy()
        others = [np.nan, np.inf, -1e30, 0.0, 7.0] if variable.dtype.kind == "f" else [0, 1, 99]
        values[rng.integers(values.size)] = rng.choice(others)
        variable[...] = values.reshape(variable.shape)
    else:
        variable.attrs["units"] = "days since 2000-01-01"


def _change_attribute(rng: np.random.Generator, file: h5py.File) -> None:
    owner = file if rng.random() < 0.7 else _some(rng, file, h5py.Dataset)
    names = [name for name in owner.attrs if not name.isupper()]
    if not names:
        return
    name = names[rng.integers(len(names))]
    others = [7, -1.5, "", "time", "{}", '{"type": "GLM"}', [1, 2, 3], np.nan, "[" * 900, b"\xff"]
    choice = rng.integers(len(others) + 1)
    if choice == len(others):
        del owner.attrs[name]
    else:
        owner.attrs[name] = others[choice]


def _change_model(rng: np.random.Generator, file: h5py.File) -> None:
    model = file.attrs["model"]
    words = ['"x"', '"y"', "poisson", "Normal", "2", "1.0", "Linear", "{", "]", '"scale"', "lags"]
    word = words[rng.integers(len(words))]
    other = ["", '"z"', "bernoulli", "Flat", "1e999", "NaN", "[" * 50, "null", "Group"]
    file.attrs["model"] = model.replace(word, other[rng.integers(len(other))])


def _schema(rng: np.random.Generator, file: h5py.File) -> None:
    file.attrs["schema"] = [2, 0, "1", 1.5, [1, 1]][rng.integers(5)]


def _cycle(rng: np.random.Generator, file: h5py.File) -> None:
    group = _some(rng, file, h5py.Group)
    target = file if rng.random() < 0.5 else group
    group["again"] = h5py.SoftLink(target.name) if rng.random() < 0.5 else target


def _other_file(rng: np.random.Generator, file: h5py.File) -> None:
    variable = _some(rng, file, h5py.Dataset)
    name = variable.name
    del file[name]
    file[name] = h5py.ExternalLink("/dev/zero" if rng.random() < 0.5 else file.filename, name)


def _huge(rng: np.random.Generator, file: h5py.File) -> None:
    name = _some(rng, file, h5py.Dataset).name
    del file[name]
    size = int(10 ** rng.integers(6, 14))
    file.create_dataset(name, (size, size), "f8", chunks=(1024, 1024), compression="gzip")


def _deep(rng: np.random.Generator, file: h5py.File) -> None:
    group = _some(rng, file, h5py.Group)
    for _ in range(int(rng.integers(50, 400))):
        group = group.create_group("deeper")


def _packed(rng: np.random.Generator, file: h5py.File) -> None:
    variable = _some(rng, file, h5py.Dataset)
    variable.attrs["scale_factor"] = 0.5
    variable.attrs["add_offset"] = 3.0
    variable.attrs["_FillValue"] = 0


MEANING: dict[str, Callable[[np.random.Generator, h5py.File], object]] = {
    "group deleted": _delete_group,
    "variable deleted": _delete_variable,
    "renamed": _rename,
    "variable replaced": _replace_values,
    "value changed": _change_value,
    "attribute changed": _change_attribute,
    "model changed": _change_model,
    "schema changed": _schema,
    "packing declared": _packed,
}
STRUCTURE: dict[str, Change] = {
    **{name: _on_hdf5(change) for name, change in MEANING.items()},
    "linked in a circle": _on_hdf5(_cycle),
    "linked to another file": _on_hdf5(_other_file),
    "declared huge": _on_hdf5(_huge),
    "nested deep": _on_hdf5(_deep),
}
SEALED: dict[str, Change] = {f"{name}, sealed": _sealed(one) for name, one in MEANING.items()}


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file())


def _any_file(rng: np.random.Generator, place: Path, pattern: str = "") -> Path:
    every = [path for path in _files(place) if pattern in path.name]
    return every[rng.integers(len(every))]


def _in_store(change: Change) -> Change:
    def changed(rng: np.random.Generator, place: Path) -> None:
        change(rng, _any_file(rng, place))

    return changed


def _lose_file(rng: np.random.Generator, place: Path) -> None:
    _any_file(rng, place).unlink()


def _lose_chunk(rng: np.random.Generator, place: Path) -> None:
    chunks = [path for path in _files(place) if path.name != "zarr.json"]
    chunks[rng.integers(len(chunks))].unlink()


def _lose_folder(rng: np.random.Generator, place: Path) -> None:
    shutil.rmtree(_any_file(rng, place / "constant_data").parent)


def _swap_chunks(rng: np.random.Generator, place: Path) -> None:
    chunks = [path for path in _files(place) if path.name != "zarr.json"]
    one, other = (chunks[k] for k in rng.choice(len(chunks), 2, replace=False))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _edit(rng: np.random.Generator, place: Path) -> None:
    """Change one field of a zarr.json."""
    path = _any_file(rng, place, "zarr.json")
    described = json.loads(path.read_text())
    name = list(described)[rng.integers(len(described))]
    others = [
        None,
        0,
        -1,
        [10**15],
        [],
        "float64",
        {"name": "x"},
        {"model": "{}"},
        10**400,
        "[" * 9,
    ]
    described[name] = others[rng.integers(len(others))]
    path.write_text(json.dumps(described))


def _brackets(rng: np.random.Generator, place: Path) -> None:
    _any_file(rng, place, "zarr.json").write_text("[" * 100_000)


def _add_file(rng: np.random.Generator, place: Path) -> None:
    (_any_file(rng, place).parent / "notes.txt").write_text("mine")


def _link_file(rng: np.random.Generator, place: Path) -> None:
    path = _any_file(rng, place)
    path.unlink()
    path.symlink_to(["/dev/zero", str(place), "/nowhere"][rng.integers(3)])


def _link_folder(rng: np.random.Generator, place: Path) -> None:
    (_any_file(rng, place).parent / "again").symlink_to(place, target_is_directory=True)


def _pipe(rng: np.random.Generator, place: Path) -> None:
    path = _any_file(rng, place)
    path.unlink()
    os.mkfifo(path)


def _sparse(rng: np.random.Generator, place: Path) -> None:
    os.truncate(_any_file(rng, place), 10**12)


def _nest(rng: np.random.Generator, place: Path) -> None:
    folder = place
    for _ in range(100):
        folder = folder / "g"
    folder.mkdir(parents=True)
    shutil.copy(place / "zarr.json", folder)


STORE: dict[str, Change] = {
    **{name: _in_store(change) for name, change in BYTES.items()},
    "file lost": _lose_file,
    "chunk lost": _lose_chunk,
    "folder lost": _lose_folder,
    "chunks swapped": _swap_chunks,
    "zarr.json edited": _edit,
    "zarr.json of brackets": _brackets,
    "file added": _add_file,
    "file linked": _link_file,
    "folder linked": _link_folder,
    "file a pipe": _pipe,
    "file huge and empty": _sparse,
    "nested deep": _nest,
}

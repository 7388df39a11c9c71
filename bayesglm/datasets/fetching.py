"""Files that are not ours to ship: fetched once, checked by their sum, kept in a folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from bayesglm.errors import DataError

FOLDER = "BAYESGLM_DATA"  # the environment variable that names the folder of files
BLOCK = 1 << 20  # bytes that are read at a time: chosen


class Remote(NamedTuple):
    """A file elsewhere: its name here, where it lies, its MD5 sum as published, and a stand-in."""

    name: str
    url: str
    md5: str
    instead: str


def fetched(remote: Remote) -> Path:
    """Return the path of a file: of the folder, of the cache, or else fetched into it.

    The folder is that named by the environment variable ``BAYESGLM_DATA``; without it, the user's
    cache. A file that lies in the folder is read where no network and no pooch is.

    Raises DataError where the file cannot be had, or is another than the published one.
    """
    folder = os.environ.get(FOLDER, "")
    if folder and (Path(folder) / remote.name).is_file():
        return _checked(Path(folder) / remote.name, remote)
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            f"{remote.name} is fetched by pooch, which is not installed: pip install "
            f"'bayesglm[fetch]'; {_by_hand(remote)}"
        ) from error
    path = Path(folder) if folder else Path(pooch.os_cache("bayesglm"))
    kept = path / remote.name
    if kept.is_file() and _sum(kept) == remote.md5:
        return kept
    # Whatever a server, a proxy or a disk does is told in the same words; pooch raises ValueError
    # for another sum, and has then thrown the file away.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        pooch.retrieve(remote.url, f"md5:{remote.md5}", fname=remote.name, path=path)
    except ValueError as error:
        raise DataError(
            f"what {remote.url} sent for {remote.name} does not have the published MD5 sum "
            f"{remote.md5}: the file was damaged on its way, replaced there, or a page of a proxy "
            f"came in its stead. Try again, or {_by_hand(remote)}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{remote.name} cannot be fetched from {remote.url} ({_first_line(error)}). Offline, "
            f"{_by_hand(remote)}"
        ) from error
    finally:
        logger.setLevel(level)
    return kept


def _checked(path: Path, remote: Remote) -> Path:
    """Return the path of a file in the user's folder; DataError where it is another one."""
    if _sum(path) != remote.md5:
        raise DataError(
            f"{path} is not the published file: its MD5 sum is not {remote.md5}. Fetch it again "
            f"from {remote.url}, or take it out of the folder that {FOLDER} names."
        )
    return path


def _sum(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _by_hand(remote: Remote) -> str:
    return (
        f"fetch {remote.url} elsewhere, name it {remote.name}, and let the environment variable "
        f"{FOLDER} name its folder; bg.datasets.{remote.instead}() simulates data of its shape."
    )


def _first_line(error: Any) -> str:
    """Return the type of an error, and what it says, cut short."""
    said = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {said[:120]}" if said else type(error).__name__

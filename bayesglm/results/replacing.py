"""Files and folders that are replaced whole or not at all, whatever interrupts."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any

from bayesglm.errors import DataError
from bayesglm.spec.hints import shown

EARLIER = ".earlier"  # ends the name of a whole folder that was moved away for a new one
REMOVED = ".removed"  # ends the name of one that is being removed, and may have lost files
TRIES = 100  # of a swap or a look, where others swap the same folder at the same time: chosen
LOOKS = 3  # after which nothing stands at a place; one may fall between two moves: chosen


def as_path(path: Any) -> Path:
    """Return a path; DataError where something else is given, or one that no file can have."""
    try:
        text = os.fsdecode(path)
        os.fsencode(text)
    except (TypeError, ValueError) as error:
        raise DataError(f"a path is the name of a file, not {shown(path)}.") from error
    if not text or "\0" in text:
        raise DataError(f"a path is the name of a file; {text!r} is none.")
    return Path(text)


def check_place(path: Path) -> None:
    """Raise DataError where no file can stand: no folder for it, or something else in its place."""
    if not os.path.isdir(path.parent):
        raise DataError(f"the folder {str(path.parent)!r} does not exist; make it first.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"what stands at {str(path)!r} is no file; take another name.")


def replace_file(target: Path, content: memoryview) -> None:
    """Write a file beside its place, flush it to the disk, and put it in the place of another."""
    with _beside(target) as part:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _keep_mode(target, part)
        os.replace(part, target)
        _flush_folder(target.parent)


def replace_folder(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files beside its place, move the earlier one away and the new one in.

    A process that ends between the two moves leaves the earlier one for `bring_back`.
    """
    with _beside(target) as part:
        for name, content in contents.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _keep_mode(target, part)
        with interrupts_wait():
            left = _moved_away(target)
            if target.exists():
                for folder in left:
                    _remove(folder)
            for folder in _beside_as(target, REMOVED):
                shutil.rmtree(folder, ignore_errors=True)
            _swap(part, target)
        _flush_folder(target.parent)


def bring_back(target: Path) -> None:
    """Put back a folder that was moved away for a new one which never came."""
    for folder in _moved_away(target):
        with suppress(OSError):
            os.rename(folder, target)
            return


def undisturbed[T](target: Path, look: Callable[[], T]) -> T:
    """Return what a look at a place says; anew where it fails and another process came between.

    ``look`` raises DataError for whatever goes wrong.
    """
    for _ in range(TRIES - 1):
        before = _identity(target)
        try:
            return look()
        except DataError:
            if _identity(target) == before and (before is not None or _is_missing(target)):
                raise
    return look()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait for the end of something short; a second one does not.

    Inside a library's callbacks an interrupt would be lost, or taken for an error of the file.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    waiting: list[tuple] = []

    def note(*what: Any) -> None:
        waiting.append(what)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            before(*waiting[0])


def _swap(part: Path, target: Path) -> None:
    """Move an earlier folder away and the new one in; back, where the new one cannot come."""
    for attempt in range(TRIES):
        earlier = target.with_name(f".{target.name}.{secrets.token_hex(4)}{EARLIER}")
        try:
            with suppress(FileNotFoundError):
                os.rename(target, earlier)
            os.rename(part, target)
        except BaseException as error:
            # Another process may have put its own there in the meantime, which is moved away, too.
            is_taken = getattr(error, "errno", None) in (errno.EEXIST, errno.ENOTEMPTY)
            if not is_taken or attempt == TRIES - 1:
                if not target.exists():
                    with suppress(OSError):
                        os.rename(earlier, target)
                raise
        _remove(earlier)
        if not part.exists():
            return


def _remove(folder: Path) -> None:
    """Remove a folder that was moved away, under a name by which nobody brings back its rest."""
    removed = folder.with_suffix(REMOVED)
    with suppress(OSError):
        os.rename(folder, removed)
    shutil.rmtree(removed, ignore_errors=True)


def _moved_away(target: Path) -> list[Path]:
    """Return the folders that were moved away from a place, the latest first."""
    return sorted(_beside_as(target, EARLIER), key=_time_of, reverse=True)


def _beside_as(target: Path, ending: str) -> list[Path]:
    """Return what stands beside a place under its hidden name with an ending."""
    if not target.parent.is_dir():
        return []
    return [
        target.with_name(name)
        for name in os.listdir(target.parent)
        if name.startswith(f".{target.name}.") and name.endswith(ending)
    ]


def _is_missing(target: Path) -> bool:
    """Say whether nothing stands at a place, nor beside it between the moves of another process."""
    return not any(os.path.lexists(target) or _moved_away(target) for _ in range(LOOKS))


def _identity(target: Path) -> tuple[int, int] | None:
    """Tell one file or folder from another of the same name; None where nothing is there."""
    try:
        status = target.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _time_of(folder: Path) -> float:
    """Return when a folder was changed; 0 where another process has removed it."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Name a place beside another for what will replace it; nothing stays there in the end."""
    part = target.with_name(f".bayesglm-{secrets.token_hex(8)}.part")
    try:
        yield part
    except OSError as error:
        raise DataError(
            f"{str(target)!r} cannot be written: {error.strerror or error}. What was there is as "
            "it was; save to a place that has room and may be written to."
        ) from error
    finally:
        with interrupts_wait():
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _keep_mode(target: Path, part: Path) -> None:
    """Give what is new the permissions of what it replaces."""
    with suppress(FileNotFoundError):
        part.chmod(S_IMODE(target.stat().st_mode))


def _flush_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        descriptor: Any = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

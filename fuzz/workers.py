"""Work handed to processes that may hang or die: each item comes back, or what became of it."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple


class Lost(NamedTuple):
    """An item whose process ended, or was ended after its time, without an answer."""

    why: str  # "slow" or "crash"
    seconds: float


class _Worker:
    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(self.function, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None
        self.began = 0.0
        # Imports are not an item's own time.
        self.connection.recv()

    def give(self, item: Any) -> None:
        self.item, self.began = item, time.monotonic()
        self.connection.send(item)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    connection.send(None)
    while (item := connection.recv()) is not None:
        connection.send(function(item))


def work_through(
    function: Callable[[Any], Any], items: Iterable[Any], limit: float, n: int | None = None
) -> Iterator[tuple[Any, Any]]:
    """Yield each item with the function's answer, or `Lost` after ``limit`` seconds or a crash.

    ``function`` is called in one of n processes (one a processor), which are used again.
    """
    left = deque(items)
    workers = [_Worker(function) for _ in range(min(n or os.cpu_count() or 1, len(left)))]
    for worker in workers:
        worker.give(left.popleft())
    busy = list(workers)
    try:
        while busy:
            now = time.monotonic()
            pause = max(0.0, min(worker.began + limit - now for worker in busy))
            ready = wait([worker.connection for worker in busy], pause)
            for worker in list(busy):
                seconds = time.monotonic() - worker.began
                if worker.connection in ready:
                    try:
                        answer = worker.connection.recv()
                    except EOFError:
                        answer = Lost("crash", seconds)
                elif seconds > limit:
                    answer = Lost("slow", seconds)
                else:
                    continue
                yield worker.item, answer
                if not left:
                    busy.remove(worker)
                    continue
                if isinstance(answer, Lost):
                    worker.end()
                    worker.start()
                worker.give(left.popleft())
    finally:
        for worker in workers:
            worker.end()

"""A terminal that work is done at, and what it has shown."""

import os
import sys
import threading


def read_terminal(work):
    """Do some work with a terminal as standard error, and return what that has shown."""
    leader, follower = os.openpty()
    saved, shown = os.dup(2), []

    def read():
        try:
            while chunk := os.read(leader, 65536):
                shown.append(chunk)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    os.dup2(follower, 2)
    before = sys.stderr
    try:
        with os.fdopen(follower, "w") as sys.stderr:
            work()
    finally:
        sys.stderr = before
        os.dup2(saved, 2)
        os.close(saved)
        reader.join()
        os.close(leader)
    return b"".join(shown).decode()

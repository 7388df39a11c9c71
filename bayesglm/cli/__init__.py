"""The shell's door: `bayesglm fit`, `bayesglm compare`, ..., a file for each command.

Nothing heavy is imported before a command asks for it, so that ``--help`` answers at once.
"""

from bayesglm.cli.door import main

__all__ = ["main"]

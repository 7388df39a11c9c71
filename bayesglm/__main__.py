"""The same as the command `bayesglm`: ``python -m bayesglm``."""

import sys

from bayesglm.cli.door import main

if __name__ == "__main__":
    sys.exit(main())

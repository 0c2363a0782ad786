"""`python -m simmig` and the command `simmig`."""

import signal
import sys


def start() -> int:
    """Run the command line and return its exit code."""
    # Until a run handles signals itself there is nothing to save, and an exception raised by Ctrl-C can get lost in
    # a callback somewhere in an import: let the signal end the process, which shells report as 130.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from simmig.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(start())

"""`python -m simmig` and the command `simmig`."""

import sys


def start() -> int:
    """Run the command line and return its exit code; Ctrl-C while modules are still being imported is quiet too."""
    try:
        from simmig.cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(start())

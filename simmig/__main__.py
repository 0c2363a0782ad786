"""`python -m simmig` is the command `simmig`."""

import sys

from simmig.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

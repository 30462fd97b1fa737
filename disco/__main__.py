"""`python -m disco`, the same as the command `disco`."""

import sys

from disco.cli import main

if __name__ == "__main__":
    sys.exit(main())

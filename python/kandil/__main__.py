"""`python -m kandil` is `kandil`."""

import sys

from kandil.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The benches share what makes their files with those in `peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

"""Keeps the command `python -m dashboards.build` of earlier versions; see `dashboards.builder.build`."""

import sys

from dashboards.builder.build import main

if __name__ == "__main__":
    sys.exit(main())

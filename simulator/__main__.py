"""Run a simulated gateway: ``python -m simulator ppc|theben|emh``."""

import sys

from .cli import main

sys.exit(main())

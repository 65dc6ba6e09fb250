"""Run a simulated gateway: ``python -m simulator ppc``."""

import sys

from .cli import main

sys.exit(main())

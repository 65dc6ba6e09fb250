"""``python -m simulator.emt``: see ``cli``."""

import sys

from .cli import main

sys.exit(main())

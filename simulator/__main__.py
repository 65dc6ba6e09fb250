"""Run a simulated gateway: ``python -m simulator ppc|theben|emh``, or its CLS side: ``cls``."""

import sys

from .cli import main

if sys.argv[1:2] == ["cls"]:
    from .cls.cli import main as cls_main

    sys.exit(cls_main(sys.argv[2:]))
sys.exit(main())

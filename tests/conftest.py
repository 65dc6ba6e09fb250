"""What every test shares.

Our package is imported before Home Assistant looks for custom components: the test
plugin brings a package of the same name, and the first one imported wins.
"""

import custom_components.smgw  # noqa: F401

from .network import ipv6, names, namespace  # noqa: F401

"""Tests.

cryptography remembers the class `datetime` when it signs for the first time. In
a test with a frozen clock that would be a fake class, and no test after it
could make a certificate. So one is made here, before any clock is frozen.
"""

from simulator.tls import self_signed

self_signed("EPPC0000000000")

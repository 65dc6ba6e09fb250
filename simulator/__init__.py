"""Simulated Smart Meter Gateways.

Each vendor's gateway is a sub-package (``ppc``, ``theben``, ``emh``). What they share
lies here: the thread and socket (``server``), HTTP (``http``), TLS (``tls``),
the clock, the load curves, the scenario (meters, contracts) and the faults.

Nothing in this package knows the integration that it tests: the two sides read
the protocol independently, so that a shared mistake cannot hide.
"""

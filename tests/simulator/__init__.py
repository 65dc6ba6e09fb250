"""Tests of the simulated gateways, by clients that share nothing with them."""

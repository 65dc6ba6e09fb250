"""Tests of the simulated CLS proxy."""

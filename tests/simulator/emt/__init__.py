"""Tests of the simulated EMT."""

"""Tests of the client for the consumer interface."""

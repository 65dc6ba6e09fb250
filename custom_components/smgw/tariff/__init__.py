"""Tariffs: windows in time, and what a load profile costs by them. No Home Assistant."""

"""A month of polls with faults, in simulated time."""

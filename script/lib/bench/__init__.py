"""Our client beside a published one, on the same simulated gateway in the same run."""

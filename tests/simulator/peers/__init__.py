"""Programs that run published clients in an environment of their own."""

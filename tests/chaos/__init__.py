"""Everything at once: what was promised holds, whatever breaks, and is counted."""

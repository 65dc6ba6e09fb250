"""What a gateway keeps, as files for others. No Home Assistant."""

"""Tunnels and the API served in them."""

"""The integration inside Home Assistant, against a simulated gateway on a real socket."""

"""Every fault of the simulated gateways, as the owner meets it in Home Assistant."""

"""What the gateway's proxy and the EMT have in common: sockets, TLS, the mock SM-PKI."""

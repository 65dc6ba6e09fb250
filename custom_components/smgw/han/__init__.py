"""Client for the consumer interface (IF_GW_CON) of German Smart Meter Gateways.

Knows nothing of Home Assistant. Every failure leaves this package as an
`errors.SmgwError`; every time is timezone-aware UTC; every value is a `Decimal`.
"""

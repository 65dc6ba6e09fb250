"""Accounts of which each sees a part of the default house."""

from simulator.ppc.view import Account

METER = frozenset({"1emh0012345678"})
# For the mark `gateway`: an account per direction, and one for the gas meter.
THREE = {
    "user": "import",
    "password": "one",
    "users": {
        "import": Account("one", METER, frozenset({"1-0:1.8.0"})),
        "export": Account("two", METER, frozenset({"1-0:2.8.0"})),
        "gas": Account("three", frozenset({"7els0045678901"})),
    },
}

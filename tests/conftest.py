"""What every test shares.

Our package is imported before Home Assistant looks for custom components: the test
plugin brings a package of the same name, and the first one imported wins.
"""

import pytest

import custom_components.smgw  # noqa: F401

from .network import ipv6, names, namespace  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes in one file, or all workers wait for it in the end."""
    items.sort(key=lambda item: "soak" not in item.path.parts)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name cases of keys and certificates by what they are, not by their content.

    They are made anew in each process, and the workers of a run compare the names.
    """
    return argname if isinstance(val, str | bytes) and len(val) > 40 else None

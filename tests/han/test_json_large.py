"""Large documents, read in steps: the same as read in one go, or the same failure."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.errors import PageUnreadable
from custom_components.smgw.han.jsonlarge import load_in_steps

DEPTHS = st.integers(0, 6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=VALUES, depth=DEPTHS, indent=st.sampled_from([None, 1]))
def test_the_same_as_in_one_go(value: Any, depth: int, indent: int | None) -> None:
    """Whatever the document, and however deep the steps go."""
    body = json.dumps(value, indent=indent).encode()

    assert load_in_steps(body, depth) == value


@given(value=VALUES, depth=DEPTHS, cut=st.integers(1, 50), extra=st.text(max_size=3))
def test_what_is_broken_fails_in_both_ways(
    value: Any, depth: int, cut: int, extra: str
) -> None:
    """A document that was cut, or has something behind it, is read by neither."""
    body = (json.dumps(value)[:-cut] + extra).encode("utf-8", "replace")
    try:
        expected = json.loads(body)
    except ValueError:
        with pytest.raises(PageUnreadable):
            load_in_steps(body, depth)
    else:
        assert load_in_steps(body, depth) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[" * 100_000, b"{1:2}", b'{"a"}', b"[1,]", b"[1 2]", b"{,}"],
)
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_hostile_documents(body: bytes, depth: int) -> None:
    """Nothing but the client's own error."""
    with pytest.raises(PageUnreadable):
        load_in_steps(body, depth)

"""XML of strangers, read without expanding anything and in small steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree as ET
from xml.parsers import expat

from .errors import FileUnreadable

STEP = 64 * 1024
"""The interpreter is held for about a millisecond by a piece of this size."""


class _Begun(Exception):
    """The document's root element has begun."""


def refuse_document_type(content: bytes) -> None:
    """Raise `FileUnreadable` for a document type, which may hold entities that blow up."""

    def refuse(*_: object) -> None:
        raise FileUnreadable("document type")

    def stop(*_: object) -> None:
        raise _Begun

    scout = expat.ParserCreate()
    scout.StartDoctypeDeclHandler = refuse
    scout.StartElementHandler = stop
    try:
        scout.Parse(content[:STEP], False)
    except _Begun:
        return
    except expat.ExpatError, LookupError, ValueError:
        pass
    raise FileUnreadable("no XML")


def parse_in_steps(content: bytes, *, comments: bool = False) -> ET.Element:
    """Return the root of a document; with its comments, if they are wanted.

    Takes its time: for a worker thread. Raises `FileUnreadable`.
    """
    refuse_document_type(content)
    builder = ET.TreeBuilder(insert_comments=comments)
    # Without a document type there are no entities to blow up.
    parser = ET.XMLParser(target=builder)  # noqa: S314
    with no_xml():
        for start in range(0, len(content), STEP):
            parser.feed(content[start : start + STEP])
        root: ET.Element = parser.close()
    return root


@contextmanager
def no_xml() -> Iterator[None]:
    """Raise `FileUnreadable` where a parser gives up."""
    try:
        yield
    except ET.ParseError, expat.ExpatError, LookupError, ValueError:
        raise FileUnreadable("no XML") from None

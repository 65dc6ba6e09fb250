"""Which stretches of time are done: pure functions of spans.

A span runs after its start up to and with its end, so two that touch are one. What is
not covered is missing; nothing here knows why.
"""

from collections.abc import Iterable

from .han.history import Span

type Spans = tuple[Span, ...]
"""By time, oldest first; none touches another."""


def joined(spans: Iterable[Span]) -> Spans:
    """Return spans as one list, those that touch or overlap made one."""
    found: list[Span] = []
    for span in sorted(spans):
        if span.end <= span.start:
            continue
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def without(spans: Iterable[Span], gone: Span) -> Spans:
    """Return spans less one that is not covered any more."""
    left = []
    for span in spans:
        left.append(Span(span.start, min(span.end, gone.start)))
        left.append(Span(max(span.start, gone.end), span.end))
    return joined(left)


def missing(spans: Iterable[Span], within: Span) -> Spans:
    """Return what of a span is not covered."""
    left: Spans = (within,) if within.start < within.end else ()
    for span in spans:
        left = without(left, span)
    return left

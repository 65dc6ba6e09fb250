"""A request that gets an HTTP error."""


class RefusedError(Exception):
    """Status and a line of text; the documents have no wording for it."""

    def __init__(self, status: int, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.status = status
        self.text = text


def bad(what: str) -> RefusedError:
    """Return a refusal of a parameter (400)."""
    return RefusedError(400, f"JSON parse error: {what}")

"""HTTP Digest with the algorithm a gateway checks, not the one it announces.

Some firmware asks for SHA-256 and verifies MD5 (observed with Theben 3.80 to 3.87).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Self, override

import aiohttp

from .errors import InvalidUser, WrongPassword
from .model import Credentials


class Digest(aiohttp.DigestAuthMiddleware):
    """Answers challenges; `instead` maps an announced algorithm to the one to use."""

    def __init__(self, user: str, password: str, instead: Mapping[str, str]) -> None:
        """Take the account. State lives as long as this object: one session."""
        super().__init__(user, password)
        self._instead = instead
        self.announced: str | None = None
        """The algorithm of the last challenge; None before one, MD5 if it names none."""

    @classmethod
    def of(cls, credentials: Credentials, instead: Mapping[str, str]) -> Self:
        """Return the Digest layer of a user.

        Raises `InvalidUser` for a name that Digest cannot carry (RFC 7616), and
        `WrongPassword` for a password that is no text.
        """
        if ":" in credentials.user or not credentials.user.isprintable():
            raise InvalidUser("a character that cannot be sent")
        try:
            return cls(credentials.user, credentials.password, instead)
        except UnicodeEncodeError:
            # Not `from err`: it holds the password.
            raise WrongPassword("half a character") from None

    @override
    def _authenticate(self, response: aiohttp.ClientResponse) -> bool:
        again = super()._authenticate(response)
        if again:
            self.announced = self._challenge.get("algorithm", "MD5").upper()
            if (used := self._instead.get(self.announced)) is not None:
                self._challenge["algorithm"] = used
        return again


def challenge_in(status: int, headers: Mapping[str, str]) -> str | None:
    """Return the Digest challenge of an answer; None if it holds none."""
    challenge = headers.get("WWW-Authenticate", "")
    if status == HTTPStatus.UNAUTHORIZED and challenge.lower().startswith("digest"):
        return challenge
    return None

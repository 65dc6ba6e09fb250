"""OBIS codes (IEC 62056-61): which quantity a register holds."""

from dataclasses import dataclass
import re
from typing import Self

_TEXT = re.compile(
    r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[*&](\d{1,3}))?",
    re.ASCII,
)
_HEX = re.compile(r"[0-9a-fA-F]{12}")
_CURRENT = 255


@dataclass(frozen=True, slots=True, order=True)
class Obis:
    """The six value groups A-B:C.D.E*F, each 0 to 255."""

    a: int
    b: int
    c: int
    d: int
    e: int
    f: int = _CURRENT

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `1-0:1.8.0`, `1-0:1.8.0*255` or `0100010800ff`; None if it is neither."""
        text = text.strip()
        if match := _TEXT.fullmatch(text):
            groups = [int(group) for group in match.groups(default=str(_CURRENT))]
        elif _HEX.fullmatch(text):
            groups = list(bytes.fromhex(text))
        else:
            return None
        return cls(*groups) if max(groups) <= _CURRENT else None

    def __str__(self) -> str:
        """Return the usual text; F is left out where it says "current value"."""
        text = f"{self.a}-{self.b}:{self.c}.{self.d}.{self.e}"
        return text if self.f == _CURRENT else f"{text}*{self.f}"

    @property
    def register(self) -> str:
        """Return C.D.E, which names the quantity whatever the channel."""
        return f"{self.c}.{self.d}.{self.e}"

    @property
    def quantity(self) -> tuple[int, int, int, int]:
        """Return A, B, C and D, which a total and its tariff registers share."""
        return self.a, self.b, self.c, self.d

    @property
    def counts_up(self) -> bool:
        """Say whether the register is a meter reading, which never goes down.

        Electricity: D is 8 (time integral), unless C is 16 (36, 56, 76 for one phase):
        the balance of import and export. Every other medium counts in C 1 to 3
        (volume, energy). From the code's definition, not observed.
        """
        if self.a == 1:
            return self.d == 8 and self.c not in (16, 36, 56, 76)
        return self.a in range(4, 10) and self.c in (1, 2, 3)

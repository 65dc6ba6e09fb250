"""The file that old rows are moved to: there completely, or not at all."""

from hashlib import sha256
import os
from pathlib import Path
from typing import BinaryIO

from .canonical import Json
from .export import Extract
from .store import failures, sync_folder


class File:
    """An archive file while it is written."""

    def __init__(self, folder: Path, extract: Extract) -> None:
        """Name it after the ledger and the rows it holds."""
        first, last = extract.before.seq + 1, extract.last
        name = f"{extract.pen.ledger_id}-{first}-{last}.ledger"
        self.path = folder / name
        self._rows = {"first": first, "last": last}
        self._draft = folder / f".{name}.new"
        self._file: BinaryIO | None = None
        self._digest = sha256()

    def begin(self) -> None:
        """Open the draft."""
        with failures():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(number, "wb")

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        assert self._file is not None
        with failures():
            self._file.write(piece)
        self._digest.update(piece)

    def finish(self) -> dict[str, Json]:
        """Bring it to disk under its name; return what the ledger notes about it."""
        assert self._file is not None
        with failures():
            with self._file as file:
                file.flush()
                os.fsync(file.fileno())
            self._draft.replace(self.path)
            sync_folder(self.path.parent)
        return {
            **self._rows,
            "sha256": self._digest.hexdigest(),
            "file": self.path.name,
        }

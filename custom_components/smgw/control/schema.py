"""The ledger's file: tables, and the triggers that refuse to change what was written.

`row` is the evidence. `command` and `memory` are the present state, kept in the same file so
that it changes in the same transaction as the evidence: after a crash the two agree.
`anchor` says up to where rows were moved into archive files.
"""

import sqlite3

from .errors import LedgerDamaged, LedgerTooNew

APPLICATION = 0x534D4757  # "SMGW"
VERSION = 1
# Two years of proof (BK6-22-300, A1 7.3), counted from the newest row.
RETENTION_DAYS = 731  # the last trigger says it too
# Of the write-ahead log, where nobody folds it in quieter moments.
MOST_PAGES = 10_000

_TABLES = """
CREATE TABLE row (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    body TEXT NOT NULL
) STRICT;
CREATE INDEX row_of_command ON row (json_extract(body, '$.transaction'))
WHERE json_extract(body, '$.transaction') IS NOT NULL;
CREATE TABLE command (
    participant TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    record TEXT NOT NULL,
    PRIMARY KEY (participant, id)
) STRICT;
CREATE INDEX open_command ON command (open) WHERE open = 1;
CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE anchor (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    body TEXT NOT NULL
) STRICT;
"""

# REPLACE deletes without asking the trigger for DELETE, so inserting is guarded as well.
_GUARDS = """
CREATE TRIGGER row_is_not_changed BEFORE UPDATE ON row
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER row_follows BEFORE INSERT ON row
WHEN NEW.seq IS NOT 1 + coalesce(
    (SELECT max(seq) FROM row), (SELECT max(seq) FROM anchor), 0)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER row_is_not_deleted BEFORE DELETE ON row
WHEN OLD.seq > coalesce((SELECT max(seq) FROM anchor), 0)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER anchor_is_not_changed BEFORE UPDATE ON anchor
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER anchor_is_not_deleted BEFORE DELETE ON anchor
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER anchor_is_an_old_head BEFORE INSERT ON anchor
WHEN NOT EXISTS (
    SELECT 1 FROM row AS old, row AS newest
    WHERE old.seq = NEW.seq AND old.hash = NEW.hash AND old.body = NEW.body
    AND json_extract(old.body, '$.kind') = 'head'
    AND newest.seq = (SELECT max(seq) FROM row)
    AND julianday(json_extract(newest.body, '$.at'))
        - julianday(json_extract(old.body, '$.at')) >= 731)
BEGIN SELECT RAISE(ABORT, 'younger than two years'); END;
"""


def prepare(connection: sqlite3.Connection) -> bool:
    """Set up a connection and, in a new file, the tables; True if the file is new.

    Raises LedgerDamaged for a file that is something else, LedgerTooNew for a later version's.
    """
    # One writer: a second Home Assistant on the same file finds it locked. The write-ahead log
    # needs one sync per transaction where a rollback journal needs three, and never blocks a reader.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_PAGES}")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA recursive_triggers = ON")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables and not application:
        return True
    if application != APPLICATION:
        raise LedgerDamaged("another kind of file")
    if version > VERSION:
        raise LedgerTooNew(f"version {version}")
    return False


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, within the caller's transaction."""
    for statement in _statements(_TABLES + _GUARDS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> list[str]:
    """Return the statements of a script; `executescript` would commit first."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found

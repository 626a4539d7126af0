"""What commands about backups, and about books that came from one, print for scripts."""

from datetime import datetime
from typing import Annotated

from hashrail.cli.printing import Shape, about


class Backup(Shape, kw_only=True):
    """A backup that was made."""

    file: Annotated[str, about("where it is")]
    size: Annotated[int, about("its bytes")]
    made_at: Annotated[datetime, about("the moment of what it holds")]
    version: Annotated[str, about("the program that made it")]
    postgres: Annotated[int, about("the major version of the server")]
    schema: Annotated[str | None, about("the newest migration")]
    epoch: Annotated[str | None, about("a digest of the deployment's epoch")]
    rows: Annotated[int, about("of all tables")]
    keep_elsewhere: Annotated[list[str], about("what a restore needs besides")]


class BackupCheck(Shape, kw_only=True):
    """What was looked at in a backup."""

    name: Annotated[str, about("what")]
    holds: Annotated[bool | None, about("null: it could not be looked at")]
    found: Annotated[str, about("what was found")]


class BackupVerdict(Shape, kw_only=True):
    """Whether a backup can be relied on."""

    file: Annotated[str, about("where it is")]
    ok: Annotated[bool, about("whether nothing fails")]
    made_at: Annotated[datetime, about("the moment of what it holds")]
    checks: Annotated[list[BackupCheck], about("in the order in which it was looked at")]


class PutBack(Shape, kw_only=True):
    """A backup that was put back."""

    file: Annotated[str, about("the backup")]
    made_at: Annotated[datetime, about("the moment of what it holds")]
    version: Annotated[str, about("the program that made it")]
    rows: Annotated[int, about("of all tables")]
    journal: Annotated[list[str], about("files of the journal that were written; none where one was there")]
    next: Annotated[list[str], about("what is to be done before any process runs, in order")]


class Given(Shape, kw_only=True):
    """Something that happened in the life of the books that is lost."""

    kind: Annotated[str, about("what happened")]
    about: Annotated[str, about("whom or what it is about")]
    noted_at: Annotated[datetime, about("when it happened")]


class Taken(Given, kw_only=True):
    """Something that was taken away in that life, and is taken away again."""

    left: Annotated[str | None, about("why nothing was done; null where it is done")]


class Gap(Shape, kw_only=True):
    """Numbers of a sequence that nobody gets, for they may have been given out."""

    sequence: Annotated[str, about("the sequence in the database")]
    from_number: Annotated[int, about("the first of them")]
    to_number: Annotated[int, about("the last of them")]


class Restored(Shape, kw_only=True):
    """A new epoch of restored books."""

    number: Annotated[int, about("the number of the restoration")]
    restored_at: Annotated[datetime, about("when it was done")]
    books_until: Annotated[datetime | None, about("the newest trace of life in the books as they came")]
    told_until: Annotated[datetime | None, about("the time of the journal's newest line")]
    sessions: Annotated[int, about("sessions that ended")]
    taken: Annotated[list[Taken], about("what was taken away again")]
    given: Annotated[list[Given], about("what was given in the life that is lost, for you to give again")]
    gaps: Annotated[list[Gap], about("numbers that nobody gets")]

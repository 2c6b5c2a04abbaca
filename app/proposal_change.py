"""What an approved example changes: the text of one specialist file."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.spec import Specialist, problems_of
from app.check_intents import same_as
from app.feedback import Example
from app.spec_edit import EditFailed, difference, with_example, without_example
from app.spec_source import Source
from app.vendors import names_in
from runtime.errors import UserError

LONGEST = 300
"""Characters of an example: it is a sentence, not a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file before and after."""

    file: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        return difference(self.file, self.before, self.after)


def sound(text: str, sources: Sequence[Source]) -> None:
    """Refuse words that no specialist file may have as an example.

    Raises:
        UserError: they are too long, name a vendor or a model, or stand in a file already.
    """
    if len(text) > LONGEST:
        raise UserError(
            f"The request has {len(text):,} characters; an example has at most {LONGEST}.",
            remedy="Give the example in fewer words: --text.",
        )
    for _, name in names_in(text):
        raise UserError(
            f"{name!r} names a vendor or a model, which no specialist file may hold.",
            remedy="Give the example in other words: --text.",
        )
    same = same_as(text, sources)
    if same is not None:
        raise UserError(
            f"{same.text!r} stands under {same.specialist}/{same.intent} already, in the same"
            " words.",
            remedy="Reject the proposal; or move that example first, if it stands at the wrong"
            " place.",
        )


def source_of(specialist: str, sources: Sequence[Source]) -> Source:
    """The file of a specialist.

    Raises:
        UserError: there is none that loads.
    """
    for source in sources:
        if source.specialist.name == specialist:
            return source
    raise UserError(
        f"There is no specialist {specialist!r} any more, or its file does not load.",
        remedy="See `switchyard check`; reject the proposal if it is gone for good.",
    )


def loads(change: Change) -> Specialist:
    """The specialist that the changed file holds.

    Raises:
        EditFailed: it would not load.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / change.file.name
        copy.write_text(change.after, encoding="utf-8", newline="")
        found = problems_of(copy)
    if isinstance(found, Specialist):
        return found.model_copy(update={"file": change.file})
    raise EditFailed(change.file, f"it would not load afterwards: {found[0].reason}")


def write(change: Change) -> None:
    """Put the new text in place of the old one, all of it or nothing, one writer at a time.

    Raises:
        EditFailed: somebody changed the file meanwhile.
        OSError: it cannot be written.
    """
    with _alone_in(change.file.parent):
        if read(change.file) != change.before:
            told = "somebody changed it at this very moment"
            raise EditFailed(change.file, told, remedy="Try again.")
        _replace(change)


def _replace(change: Change) -> None:
    mode = change.file.stat().st_mode
    # Not `.md`: nobody shall load it as a specialist.
    number, name = tempfile.mkstemp(prefix=f".{change.file.stem}-", dir=change.file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as handle:
            handle.write(change.after)
        temporary.chmod(mode)
        temporary.replace(change.file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Other processes that write specialist files wait."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(file: Path) -> str:
    """The text of a file with its own line ends."""
    return file.read_bytes().decode("utf-8")


def addition(example: Example, sources: Sequence[Source]) -> Change:
    """The file with the example.

    Raises:
        UserError: it cannot be there; says why.
    """
    source = source_of(example.specialist, sources)
    sound(example.text, sources)
    file = source.specialist.file
    before = read(file)
    after = with_example(before, file, example.intent, example.text)
    return Change(file=file, before=before, after=after)


def removal(example: Example, sources: Sequence[Source]) -> Change | None:
    """The file without the example; None where it does not stand there."""
    source = source_of(example.specialist, sources)
    there = [one.examples for one in source.specialist.intents if one.name == example.intent]
    if not there or example.text not in there[0]:
        return None
    file = source.specialist.file
    before = read(file)
    after = without_example(before, file, example.intent, example.text)
    return Change(file=file, before=before, after=after)

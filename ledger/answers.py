"""Answers of models that are given again to the same question: an operator's choice, off at first.

A row is found by the hash of everything that the answer depends on, tenant and label included.
"""

from __future__ import annotations

import json

from sqlalchemy import delete, select

from ledger.content import written
from ledger.repository import Repository
from ledger.schema import kept_answers
from runtime.canonical import Json


class Answers(Repository):
    """Kept until `forget_before`, or until the same question is answered anew."""

    async def find(self, key: str, seconds: float) -> Json:
        """The answer under a key that is not older than so many seconds; None for none."""
        row = await self._first(
            select(kept_answers.c.answer).where(
                kept_answers.c.key == key, kept_answers.c.at >= self._clock() - seconds
            )
        )
        return json.loads(row["answer"]) if row else None

    async def keep(self, key: str, answer: Json) -> None:
        """Keep an answer, in the place of an older one."""
        text = written(answer)
        await self._write(
            self._insert_or_update(kept_answers, key=key, answer=text, at=self._clock())
        )

    async def forget_before(self, instant: float) -> int:
        """Delete answers older than `instant` (UTC seconds); how many."""
        return await self._write(delete(kept_answers).where(kept_answers.c.at < instant))

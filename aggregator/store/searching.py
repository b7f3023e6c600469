"""Searching, of the SQLite store."""

from aggregator import words
from aggregator.model import Question
from aggregator.spelling import replaced
from aggregator.store import find, indexing
from aggregator.store.connections import Connections, errors
from aggregator.store.values import Found


class Searching(Connections):
    """See `aggregator.store.Store` for what each method promises."""

    def index(self, limit: int = 5000) -> int:
        """See Store."""
        with errors("indexing"), self._writing() as db:
            return indexing.fill(db, limit)

    def search(
        self,
        question: Question,
        language: str,
        limit: int = 30,
        offset: int = 0,
        *,
        newest: bool = False,
        zone: str = "UTC",
    ) -> Found:
        """See Store."""
        sought = words.read(question.words, language)
        with errors("searching"), self._reading() as db:
            return find.find(db, self._contents, question, sought, zone, newest, limit, offset)

    def respell(self, words: str, language: str) -> str:
        """See Store."""
        with errors("looking for near words"), self._reading() as db:
            instead = find.respell(db, words, language)
        return replaced(words, instead) if instead else ""

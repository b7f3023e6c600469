"""What rules and corrections make of an item: takes the item as its source gives it, gives its Standing; pure.

First the rules that give a category; then, scope by scope, what is kept and what is blocked. Where a scope has rules
that keep, an item of that scope stays only if one of them matches it; a rule that blocks takes it out all the same. A
rule of a category takes an item out of that category alone, one of a source or of all out of every feed. The order of
the rules does not matter. A category that an editor gave an item stays, whatever rules say of categories.

Everything is matched by RE2, which takes time in proportion to the text, and to the size of the expression at worst:
both are bounded. Of 2 kB of news a rule takes 6 µs, the worst expressions that are let through 9 ms.
"""

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from functools import lru_cache

import re2

from aggregator.errors import DeskError
from aggregator.model import (
    NO_CORRECTION,
    Category,
    Correction,
    Item,
    Rule,
    RuleEffect,
    RuleField,
    RuleHow,
    Standing,
)
from aggregator.words import folded, unaccented

TEXT_LIMIT_CHARS = 200  # of a rule
PATTERN_SIZE_LIMIT = 700  # instructions of RE2's program
MEMORY_BYTES = 1 << 20  # of an expression at work
MATCHED_LIMIT_CHARS = 20_000  # of a text of an item
RULES_LIMIT = 500
NO_CATEGORY = "divers"

_WORD = re.compile(r"[^\W_]+")
# What is no letter and no figure, as far as news are written: with all that Unicode has, a search takes fifty times as
# long, as its automaton no longer fits.
_SIGNS = r"\x00-/:-@\[-`{-\x{bf}\x{2000}-\x{2bff}\x{3000}-\x{303f}"
_GAP = f"[{_SIGNS}]+"
_MARKS = r"[\x{300}-\x{36f}]*"
_LIGATURES = {"oe": "(?:oe|œ)", "ae": "(?:ae|æ)", "ss": "(?:ss|ß)", "fi": "(?:fi|ﬁ)", "fl": "(?:fl|ﬂ)"}
_LETTERS = (*range(0xC0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000))  # Latin, Greek and Cyrillic


def check(rule: Rule, slugs: Container[str]) -> None:
    """DeskError says what is wrong with a rule; `slugs` are the categories that there are."""
    if not rule.text.strip():
        raise DeskError("a rule needs a text to look for")
    if len(rule.text) > TEXT_LIMIT_CHARS:
        raise DeskError("a rule has at most %(most)s letters", most=TEXT_LIMIT_CHARS)
    if not rule.text.isprintable():
        raise DeskError("the text of a rule has signs that cannot be printed")
    for slug in filter(None, (rule.category, rule.target)):
        if slug not in slugs:
            raise DeskError("there is no category “%(slug)s”", slug=slug)
    if (rule.effect is RuleEffect.CATEGORY) is not bool(rule.target):
        raise DeskError("a rule that gives a category names it, and no other rule does")
    if rule.target == NO_CATEGORY or (rule.category == NO_CATEGORY and rule.effect is not RuleEffect.CATEGORY):
        raise DeskError(
            "“%(slug)s” takes what no other category has: no rule puts news there or takes them out", slug=NO_CATEGORY
        )
    _compiled(rule.how, rule.text)


class Judge:
    """Rules, ready to be asked. Safe to share between threads. DeskError where one of them cannot be read."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._matchers = {rule: matcher(rule) for rule in self.rules}
        self._giving = [rule for rule in self.rules if rule.effect is RuleEffect.CATEGORY]
        self._scopes = sorted({(rule.source, rule.category) for rule in self.rules})

    def standing(self, item: Item, correction: Correction = NO_CORRECTION) -> Standing:
        """What an item counts as; its categories and its genre are those that its source gives it."""
        categories = self._given(item)
        out = {category for source, category in self._scopes if self._leaves(item, source, category, categories)}
        genre = correction.genre or item.genre
        if correction.categories:
            return Standing(_chosen(correction.categories), genre, "" in out)
        kept = tuple(each for each in categories if each.slug not in out)
        taken = frozenset(each.slug for each in categories) & out
        return Standing(kept or (Category(NO_CATEGORY, "none"),), genre, "" in out, taken)

    def matching(self, item: Item) -> list[Rule]:
        """The rules that match an item of theirs, by its source and text; its categories are not looked at."""
        return [rule for rule in self.rules if rule.source in ("", item.source) and self._matchers[rule](item)]

    def concerns(self, item: Item) -> bool:
        """Whether it could matter to an item that these rules hold; where none of those that differ between two sets
        does, both say the same of it.
        """
        return any(
            rule.source in ("", item.source) and (rule.effect is RuleEffect.KEEP or self._matchers[rule](item))
            for rule in self.rules
        )

    def _given(self, item: Item) -> tuple[Category, ...]:
        found = {each.slug: each for each in item.categories}
        for rule in self._giving:
            if self._is_of(rule, item, item.categories) and self._matchers[rule](item):
                found.setdefault(rule.target, Category(rule.target, "rule", rule.text))
        if len(found) > 1 and any(each.rule == "rule" for each in found.values()):
            found.pop(NO_CATEGORY, None)
        return tuple(found.values())

    def _leaves(self, item: Item, source: str, category: str, categories: Sequence[Category]) -> bool:
        """Whether the rules of one scope take an item out of it."""
        rules = [
            rule
            for rule in self.rules
            if (rule.source, rule.category) == (source, category) and rule.effect is not RuleEffect.CATEGORY
        ]
        if not rules or not self._is_of(rules[0], item, categories):
            return False
        keeping = [rule for rule in rules if rule.effect is RuleEffect.KEEP]
        blocking = [rule for rule in rules if rule.effect is RuleEffect.BLOCK]
        is_kept = not keeping or any(self._matchers[rule](item) for rule in keeping)
        return not is_kept or any(self._matchers[rule](item) for rule in blocking)

    @staticmethod
    def _is_of(rule: Rule, item: Item, categories: Sequence[Category]) -> bool:
        return rule.source in ("", item.source) and (
            not rule.category or any(each.slug == rule.category for each in categories)
        )


def matcher(rule: Rule) -> Callable[[Item], bool]:
    """Whether an item is one that the rule looks for, wherever it stands."""
    if rule.field is RuleField.LANGUAGE and rule.how is not RuleHow.MATCHES:
        wanted = rule.text.strip().lower()
        return lambda item: f"{item.language.lower()}-".startswith(f"{wanted}-")
    search = _compiled(rule.how, rule.text).search
    texts = _TEXTS[rule.field]
    return lambda item: any(search(text[:MATCHED_LIMIT_CHARS]) is not None for text in texts(item) if text)


_TEXTS: dict[RuleField, Callable[[Item], tuple[str, ...]]] = {
    RuleField.WORDS: lambda item: (item.title, item.lead, item.text),
    RuleField.TITLE: lambda item: (item.title,),
    RuleField.LABEL: lambda item: item.labels,
    RuleField.TAG: lambda item: item.tags,
    RuleField.LANGUAGE: lambda item: (item.language,),
    RuleField.AUTHOR: lambda item: (item.author,),
}


@lru_cache(1024)
def _compiled(how: RuleHow, text: str) -> "re2._Regexp":
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MEMORY_BYTES
    pattern = text if how is RuleHow.MATCHES else _of_words(text, is_whole=how is RuleHow.IS)
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise DeskError("the regular expression “%(text)s” cannot be used: %(why)s", text=text, why=told) from error
    if how is RuleHow.MATCHES and found.programsize > PATTERN_SIZE_LIMIT:
        raise DeskError("the regular expression “%(text)s” is too large: it repeats too much", text=text)
    return found


def _of_words(text: str, *, is_whole: bool) -> str:
    """An expression for words however they are written: with or without accents, whatever stands between them."""
    words = [_of_word(word) for word in _WORD.findall(unaccented(folded(text)))]
    if not words:
        raise DeskError("there is no word in “%(text)s”", text=text)
    between = _GAP.join(words)
    return f"^[{_SIGNS}]*{between}[{_SIGNS}]*$" if is_whole else f"(?:^|[{_SIGNS}]){between}(?:$|[{_SIGNS}])"


def _of_word(word: str) -> str:
    pieces, at = [], 0
    while at < len(word):
        pair = _LIGATURES.get(word[at : at + 2])
        pieces.append(pair or _letter(word[at]))
        at += 2 if pair else 1
    return "".join(f"{piece}{_MARKS}" for piece in pieces)


def _letter(letter: str) -> str:
    alike = _accented().get(letter, "")
    return f"[{letter}{alike}]" if alike else re2.escape(letter)


@lru_cache(1)
def _accented() -> dict[str, str]:
    """The letters with marks, by the letter without."""
    found: dict[str, str] = {}
    for letter in map(chr, _LETTERS):
        bare = unicodedata.normalize("NFD", letter)[0]
        if bare != letter and bare.islower():
            found[bare] = found.get(bare, "") + letter
    return found


def _chosen(slugs: Iterable[str]) -> tuple[Category, ...]:
    return tuple(Category(slug, "editor") for slug in slugs)

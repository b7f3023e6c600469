"""The values of finding events: what a story tells in a few words."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from aggregator.model.items import Key

GATHERED = timedelta(days=5)  # stories further apart are not of one event
BEGINNING_PARTS = 2  # a beginning weighs the second part of its word


class Frequencies(Struct, frozen=True):
    """How common words are: the stories counted, and of each stem that was asked for, in how many it stood."""

    stories: int
    counts: Mapping[str, int]


class Gist(Struct, frozen=True):
    """What the window keeps of a story, under the key of its first item. It stays as it was made."""

    key: Key
    at: datetime
    features: Mapping[str, int]  # stems, and beginnings ("incen-"), with their weights in thousandths
    weightiest: tuple[str, ...]  # the features by which similar stories are found
    spelled: Mapping[str, str]  # stem → as written, the weightiest first, without words of grammar
    has_lead: bool = False
    is_routine: bool = False  # one of a series
    near: Mapping[Key, float] = field(default_factory=dict)  # similar stories that were there before, see events.place

    @property
    def lookups(self) -> Mapping[str, int]:
        """The weightiest words, by their beginnings where they are long, with the weight of the word.

        A store keeps these, and answers with the stories for which the products of weights add up highest.
        """
        return {
            feature: self.features[feature] * (BEGINNING_PARTS if feature[-1] == "-" else 1)
            for feature in self.weightiest
        }

    @property
    def stems(self) -> tuple[str, ...]:
        """What is counted, for the frequencies that later stories ask for."""
        return tuple([feature for feature in self.features if feature[-1] != "-"])

"""Which feeds there are, and what people call them."""

import pytest
from msgspec.structs import replace

from aggregator.catalogue import Kind, catalogue, kind_of, name_of
from aggregator.classify import Taxonomy, departement_name, load_taxonomy
from aggregator.model import Category, Source, SourceState
from aggregator.store import SourceView, Store
from aggregator.store.log import feeds_of, terms_of
from tests.values import NOW, SOURCE, make_item, settle


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy()


def view(slug: str, *departements: str, title: str = "", listed: bool = True, withdrawn: bool = False) -> SourceView:
    source = Source(f"https://{slug}.example/feed", title=title or slug.capitalize(), departements=departements)
    return SourceView(source, SourceState(source.url), 0, None, listed, slug, withdrawn)


def test_feeds_stand_in_the_order_all_categories_places_both_sources(taxonomy: Taxonomy) -> None:
    found = list(catalogue(taxonomy, [view("zebre", "39", "25"), view("abeille", "25")], "fr"))
    categories = list(taxonomy.slugs)
    assert found == [
        "all",
        *categories,
        "dep/25",
        "dep/39",
        *(f"{slug}/dep/25" for slug in categories),
        *(f"{slug}/dep/39" for slug in categories),
        "source/zebre",
        "source/abeille",
    ]


def test_each_feed_is_called_what_people_say(taxonomy: Taxonomy) -> None:
    found = catalogue(taxonomy, [view("ma-commune", "25", title="Ma Commune")], "fr")
    assert (found["all"], found["economie"]) == ("", taxonomy.label("economie", "fr"))
    assert found["dep/25"] == departement_name("25") == "Doubs"
    assert found["economie/dep/25"] == f"{taxonomy.label('economie', 'fr')} – Doubs"
    assert found["source/ma-commune"] == "Ma Commune"
    english = catalogue(taxonomy, [view("ma-commune", "25")], "en")
    assert english["economie"] == taxonomy.label("economie", "en") != found["economie"]


def test_a_source_that_is_unlisted_or_withdrawn_has_no_feed_and_gives_none_to_its_place(taxonomy: Taxonomy) -> None:
    plain = catalogue(taxonomy, [], "fr")
    gone = [view("left", "25", listed=False), view("hidden", "39", withdrawn=True)]
    assert (
        catalogue(taxonomy, gone, "fr") == plain == {"all": "", **{s: taxonomy.label(s, "fr") for s in taxonomy.slugs}}
    )
    assert set(catalogue(taxonomy, [*gone, view("here", "25")], "fr")) - set(plain) == {
        "dep/25", "source/here", *(f"{slug}/dep/25" for slug in taxonomy.slugs),
    }  # fmt: skip


def test_a_source_may_be_named_like_a_feed(taxonomy: Taxonomy) -> None:
    found = catalogue(taxonomy, [view("all"), view("economie"), view("dep-25", "25"), view("search")], "fr")
    assert found["all"] == "" and found["source/all"] == "All"
    assert found["economie"] != found["source/economie"] == "Economie"
    assert {kind_of(slug) for slug in found if slug.startswith("source/")} == {Kind.SOURCE}


@pytest.mark.parametrize(
    ("slug", "kind"),
    [
        ("all", Kind.ALL),
        ("economie", Kind.CATEGORY),
        ("dep/2A", Kind.DEPARTEMENT),
        ("economie/dep/25", Kind.BOTH),
        ("source/ma-commune", Kind.SOURCE),
        ("source/all", Kind.SOURCE),
    ],
)
def test_the_kind_of_a_feed_is_seen_by_its_slug(slug: str, kind: Kind) -> None:
    assert kind_of(slug) is kind


def test_a_source_is_called_by_the_editors_title_else_its_own_else_its_host(taxonomy: Taxonomy) -> None:
    named = view("a", title=" Chez nous ")
    assert name_of(named) == "Chez nous"
    untitled = replace(named, source=replace(named.source, title=" "))
    assert name_of(replace(untitled, state=SourceState(SOURCE, feed_title=" Le Fil "))) == "Le Fil"
    assert name_of(untitled) == "a.example"
    assert name_of(replace(untitled, source=Source("odd"))) == "odd"


def test_every_feed_that_a_story_enters_can_be_asked_for(store: Store, taxonomy: Taxonomy) -> None:
    store.sync_sources([Source(SOURCE, title="Ma Commune", departements=("25", "90"))], NOW)
    store.open_log(NOW)
    kinds = tuple(Category(slug, "source") for slug in ("sport", "divers"))
    settle(store, [make_item(1, categories=kinds, departements=("25", "90"))])
    entered = {row.feed for row in store.log(1)}
    assert entered <= set(catalogue(taxonomy, store.sources(), "fr"))
    (stored,) = store.items()
    assert entered == set(feeds_of(terms_of(stored.item, "source-0")))  # the slug is the one it was given first

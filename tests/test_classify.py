"""Categories and the rules that give them."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.classify import classify, folded, load_taxonomy
from aggregator.errors import ConfigError
from aggregator.model import Category, Genre, Item, Source

TAXONOMY = load_taxonomy()
SOURCE = Source("https://journal.example/feed")
HEAD = "slug\tfr\ten\tiptc\taliases\n"


def item(*tags: str, link: str = "https://journal.example/une-usine") -> Item:
    return Item(SOURCE.url, "1", link, "", "Titre", "", tags=tags)


def slugs(*tags: str, source: Source = SOURCE, link: str = "") -> list[str]:
    return [category.slug for category in classify(item(*tags, link=link), source, TAXONOMY).categories]


def test_the_categories_of_the_source_come_before_all() -> None:
    source = Source("u", categories=("sport", "inconnue", "culture"), tags={"Éco": "economie"})
    found = classify(item("Éco", link="https://x.example/politique/a"), source, TAXONOMY).categories
    assert found == (Category("sport", "source"), Category("culture", "source"))


def test_the_map_of_the_source_comes_before_the_aliases() -> None:
    source = Source("u", tags={"Vie locale": "infos-pratiques", "Sport": "inconnue"})
    found = classify(item("Sport", "VIE LOCALE"), source, TAXONOMY).categories
    assert found == (Category("infos-pratiques", "source-tags", "VIE LOCALE"),)


def test_tags_come_before_the_path() -> None:
    found = classify(item("Besançon", "ÉCO", link="https://x.example/sport/a"), SOURCE, TAXONOMY).categories
    assert found == (Category("economie", "aliases", "ÉCO"),)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("Economie", ["economie"]),
        ("ÉCONOMIE", ["economie"]),
        ("SPORTS", ["sport"]),
        ("Faits-divers", ["faits-divers"]),
        ("Fait divers", ["faits-divers"]),
        ("Vie de l'institution", ["politique"]),
        ("Vie de l’institution", ["politique"]),
        ("Culture & Loisirs", ["culture"]),
        ("Economie / Emploi", ["economie", "emploi"]),
        ("Actualités > Économie", ["economie"]),
        ("Santé et environnement", ["sante", "environnement"]),
        ("Offre d’emploi", ["emploi"]),
        ("Communiqués de presse 2026", ["divers"]),
        ("Divers", ["divers"]),
        ("Sportif", ["divers"]),
        ("", ["divers"]),
    ],
)
def test_a_tag_is_read_however_it_is_spelled(tag: str, expected: list[str]) -> None:
    assert slugs(tag) == expected


@pytest.mark.parametrize(
    ("tags", "evidence"),
    [
        (["Divers"], "Divers"), (["AUTRES", "Divers"], "AUTRES"), (["Actualités > Divers"], "Actualités > Divers"),
        (["Divers", "Besançon"], None), (["Actualités"], None), ([], None),
    ],
)  # fmt: skip
def test_what_a_source_itself_tags_as_other_is_placed_so_by_its_tag_alone(tags: list[str], evidence: str) -> None:
    wanted = Category("divers", "aliases", evidence) if evidence else Category("divers", "none")
    assert classify(item(*tags), SOURCE, TAXONOMY).categories == (wanted,)
    in_sport = classify(item(*tags, link="https://x.example/sport/a"), SOURCE, TAXONOMY).categories
    assert in_sport == (Category("sport", "path", "sport"),)
    mapped = replace(SOURCE, tags={"Divers": "culture", "Autres": "culture", "Actualités > Divers": "culture"})
    assert [each.slug for each in classify(item(*tags), mapped, TAXONOMY).categories] == [
        "culture" if "Divers" in " ".join(tags) else "divers"
    ]


def test_at_most_three_categories_in_order_of_appearance() -> None:
    assert slugs("Sport", "Football", "Santé", "Éco / Politique") == ["sport", "sante", "economie"]


@pytest.mark.parametrize(
    ("link", "slug", "evidence"),
    [
        ("https://x.example/economie/une-usine", "economie", "economie"),
        ("https://x.example/actu/faits-divers-justice/2026/un-vol", "faits-divers", "faits-divers-justice"),
        ("https://x.example/%C3%A9ducation/une-ecole.html", "education", "éducation"),
    ],
)
def test_a_piece_of_the_path_tells_the_category(link: str, slug: str, evidence: str) -> None:
    assert classify(item(link=link), SOURCE, TAXONOMY).categories == (Category(slug, "path", evidence),)


@pytest.mark.parametrize(
    "link",
    [
        *(
            "",
            "https://x.example/",
            "https://x.example/le-sport-pour-tous",
            "https://x.example/sport/",
            "http://[x/sport/a",
        ),
        *("https://sport.example/2026/a", "https://x.example/transports-en-tout-genre-pour-le-sport/a"),
        "https://x.example/sportifs/a",
    ],
)
def test_a_headline_in_the_path_tells_nothing(link: str) -> None:
    assert classify(item(link=link), SOURCE, TAXONOMY).categories == (Category("divers", "none"),)


@given(st.lists(st.text(), max_size=5), st.text())
def test_every_item_gets_one_to_three_known_categories(tags: list[str], link: str) -> None:
    found = slugs(*tags, link=link)
    assert 1 <= len(found) == len(set(found)) <= 3
    assert set(found) <= set(TAXONOMY.slugs)


@given(st.text())
def test_folding_twice_of_plain_words_changes_nothing_that_matters(phrase: str) -> None:
    assert folded(phrase) == folded(phrase.casefold()) == folded(f" {phrase} ")


def test_the_built_in_table_is_complete_and_ends_with_divers() -> None:
    assert TAXONOMY.slugs[0] == "economie"
    assert TAXONOMY.slugs[-1] == "divers"
    assert len(TAXONOMY.slugs) == 18
    assert load_taxonomy() is TAXONOMY
    for slug in TAXONOMY.slugs:
        assert TAXONOMY.label(slug, "fr")
        assert TAXONOMY.aliases[folded(slug)] == slug


def test_labels_follow_the_language_of_the_reader() -> None:
    assert TAXONOMY.label("economie", "fr") == "Économie"
    assert TAXONOMY.label("economie", "fr-CH") == "Économie"
    assert TAXONOMY.label("economie", "de") == "Economy"
    assert TAXONOMY.label("inconnue", "fr") == "inconnue"
    assert TAXONOMY.iptc("economie") == "medtop:04000000"
    assert TAXONOMY.iptc("inconnue") == ""


@pytest.mark.parametrize("genre", Genre)
def test_every_genre_has_a_name_in_both_languages(genre: Genre) -> None:
    assert TAXONOMY.genre_label(genre, "fr")
    assert TAXONOMY.genre_label(genre, "en")


def test_an_unknown_genre_stands_for_itself() -> None:
    assert TAXONOMY.genre_label("autre", "fr") == "autre"
    assert TAXONOMY.genre_label("communique", "fr") == "Communiqué de presse"


def test_a_taxonomy_travels_to_worker_processes() -> None:
    assert pickle.loads(pickle.dumps(TAXONOMY)) == TAXONOMY


def test_an_own_table_replaces_the_built_in_one(tmp_path: Path) -> None:
    table = tmp_path / "categories.tsv"
    table.write_text(
        "\ufeff" + HEAD + "# a comment\n\ndivers\tLe reste\tThe rest\t\t\npeche\tPêche\tFishing\t\ttruite;rivière\n",
        encoding="utf-8",
    )
    own = load_taxonomy(str(table))
    assert own.slugs == ("peche", "divers")
    assert own.label("divers", "fr") == "Le reste"
    assert classify(item("Rivières"), SOURCE, own).categories == (Category("peche", "aliases", "Rivières"),)
    shorter = tmp_path / "shorter.tsv"
    shorter.write_text(HEAD + "peche\tPêche\tFishing\t\ttruite\n", encoding="utf-8")
    unlisted = load_taxonomy(str(shorter))
    assert classify(item("Divers"), SOURCE, unlisted).categories == (Category("divers", "aliases", "Divers"),)


def test_a_table_without_divers_gets_it(tmp_path: Path) -> None:
    table = tmp_path / "categories.tsv"
    table.write_text(HEAD + "peche\tPêche\tFishing\t\ttruite\n", encoding="utf-8")
    assert load_taxonomy(str(table)).label("divers", "fr") == "Divers"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns must be slug, fr, en, iptc, aliases"),
        ("slug\tfr\n", "line 1: the columns must be"),
        (HEAD, "there is no category"),
        (HEAD + "peche\tPêche\n", "line 2: 2 columns instead of 5"),
        (HEAD + "Pêche\tPêche\tFishing\t\t\n", "line 2: 'Pêche' is no slug"),
        (HEAD + "search\tRecherche\tSearch\t\t\n", "line 2: 'search' is the name of a page of ours"),
        (HEAD + "peche\t\tFishing\t\t\n", "line 2: 'peche' needs a French and an English label"),
        (HEAD + "a\tA\tA\t\t\na\tA\tA\t\t\n", "line 3: 'a' is listed twice"),
        (HEAD + "a\tA\tA\t\tx\n\nb\tB\tB\t\tX\n", "line 4: 'x' already means 'a'"),
    ],
)
def test_a_bad_table_is_refused_with_line_and_reason(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "bad.tsv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_taxonomy(str(table))
    assert message in str(caught.value)
    assert "bad.tsv" in str(caught.value)


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.tsv"):
        load_taxonomy(str(tmp_path / "missing.tsv"))
    (tmp_path / "latin.tsv").write_bytes(b"\xe9")
    with pytest.raises(ConfigError, match=r"latin\.tsv"):
        load_taxonomy(str(tmp_path / "latin.tsv"))

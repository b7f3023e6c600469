"""Dates as people write them; all without a zone are meant in Paris."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Date
from aggregator.parse.dates import read_date, split_updated

PARIS = "Europe/Paris"

READ = {
    # RFC 822 and what became of it
    "Wed, 11 Feb 2026 10:23:45 +0100": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 GMT": "2026-02-11 10:23:45",
    "Fri, 11 Feb 2026 10:23:45 GMT": "2026-02-11 10:23:45",  # a Wednesday
    "11 Feb 2026 10:23 Z": "2026-02-11 10:23",
    "Wed, 11 Feb 26 10:23 UT": "2026-02-11 10:23",
    "Sun, 11 Feb 96 10:23 UT": "1996-02-11 10:23",
    "Wed,11 Feb 2026 10:23:45 +0100": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 +02": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 +2:00": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 -0330": "2026-02-11 13:53:45",
    "Wed, 11 Feb 2026 10:23:45 GMT+2": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 UTC −05:00": "2026-02-11 15:23:45",
    "Wed, 11 Feb 2026 10:23:45 +0200 (CEST)": "2026-02-11 08:23:45",
    "Sat, 11 Jul 2026 10:23:45 CEST": "2026-07-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 CET": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 HAEC": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 MET": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 MESZ": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 WET": "2026-02-11 10:23:45",
    "Wed, 11 Feb 2026 10:23:45 WEST": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 BST": "2026-02-11 09:23:45",
    "Wed, 11 Feb 2026 10:23:45 EET": "2026-02-11 08:23:45",
    "Wed, 11 Feb 2026 10:23:45 EEST": "2026-02-11 07:23:45",
    "Wed, 11 Feb 2026 10:23:45 MSK": "2026-02-11 07:23:45",
    "Wed, 11 Feb 2026 10:23:45 EST": "2026-02-11 15:23:45",
    "Wed, 11 Feb 2026 10:23:45 EDT": "2026-02-11 14:23:45",
    "Wed, 11 Feb 2026 10:23:45 CST": "2026-02-11 16:23:45",
    "Wed, 11 Feb 2026 10:23:45 MST": "2026-02-11 17:23:45",
    "Wed, 11 Feb 2026 10:23:45 PST": "2026-02-11 18:23:45",
    "Wed, 11 Feb 2026 10:23:45 PDT": "2026-02-11 17:23:45",
    "Wed, 11 Feb 2026 10:23:45 N": "2026-02-11 10:23:45",  # military
    "Wed, 11 Feb 2026 24:00:00 GMT": "2026-02-12",
    "Wed, 11 Feb 2026 23:59:60 GMT": "2026-02-11 23:59:59",
    "Wed Feb 11 10:23:45 2026": "2026-02-11 09:23:45",
    "Wed Feb 11 10:23:45 CET 2026": "2026-02-11 09:23:45",
    "Wed Feb 11 2026 10:23:45 GMT+0100 (heure normale d’Europe centrale)": "2026-02-11 09:23:45",
    # ISO 8601
    "2026-02-11T10:23:45Z": "2026-02-11 10:23:45",
    "2026-02-11T10:23:45+01:00": "2026-02-11 09:23:45",
    "2026-02-11T10:23:45.123456+01:00": "2026-02-11 09:23:45",
    "2026-02-11T10:23:45.1Z": "2026-02-11 10:23:45",
    "2026-02-11T10:23:45,12Z": "2026-02-11 10:23:45",
    "2026-02-11T10:23:45-00:00": "2026-02-11 10:23:45",
    "2026-02-11T10:23:45+0100": "2026-02-11 09:23:45",
    "2026-02-11T10:23+01": "2026-02-11 09:23",
    "2026-02-11T10:23:45+01:00[Europe/Paris]": "2026-02-11 09:23:45",
    "2026-02-11T10:23:45": "2026-02-11 09:23:45",
    "2026-02-11 10:23:45": "2026-02-11 09:23:45",
    "2026-02-11 10:23:45 UTC": "2026-02-11 10:23:45",
    "2026-02-11 10:23": "2026-02-11 09:23",
    "2026-02-11": "2026-02-10 23:00",
    "2026-2-1": "2026-01-31 23:00",
    "2026/02/11 10:23": "2026-02-11 09:23",
    "20260211T102345Z": "2026-02-11 10:23:45",
    "2026-02-11T24:00:00Z": "2026-02-12",
    "2026-06-30T23:59:60Z": "2026-06-30 23:59:59",
    "1770800000": "2026-02-11 08:53:20",
    # French
    "mercredi 11 février 2026": "2026-02-10 23:00",
    "mercredi 11 février 2026 à 8h05": "2026-02-11 07:05",
    "Mercredi 11 Fevrier 2026 - 08h05": "2026-02-11 07:05",
    "1er mars 2026 à 8h05": "2026-03-01 07:05",
    "1er août 2026 à 18 h 30": "2026-08-01 16:30",
    "12 février 2026 à 18h": "2026-02-12 17:00",
    "le 12 février 2026, 18:30": "2026-02-12 17:30",
    "ven., 03 juil. 2020 15:09": "2020-07-03 13:09",
    "11 févr. 2026": "2026-02-10 23:00",
    "12/10/2021 - 11:23": "2021-10-12 09:23",
    "12/10/2021 11h23": "2021-10-12 09:23",
    "12/10/2021 à 11:23:45": "2021-10-12 09:23:45",
    "05/03/2026": "2026-03-04 23:00",
    "5/3/26": "2026-03-04 23:00",
    "12.10.2021": "2021-10-11 22:00",
    "12-10-2021 11:23": "2021-10-12 09:23",
    "Publié le 12/10/2021 - 11:23": "2021-10-12 09:23",
    "Mis à jour le 12/10/2021 - 11:16": "2021-10-12 09:16",
    "Article publié le : 12/10/2021 à 11:23": "2021-10-12 09:23",
    "Dernière mise à jour : 12 octobre 2021": "2021-10-11 22:00",
    "Publié le 06/02/2026 - 16:10 / Mis à jour le 06/02/2026 - 17:03": "2026-02-06 15:10",
    "Publié le 12/10/2021 à 11h23, mis à jour à 12h00": "2021-10-12 09:23",
    "Publié le 12 octobre 2021 (modifié le 13 octobre 2021)": "2021-10-11 22:00",
    # the neighbours
    "February 11, 2026 10:23 PM": "2026-02-11 21:23",
    "Feb 11, 2026 12:05 a.m.": "2026-02-10 23:05",
    "Posted on 11 February 2026 at 10:23 am": "2026-02-11 09:23",
    "11. Februar 2026 um 10:23 Uhr": "2026-02-11 09:23",
    "11. März 2026": "2026-03-10 23:00",
    "11 de febrero de 2026": "2026-02-10 23:00",
    "11 febbraio 2026 alle ore 10:23": "2026-02-11 09:23",
    "11 februari 2026 om 10:23": "2026-02-11 09:23",
    "11 de fevereiro de 2026 às 10:23": "2026-02-11 09:23",
    # left to dateparser
    "Wednesday the 11th of February 2026": "2026-02-10 23:00",
    # the clocks are changed: the first of two hours, the time after the gap
    "2026-10-25T02:30:00": "2026-10-25 00:30",
    "2026-03-29T02:30:00": "2026-03-29 01:30",
    "28/03/2026 24:00": "2026-03-28 23:00",
    "29/03/2026 24:00": "2026-03-29 22:00",
}

UNREAD = [
    "",
    "   ",
    "hier",
    "hier à 8h",
    "aujourd'hui",
    "demain 2026",
    "il y a 2 heures",
    "2 days ago",
    "lundi",
    "10:23",
    "ce lundi 11 octobre",
    "le 14/02 à 21h00",
    "entre février et avril 2026",
    "ce mois de février 2026",
    "février 2026",
    "2026",
    "2026-02",
    "2026-W07-3",
    "12 février",
    "du 3 au 5 avril 2026",
    "du 3 au 5 mars 2026 à Besançon",
    "lundi 9 février 2026 et mardi 10 février 2026",
    "Le conseil municipal, réuni le 6 février 2026",
    "10 ans après, en 2026",
    "31/02/2026",
    "31 février 2026",
    "29 Feb 2026 10:00:00 GMT",
    "13/13/2026",
    "00/01/2026",
    "11 canard 2026",
    "Wed, 11 Feb 2026 25:00:00 GMT",
    "Wed, 11 Feb 2026 24:01:00 GMT",
    "Wed, 11 Feb 2026 10:61:00 GMT",
    "Wed, 11 Feb 2026 10:23:45 XYZ",
    "Wed, 11 Feb 2026 10:23:45 IST",
    "Wed, 11 Feb 2026 10:23:45 +9900",
    "Wed, 11 Foo 2026 10:23:45 GMT",
    "Sun, 11 Feb 1850 10:23:45 GMT",
    "11 février 1789",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-00-00 00:00:00",
    "30/11/-0001",
    "123456789",
    "9999999999",
    "12345678901234567890",
]


@pytest.mark.parametrize(("raw", "expected"), READ.items(), ids=READ)
def test_a_date_is_read_as_people_mean_it(raw: str, expected: str) -> None:
    assert read_date(raw, PARIS) == Date(raw, datetime.fromisoformat(expected).replace(tzinfo=UTC))


@pytest.mark.parametrize("raw", UNREAD)
def test_what_is_no_certain_date_stays_unread(raw: str) -> None:
    assert read_date(raw, PARIS) == Date(raw.strip(), None)


def test_a_date_without_a_zone_is_meant_where_its_source_is() -> None:
    assert read_date("2026-02-11 10:00", "Indian/Reunion").at == datetime(2026, 2, 11, 6, tzinfo=UTC)
    assert read_date("the 11th of February 2026", "Indian/Reunion").at == datetime(2026, 2, 10, 20, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Ornans", "", "Europe", "../../etc/passwd", "\0"])
def test_a_time_zone_that_nobody_knows_is_utc(zone: str) -> None:
    assert read_date("2026-02-11 10:00", zone).at == datetime(2026, 2, 11, 10, tzinfo=UTC)
    assert read_date("the 11th of February 2026", zone).at in {None, datetime(2026, 2, 11, tzinfo=UTC)}


def test_the_raw_date_is_kept_on_one_line_of_200_characters() -> None:
    assert read_date(" Wed,\n 11  Feb 2026 ", PARIS).raw == "Wed, 11 Feb 2026"
    assert len(read_date("11 février 2026 " * 1000, PARIS).raw) == 200


@pytest.mark.parametrize(
    ("raw", "halves"),
    [
        ("Publié le 1/2/2026 / Mis à jour le 3/2/2026", ("Publié le 1/2/2026", "Mis à jour le 3/2/2026")),
        ("1 mars 2026 (modifié le 2 mars 2026)", ("1 mars 2026", "modifié le 2 mars 2026")),
        ("Mis à jour le 3/2/2026", ("Mis à jour le 3/2/2026", "")),
        ("1 mars 2026", ("1 mars 2026", "")),
        ("", ("", "")),
    ],
)
def test_publication_and_update_are_told_apart(raw: str, halves: tuple[str, str]) -> None:
    assert split_updated(raw) == halves


moments = st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)).map(lambda moment: moment.replace(microsecond=0))
offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@given(moments, offsets)
def test_every_date_that_python_writes_is_read_back(moment: datetime, offset: timezone) -> None:
    there = moment.replace(tzinfo=offset)
    for raw in (format_datetime(there), there.isoformat(), there.isoformat(" ")):
        assert read_date(raw, PARIS).at == there
    assert read_date(str(moment), PARIS).at == moment.replace(tzinfo=ZoneInfo(PARIS)).astimezone(UTC)


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-zéû:/., +-]{1,30}", fullmatch=True))
def test_no_text_ever_raises_and_every_date_read_is_utc_and_sane(raw: str) -> None:
    at = read_date(raw, PARIS).at
    assert at is None or (at.tzinfo is UTC and 1989 <= at.year <= 2101)


def test_the_common_forms_never_load_dateparser() -> None:
    common = [raw for raw in READ if "the 11th" not in raw]
    script = f"""
import sys
from aggregator.parse.dates import read_date
for raw in {common!r}:
    assert read_date(raw, "Europe/Paris").at, raw
assert "dateparser" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)

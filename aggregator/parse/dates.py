"""Reads dates as feeds and pages of several countries write them.

Takes text and the source's time zone, gives a Date; never asks the clock, so "hier" stays unread, and never raises.
A date that cannot be read for certain is no date: a wrong one would put a piece of news in the wrong place.

An own table of forms comes first, because feedparser reads CET and CEST as UTC, dates without a zone as UTC and French
dates not at all. dateparser comes last: importing it takes 0.2 s and 15 MB, the time of 30,000 dates read by the table.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from aggregator.model import Date

RAW_LIMIT = 200  # characters of a date that are kept as published
YEARS = range(1990, 2101)  # no news outside

# January to December, each with the forms in use; French, English, German, Spanish, Italian, Portuguese, Dutch, Catalan
_MONTH_NAMES = (
    "janvier janv jan january januar jän jänner enero ene gennaio gen janeiro januari gener",
    "février fevrier févr fevr fév fev february feb februar febrero febbraio fevereiro februari febrer",
    "mars mar march märz maerz mär marzo março marco maart mrt març",
    "avril avr april apr abril abr aprile",
    "mai may mayo maggio mag maio mei maig",
    "juin june jun juni junio giugno giu junho juny",
    "juillet juil juill july jul juli julio luglio lug julho juliol",
    "août aout aoû aou august aug agosto ago augustus agost",
    "septembre sept sep september septiembre settembre set setembro setembre",
    "octobre oct october oktober okt octubre ottobre ott outubro out",
    "novembre nov november noviembre novembro",
    "décembre decembre déc dec december dezember dez diciembre dic dicembre dezembro desembre des",
)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}

# Minutes east of Greenwich. Names that mean several zones (IST, AST) are left out: those dates stay unread.
_ZONES = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET", "TU"), 0),
    **dict.fromkeys(("CET", "MET", "MEZ", "HNEC", "BST", "WEST", "MEWT"), 60),
    **dict.fromkeys(("CEST", "MEST", "MESZ", "HAEC", "EET", "CEDT"), 120),
    **dict.fromkeys(("EEST", "MSK"), 180),
    **dict.fromkeys(("EDT", "HAE"), -240),
    **dict.fromkeys(("EST", "CDT", "HNE"), -300),
    **dict.fromkeys(("CST", "MDT"), -360),
    **dict.fromkeys(("MST", "PDT"), -420),
    "PST": -480,
    **dict.fromkeys("ABCDEFGHIKLMNOPQRSTUVWXY", 0),  # military: often wrong, so RFC 5322 §4.3 reads them as UTC
}

_WEEKDAY = (
    r"(?:(?:lun|mar|mer|jeu|ven|sam|dim|mon|tue|wed|thu|fri|sat|sun|mié|mie|jue|vie|sáb|sab|dom|gio|seg|ter|qua|qui|sex"
    r"|die|mit|don|fre|son|maa|din|woe|vri|zat|zon)[^\W\d_]*|mo|di|mi|do|fr|sa|so)\.?,?\s*"
)
_TIME = (
    r"(?P<hour>\d{1,2})\s*"
    r"(?:[:h.]\s*(?P<minute>\d\d)(?:[:m.]\s*(?P<second>\d\d)s?(?:[.,]\d+)?)?(?:\s?(?:h|uhr)\b)?|h\b)"
)
_HALF = r"(?:\s?(?P<half>[ap])\.?m\.?)?"
_ZONE = r"(?:\s*(?P<zone>(?:utc|gmt)?\s?[+−-]\d{1,2}(?::?\d\d)?|[a-z]{1,4})\b(?:\s*[(\[][^)\]]*[)\]])?)?"
_GLUE = r"(?:\s*(?:,|à|-|–|—|\||@|at|um|a las|alle(?: ore)?|às|om|les)\s*|\s+)"
_CLOCK = rf"(?:{_GLUE}{_TIME}{_HALF}{_ZONE})?"
_DAY = r"(?P<day>\d{1,2})(?:er|st|nd|rd|th|\.|º|°)?"
_YEAR = r"(?P<year>\d{4}|\d\d)"

_FORMS = tuple(
    re.compile(form + r"\s*\.?", re.IGNORECASE)
    for form in (
        # RFC 822 and every "11 février 2026 à 8h05"
        rf"(?:{_WEEKDAY})?{_DAY}(?:\s+|-)(?:de\s+|d')?(?P<month>[^\W\d_]{{3,10}})\.?,?(?:\s+|-)(?:de\s+)?{_YEAR}{_CLOCK}",
        # ISO 8601, W3CDTF
        r"(?P<year>\d{4})(?P<dash>[-/.]?)(?P<month>\d\d?)(?P=dash)(?P<day>\d\d?)"
        r"(?:(?:T|\s+|,\s*|\s+-\s+)(?P<hour>\d\d?):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d+)?)?" + _ZONE + ")?",
        # 12/10/2021 11h23: the day first, always
        rf"(?:{_WEEKDAY})?{_DAY}[/.-](?P<month>\d{{1,2}})[/.-]{_YEAR}{_CLOCK}",
        # February 11, 2026 10:00 AM; JavaScript's "Wed Feb 11 2026 10:00:00 GMT+0100 (CET)"
        rf"(?:{_WEEKDAY})?(?P<month>[^\W\d_]{{3,10}})\.?\s+{_DAY},?\s+(?P<year>\d{{4}}){_CLOCK}",
        # asctime and Unix date: "Wed Feb 11 10:00:00 CET 2026"
        rf"(?:{_WEEKDAY})?(?P<month>[^\W\d_]{{3,10}})\s+{_DAY}\s+{_TIME}{_ZONE}\s+(?P<year>\d{{4}})",
    )
)
# The two that nearly every feed writes, tight enough to be read in a few microseconds
_RFC822 = re.compile(r"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4}|[A-Z]{1,4})")
_ISO8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?(?:Z|[+-]\d\d:\d\d)")
_EPOCH = re.compile(r"\d{10}")
_UPDATED = (
    r"(?:derni[èe]re\s+)?(?:mise?\s+à\s+jour|màj|maj|modifi[ée]e?|actualis[ée]e?|updated|last\s+(?:updated|modified))"
)
_LEADING = re.compile(
    r"(?:(?:article|texte)\s+)?(?:publi[ée]e?|post[ée]e?|paru|parution|cr[éeé]{2}e?|mis\s+en\s+ligne|date|published|posted|"
    rf"{_UPDATED})(?:\s+(?:le|on|at))?\s*:?\s+|le\s+",
    re.IGNORECASE,
)
_SECOND_HALF = re.compile(rf"\s*[-–—/|,;(•]?\s*(?={_UPDATED}\b)", re.IGNORECASE)
_WORTH_GUESSING = re.compile(r"(?=.*\b(?:19|20)\d\d\b)(?=.*[^\W\d_]{3}).{8,60}")
_NUMBER = re.compile(r"\d+")


@lru_cache(maxsize=512)  # Atom gives most entries the same date twice
def read_date(raw: str, timezone: str) -> Date:
    """Read one date. Without a zone of its own it is meant in `timezone` (IANA): of an hour that comes twice the
    first, of one that is skipped the time after the gap. A day without a time is its midnight there.
    """
    text = " ".join(raw[: 2 * RAW_LIMIT].split())[:RAW_LIMIT]
    moment = _at_once(text) or _by_form(text, timezone)
    if moment is None and text:
        first, _ = split_updated(text)
        bare = _bare(first)
        moment = (_by_form(bare, timezone) if bare != text else None) or _by_guess(bare, timezone)
    return Date(text, moment)


def split_updated(raw: str) -> tuple[str, str]:
    """Split "Publié le … / Mis à jour le …" into its halves; the second is "" where nothing is said of an update."""
    text = " ".join(raw[: 2 * RAW_LIMIT].split())[:RAW_LIMIT]
    for cut in _SECOND_HALF.finditer(text):
        if _NUMBER.search(text, 0, cut.start()):  # a date stands before it
            return text[: cut.start()], text[cut.end() :].rstrip(")")
    return text, ""


def _bare(text: str) -> str:
    while match := _LEADING.match(text):
        text = text[match.end() :]
    return text


def _at_once(text: str) -> datetime | None:
    try:
        if match := _RFC822.fullmatch(text):
            day, month, year, hour, minute, second, name = match.groups()
            zone = _zone(name, "")
            date = int(year), _MONTHS[month.lower()], int(day)
            return _sane(datetime(*date, int(hour), int(minute), int(second), tzinfo=zone)) if zone else None
        if _ISO8601.fullmatch(text):
            return _sane(datetime.fromisoformat(text).replace(microsecond=0))
    except (ValueError, LookupError):
        pass  # an hour 24, a second 60: the slower forms know them
    return None


def _by_form(text: str, timezone: str) -> datetime | None:
    if _EPOCH.fullmatch(text):
        return _sane(datetime.fromtimestamp(int(text), UTC))
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _moment(match, timezone)
    return None


def _moment(match: re.Match[str], timezone: str) -> datetime | None:
    found = match.groupdict()
    word = found["month"]
    month = int(word) if word.isdecimal() else _MONTHS.get(word.lower(), 0)
    year, hour = int(found["year"]), int(found["hour"] or 0)
    if len(found["year"]) == 2:
        year += 2000 if year < 69 else 1900
    if half := found.get("half"):
        hour = hour % 12 + (12 if half in "pP" else 0)
    tomorrow = hour == 24 and not int(found["minute"] or 0)
    second = min(int(found["second"] or 0), 59)  # a leap second
    zone = _zone(found["zone"], timezone)
    if zone is None:
        return None
    clock = 0 if tomorrow else hour, int(found["minute"] or 0), second
    try:
        moment = datetime(year, month, int(found["day"]), *clock, tzinfo=zone)
    except ValueError:
        return None
    return _sane(moment + timedelta(days=tomorrow))  # on the wall clock, so midnight stays midnight


def _sane(moment: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment.year in YEARS else None


@lru_cache(maxsize=256)
def _zone(name: str | None, local: str) -> tzinfo | None:
    """The zone of that name or offset; the local one without a name; None for a name that nobody knows."""
    if name is None:
        return _local(local)
    offset = re.fullmatch(r"(?:utc|gmt)?\s?([+−-])(\d{1,2}):?(\d\d)?", name, re.IGNORECASE)
    if offset is None:
        minutes = _ZONES.get(name.upper())
    else:
        sign, hours, rest = offset.groups()
        minutes = (int(hours) * 60 + int(rest or 0)) * (1 if sign == "+" else -1)
    if minutes is None or abs(minutes) > 14 * 60:
        return None
    return timezone(timedelta(minutes=minutes)) if minutes else UTC


def _local(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfo tells an unknown name, a bad one and a folder apart
        return UTC


def _by_guess(text: str, timezone: str) -> datetime | None:
    """Let dateparser try, and believe it only if every number of the text is a part of what it read."""
    if not _WORTH_GUESSING.fullmatch(text):
        return None
    # Imported late: 0.2 s and 15 MB, for one date in a thousand
    import dateparser  # noqa: PLC0415

    settings = {
        "DATE_ORDER": "DMY",
        "PARSERS": ["absolute-time"],  # the relative ones would ask the clock
        "REQUIRE_PARTS": ["day", "month", "year"],
        "STRICT_PARSING": True,
        "TIMEZONE": timezone,
        "RETURN_AS_TIMEZONE_AWARE": True,
    }
    try:
        moment = dateparser.parse(text, languages=["fr", "en", "de", "es", "it"], settings=settings)
    except (ValueError, TypeError, OverflowError, LookupError, AttributeError, RecursionError):
        return None
    if moment is None or not _accounts_for(text, moment):
        return None
    return _sane(moment)


def _accounts_for(text: str, moment: datetime) -> bool:
    parts = [moment.day, moment.month, moment.year, moment.hour, moment.hour % 12, moment.minute, moment.second]
    return all(int(number) in parts for number in _NUMBER.findall(text))

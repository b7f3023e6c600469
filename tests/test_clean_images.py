"""The image of an item, and its credit."""

import pytest

from aggregator.clean.html import sanitise
from aggregator.clean.images import choose, first_in, parted
from aggregator.model import Image

BASE = "https://x.example/actu/a"


@pytest.mark.parametrize(
    ("caption", "text", "credit"),
    [
        (" © D Poirier", "", "© D Poirier"),
        ("© D Poirier © D Poirier", "", "© D Poirier"),
        ("Le pont. © D Poirier", "Le pont.", "© D Poirier"),
        ("Le pont (© D Poirier)", "Le pont", "© D Poirier"),
        ("Le pont [Crédit : D Poirier]", "Le pont", "Crédit : D Poirier"),
        ("Le pont - Photo : D Poirier", "Le pont", "Photo : D Poirier"),
        ("Le pont / Crédits photo : ville", "Le pont", "Crédits photo : ville"),
        ("Le pont (c) ville", "Le pont", "(c) ville"),
        ("© D Poirier (Dole)", "", "© D Poirier (Dole)"),
        ("Une photo du pont", "Une photo du pont", ""),
        ("<b>Le</b> pont &amp; nous", "Le pont & nous", ""),
        ("", "", ""),
    ],
)
def test_a_caption_is_parted_into_text_and_credit(caption: str, text: str, credit: str) -> None:
    assert parted(caption) == (text, credit)


def test_a_credit_in_alt_and_caption_is_given_once() -> None:
    html = sanitise('<figure><img src="/a.jpg" alt=" © D Poirier"><figcaption>© D Poirier</figcaption></figure>', BASE)
    assert first_in(html) == Image("https://x.example/a.jpg", alt="", credit="© D Poirier")


def test_a_caption_completes_the_alternative_text() -> None:
    html = sanitise('<figure><img src="/a.jpg" width=300><figcaption>Le pont © D</figcaption></figure>', BASE)
    assert first_in(html) == Image("https://x.example/a.jpg", alt="Le pont", credit="© D", width=300)


@pytest.mark.parametrize(
    "html",
    [
        '<p><img src="/a.jpg"></p><figure><img src="/b.jpg"><figcaption>© D</figcaption></figure>',
        '<figure><img src="https://x.example/spacer.gif"><figcaption>© D</figcaption></figure><img src="/a.jpg">',
        '<figure><img src="/a.jpg"></figure>',
    ],
)
def test_the_caption_of_another_figure_is_not_taken(html: str) -> None:
    assert first_in(sanitise(html, BASE)) == Image("https://x.example/a.jpg")


def test_text_without_an_image_has_none() -> None:
    assert first_in("<p>t</p>") is None
    assert choose((), "", BASE) is None


def test_the_widest_attached_image_is_chosen() -> None:
    small, large = Image("https://x.example/s.jpg", width=100), Image("https://x.example/l.jpg", width=800)
    assert choose((small, large), "", BASE) == large


def test_the_first_image_is_chosen_where_none_tells_its_width() -> None:
    first, second = Image("https://x.example/1.jpg"), Image("https://x.example/2.jpg")
    assert choose((first, second), "", BASE) == first


def test_attached_images_lose_to_none_when_they_are_beacons_or_no_address() -> None:
    attached = (Image("javascript:x"), Image("/a.gif", width=1, height=1), Image("https://stats.x.example/p.gif"))
    assert choose(attached, '<img src="https://x.example/b.jpg" alt="">', BASE) == Image("https://x.example/b.jpg")


def test_an_attached_image_takes_text_and_credit_from_the_same_picture_in_the_text() -> None:
    html = '<figure><img src="https://x.example/pont.jpg" alt="Le pont"><figcaption>© D</figcaption></figure>'
    same = choose((Image("https://x.example/pont-300x200.jpg", width=300),), html, BASE)
    assert same == Image("https://x.example/pont-300x200.jpg", alt="Le pont", credit="© D", width=300)
    other = Image("https://x.example/lavoir.jpg")
    assert choose((other,), html, BASE) == other


def test_an_attached_image_keeps_its_own_credit() -> None:
    given = Image("//x.example/a.jpg", alt="Le pont © E", credit="D&nbsp;Poirier")
    assert choose((given,), "", BASE) == Image("https://x.example/a.jpg", alt="Le pont", credit="D\xa0Poirier")
    doubled = Image("https://x.example/a.jpg", credit="© D © D")
    assert choose((doubled,), "", BASE) == Image("https://x.example/a.jpg", credit="© D")

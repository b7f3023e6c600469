"""What is kept of a closed page: all that it shows, and no text that may not be given on."""

import pytest
from msgspec.structs import replace

from aggregator.model import Republish
from aggregator.publish import render
from aggregator.publish.archive import pack, unpack
from tests.test_publish import FEED, FORMATS
from tests.test_publish_options import EVERY_OPTION, WHOLE

WHOLE_TEXT = replace(WHOLE, item=replace(WHOLE.item, text="Chapô & <suite>. Tout."))
LEAD = replace(WHOLE_TEXT, id="urn:x:2", republish=Republish.LEAD)


@FORMATS
@pytest.mark.parametrize("options", EVERY_OPTION)
def test_what_is_kept_of_a_page_is_shown_as_the_page_was(format, options):
    page = replace(FEED, entries=(WHOLE_TEXT, LEAD), options=options, page=1)
    kept, shown = render(replace(page, entries=unpack(pack(page.entries))), format), render(page, format)
    assert (kept.body, kept.etag, kept.updated) == (shown.body, shown.etag, shown.updated)


def test_a_text_that_may_not_be_given_on_is_not_kept():
    whole, lead = unpack(pack([WHOLE_TEXT, LEAD]))
    assert whole == WHOLE_TEXT
    assert lead == replace(LEAD, item=replace(LEAD.item, html="", text=""))

"""The editors' desk: pages on which sources are curated and the river is mended. Takes forms, calls aggregator.desk and
the store, gives pages. Nothing of it is seen without a login.

- gate: who may see and do what      - entry: logins and accounts
- history: what was done, and its undoing, in words
- health: how the sources are, and bulk actions      - troubles: what is the matter, in sentences
- watching: the same as a feed for those who do not come   - charts: figures as SVG
- rules: what becomes of news by words, labels, tags …      - queue: what no rule placed, and single items
- stories: found, hidden, merged, split              - missing: why something is not there
"""

from flask import Blueprint, Flask

from web.desk import entry, gate, health, history, missing, queue, rules, stories
from web.site import Site

desk = Blueprint("desk", __name__, url_prefix="/desk")
desk.before_request(gate.check)
desk.after_request(gate.finish)
for part in (entry, health, history, rules, queue, stories, missing):
    part.register(desk)


def prepare(app: Flask, site: Site) -> None:
    """Give the site its desk."""
    app.extensions["tributary.desk"] = gate.Writing(site)
    app.register_blueprint(desk)

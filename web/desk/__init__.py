"""The editors' desk: pages on which sources are curated and the river is mended. Takes forms, calls aggregator.desk and
the store, gives pages. Nothing of it is seen without a login.

- gate: who may see and do what      - entry: logins and accounts
- history: what was done, and its undoing, in words
- health: how the sources are, and bulk actions      - troubles: what is the matter, in sentences
- watching: the same as a feed for those who do not come   - charts: figures as SVG
- sources: the list, and many lines at once           - line: one source
- adding: new ones, from a site or a feed             - importing: lists of other readers
- rules: what becomes of news by words, labels, tags …      - queue: what no rule placed, and single items
- stories: found, hidden, merged, split              - missing: why something is not there
"""

from flask import Blueprint, Flask

from web.desk import adding, entry, gate, health, history, importing, line, missing, queue, rules, sources, stories
from web.site import Site

desk = Blueprint("desk", __name__, url_prefix="/desk")
desk.before_request(gate.check)
desk.after_request(gate.finish)
for part in (entry, health, history, rules, queue, stories, missing, sources, adding, importing, line):
    part.register(desk)


def prepare(app: Flask, site: Site) -> None:
    """Give the site its desk."""
    app.extensions["tributary.desk"] = gate.Writing(site)
    app.register_blueprint(desk)

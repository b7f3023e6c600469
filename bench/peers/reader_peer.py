"""lemon24/reader from PyPI: `init` subscribes to every source of an OPML file, `poll` updates every feed once.

python reader_peer.py init DATABASE OPML | poll DATABASE WORKERS | count DATABASE
"""

import sys
import xml.etree.ElementTree as ET

from reader import make_reader


def main() -> None:
    """Do what the command line says."""
    what, database, *rest = sys.argv[1:]
    reader = make_reader(database)
    if what == "init":
        for outline in ET.parse(rest[0]).iter("outline"):
            if url := outline.get("xmlUrl"):
                reader.add_feed(url)
    elif what == "poll":
        failed = 0
        for result in reader.update_feeds_iter(workers=int(rest[0]), scheduled=False):
            if isinstance(result.value, Exception):
                failed += 1
                print(result.url, result.value)
        print(f"{failed} failed")
    else:
        print(reader.get_entry_counts().total)


if __name__ == "__main__":
    main()

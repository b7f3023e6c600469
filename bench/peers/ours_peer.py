"""Tributary, by its own command: `poll` becomes `tributary poll --all`, workers and all; `init` only reads the list.

Settings are those that it is delivered with; run.py adds TRIBUTARY_ALLOW_PRIVATE, without which it asks no loopback
address, and nothing that makes it faster.

    python ours_peer.py init DATABASE OPML | poll DATABASE OPML | count DATABASE
"""

import os
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("tributary"))


def main() -> None:
    """Do what the command line says."""
    what, database, *rest = sys.argv[1:]
    if what == "count":
        from aggregator.store import open_store

        print(open_store(database, writer=False).totals().items)
        return
    action = ["sources"] if what == "init" else ["poll", "--all"]
    os.execv(COMMAND, [COMMAND, *action, "--database", database, "--opml", rest[0]])


if __name__ == "__main__":
    main()

"""The floor: what asking alone costs. One aiohttp session, a conditional GET of every source, the body read to its end.

The store is a JSON file of validators. Nothing is parsed, cleaned or kept. It sends both validators where a source gave
both, since some of the origin's sources have no ETag: with If-None-Match alone they would never answer 304.

    python floor_peer.py init FILE OPML | poll FILE CONCURRENCY | count FILE
"""

import asyncio
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import aiohttp

HEADERS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


async def poll(validators: dict[str, dict[str, str]], concurrency: int) -> None:
    """Ask every source once; `validators` by URL are sent, and replaced by those of each new body."""
    waiting = iter(list(validators.items()))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def worker() -> None:
            for url, known in waiting:
                async with session.get(url, headers={HEADERS[name]: value for name, value in known.items()}) as answer:
                    await answer.read()
                    if answer.status == 200:
                        validators[url] = {name: answer.headers[name] for name in HEADERS if name in answer.headers}

        await asyncio.gather(*(worker() for _ in range(concurrency)))


def main() -> None:
    """Do what the command line says."""
    what, name, *rest = sys.argv[1:]
    file = Path(name)
    if what == "init":
        urls = [outline.get("xmlUrl") for outline in ET.parse(rest[0]).iter("outline")]
        file.write_text(json.dumps({url: {} for url in urls if url}))
    elif what == "poll":
        validators = json.loads(file.read_text())
        asyncio.run(poll(validators, int(rest[0])))
        file.write_text(json.dumps(validators))
    else:
        print(0)  # it keeps no items


if __name__ == "__main__":
    main()

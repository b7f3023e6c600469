"""How fast a feed is served: by our site, by nginx with the files and the configuration of `tributary publish`, and by
a plain nginx with the same file. Needs wrk; without nginx it measures the site alone.

`python -m bench.serving` fills a store with the demo's outlets, starts the servers on loopback, and asks each in turn.
"""

import argparse
import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from aggregator import opml
from aggregator.cli.running import demo_settings
from aggregator.cli.site import Site
from aggregator.config import Settings
from aggregator.demo.origin import Origin
from aggregator.pipeline import Pipeline, utc_now
from aggregator.store import open_store
from bench import machine
from web import create_app
from web.export import export
from web.published import site_of
from web.servers import Server, configuration

CONNECTIONS = 16
THREADS = 2  # of wrk
LEAST_SHARES = {"ours": 0.25, "files": 0.9}  # of nginx's requests; of files "nginx's own speed", but for noise
MOST_MS = 25.0  # of 99 in 100
PATH = "/feeds/all.atom"

NGINX = """
worker_processes auto;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
PLAIN = """
    types {{ application/atom+xml atom; }}
    gzip_static on;
    add_header Cache-Control "public, max-age=300";
    add_header Vary "Accept-Encoding";
    server {{ listen 127.0.0.1:{port} reuseport; root {folder}; }}
"""


class Measured(Struct, frozen=True):
    """What wrk says of one run."""

    per_second: float
    slowest_ms: float  # of 99 in 100
    refused: int  # answers that are no 2xx or 3xx, and broken connections


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median counts")
    chosen = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        parser.exit(1, "wrk is not installed\n")
    print(", ".join(f"{name} {text}" for name, text in machine.facts().items()))
    with tempfile.TemporaryDirectory(prefix="tributary-bench-") as name:
        folder = Path(name)
        settings = _filled(folder)
        with ExitStack() as stack:
            ports = {"ours": stack.enter_context(Site(settings)).port}
            if shutil.which("nginx") or shutil.which("/usr/sbin/nginx"):
                ports |= _beside(settings, folder, ports["ours"], stack)
            else:
                print("nginx is not installed: nothing to compare with")
            _print(_measure(ports, chosen.repeat, chosen.seconds))


def _measure(ports: dict[str, int], repeat: int, seconds: int) -> dict[tuple[str, str], Measured]:
    """By request and server, each in turn so that neither has the better hour."""
    runs: dict[tuple[str, str], list[Measured]] = {}
    for _ in range(repeat):
        for request, headers in (("gzip GET", {}), ("conditional GET", {"If-None-Match": ""}), ("plain GET", None)):
            for server, port in ports.items():
                asked = {} if headers is None else {"Accept-Encoding": "gzip"}
                if headers:
                    asked["If-None-Match"] = _etag(port)
                runs.setdefault((request, server), []).append(_wrk(port, asked, seconds))
    return {key: _median(found) for key, found in runs.items()}


def _median(runs: list[Measured]) -> Measured:
    return Measured(
        statistics.median(run.per_second for run in runs),
        statistics.median(run.slowest_ms for run in runs),
        sum(run.refused for run in runs),
    )


def _print(measured: dict[tuple[str, str], Measured]) -> None:
    print("\n| request | server | requests/s | 99 % within ms | share of nginx | aim |")
    print("|---|---|---:|---:|---:|---|")
    for (request, server), found in measured.items():
        other = measured.get((request, "nginx"))
        least = LEAST_SHARES.get(server)
        share = found.per_second / other.per_second if other and least else None
        is_reached = (share is None or share >= (least or 0)) and found.slowest_ms <= MOST_MS and not found.refused
        aim = ("reached" if is_reached else "missed") if least else ""
        print(
            f"| {request} | {server} | {found.per_second:,.0f} | {found.slowest_ms:.1f} |"
            f" {'' if share is None else f'{share:.2f}'} | {aim} |"
        )


def _wrk(port: int, headers: dict[str, str], seconds: int) -> Measured:
    words = [word for name, text in headers.items() for word in ("-H", f"{name}: {text}")]
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *words]
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{PATH}"], check=True, capture_output=True, text=True, timeout=seconds + 30
    ).stdout
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", said)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    assert per_second
    assert slowest
    refused = [
        int(found) for found in re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", said)
    ]
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]]
    return Measured(float(per_second[1]), float(slowest[1]) * unit, sum(refused))


def _filled(folder: Path) -> Settings:
    """Settings with a store that holds a round over the demo's outlets."""
    with Origin(utc_now()) as origin:
        settings = demo_settings(Settings(workers=1), origin, str(folder))
        with closing(open_store(settings.database)) as store:
            store.sync_sources(opml.read(settings.opml), utc_now())

            async def one_round() -> None:
                async with Pipeline(settings, store, utc_now) as pipeline:
                    await pipeline.poll([(view.source, view.state) for view in store.sources()], lambda _: None)
                    await pipeline.open_log()
                    await pipeline.index()

            asyncio.run(one_round())
    return replace(settings, port=0, base_url="https://news.example")


def _beside(settings: Settings, folder: Path, ours: int, stack: ExitStack) -> dict[str, int]:
    """nginx twice, over the files of `tributary publish` and over nothing but the very bytes that we serve. → ports."""
    app = create_app(replace(settings, port=ours))
    files, plain = folder / "public", folder / "bare"
    made = export(app, files)
    stack.callback(site_of(app).store.close)
    file = plain / PATH.removeprefix("/")
    file.parent.mkdir(parents=True)
    for coding, ending in (("identity", ""), ("gzip", ".gz")):
        file.with_name(file.name + ending).write_bytes(_get(ours, coding))
    for each in (folder, *(path for root in (files, plain) for path in (root, *root.rglob("*")) if path.is_dir())):
        each.chmod(0o755)  # its workers may be somebody else
    ports = {"files": _free_port(), "nginx": _free_port()}
    text = configuration(app, Server.NGINX, files)
    listens = f"listen 127.0.0.1:{ports['files']} reuseport;"
    text = text.replace("listen 80;", listens).replace("listen [::]:80;", "").replace("# brotli_static", "#")
    stack.enter_context(_nginx(folder / "files.conf", text, ports["files"]))
    stack.enter_context(_nginx(folder / "plain.conf", PLAIN.format(folder=plain, port=ports["nginx"]), ports["nginx"]))
    assert _get(ports["files"], "gzip") == _get(ports["nginx"], "gzip") == _get(ours, "gzip")
    body, packed = _get(ours, "identity"), _get(ours, "gzip")
    print(f"a feed of {body.count(b'<entry')} entries: {len(body)} bytes, gzip {len(packed)}; {made.files} files")
    return ports


@contextmanager
def _nginx(conf: Path, site: str, port: int) -> Iterator[None]:
    """nginx with the configuration of one site."""
    command = shutil.which("nginx") or "/usr/sbin/nginx"
    folder = conf.with_suffix("")
    folder.mkdir()
    conf.write_text(NGINX.format(folder=folder, site=site))
    server = subprocess.Popen([command, "-p", str(folder), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait()


def _get(port: int, coding: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request) as response:
        body: bytes = response.read()
    return body


def _etag(port: int) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as response:
        return str(response.headers["ETag"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nothing listens at {port}")


if __name__ == "__main__":
    main()

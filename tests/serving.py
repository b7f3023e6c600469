"""A WSGI application on a port of this machine, for tests that ask it as others do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from waitress.server import create_server


@contextmanager
def served(app: Any, threads: int = 8, **where: Any) -> Iterator[str]:
    """Serve it until the context ends; `where` is in the words of waitress, else a port of its choice. → its address"""
    server = create_server(app, threads=threads, **(where or {"host": "127.0.0.1", "port": 0}))
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # First those who answer: they wake the loop by the number of a file, which may be another's when it has ended.
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map, ignore_all=True))
        thread.join(timeout=10)
        assert not thread.is_alive(), "the server did not end"

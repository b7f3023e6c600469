"""How this process holds memory: large pieces go back to the system as soon as they are free, and what stays is not
looked through for garbage.

Left to itself glibc keeps what a document of fifteen megabytes took, as it expects the next one; processes that read
such documents grew by 180 MiB and stayed there, with this by 100.
"""

import ctypes
import gc
from contextlib import suppress

LARGE_BYTES = 1 << 18  # far above what an ordinary document is made of
ARENAS = 2  # each thread would get one of its own
GARBAGE_OBJECTS = 5_000  # that are new, before garbage in circles is looked for among them; 700 are usual

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)


def give_back() -> None:
    """Have large pieces given back; without effect where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in ((_TRIM_THRESHOLD, LARGE_BYTES), (_MMAP_THRESHOLD, LARGE_BYTES), (_ARENA_MAX, ARENAS)):
        mallopt(option, value)


def trim() -> None:
    """Give back all pages that are free, also between others; takes some milliseconds. Without effect where the C
    library is not glibc.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def look_seldom() -> None:
    """Look for garbage seldom, and never in what is there now, such as modules: of a poll of new items, that took a
    fortieth of the time.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)

"""What a log or a traceback may print of a value."""

from collections.abc import Callable

from msgspec import Struct


def repr_without(*hidden: str) -> Callable[[Struct], str]:
    """A `__repr__` that leaves these fields out, as they are secrets or long."""

    def told(value: Struct) -> str:
        shown = (name for name in value.__struct_fields__ if name not in hidden)
        return f"{type(value).__name__}({', '.join(f'{name}={getattr(value, name)!r}' for name in shown)})"

    return told

"""Who may use the desk: takes names and passwords, gives logins; keeps hashes alone.

A browser holds a random token, the store its hash. A login ends twelve hours after the last page, thirty days after it
began, or when the password changes. Ten failures within a quarter of an hour close a name, from anywhere, and thirty
an address for the rest of it; a name that does not exist costs as much time as a wrong password.
"""

import hashlib
import secrets
from base64 import b64encode
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from msgspec import Struct

from aggregator.errors import DeskError
from aggregator.model import Editor, Login, Role
from aggregator.store import Store

PASSWORD_LEAST, PASSWORD_MOST = 10, 200  # characters
NAME_LIMIT = 60
IDLE, WHOLE = timedelta(hours=12), timedelta(days=30)
FAILURES_WINDOW = timedelta(minutes=15)
FAILURES_OF_NAME, FAILURES_OF_ADDRESS = 10, 30

hasher = PasswordHasher()  # its parameters stand in each hash


class LoginError(DeskError):
    """Nobody was logged in."""


class LoginClosedError(LoginError):
    """Too many logins failed: even the right password is not looked at now."""


class Opened(Struct, frozen=True):
    """A login that was just made; the token is never shown again."""

    token: str
    login: Login


def add(store: Store, name: str, role: Role, password: str, now: datetime) -> Editor:
    """Let somebody use the desk. DeskError says what is wrong with the name or the password."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise DeskError("a name has 1 to %(most)s letters", most=NAME_LIMIT)
    if any(each.name.casefold() == name.casefold() for each in store.editors()):
        raise DeskError("there is an editor of that name: %(name)s", name=name)
    return store.add_editor(name, role, hashed(password), now)


def hashed(password: str) -> str:
    """What is kept of a password. DeskError if it is too short or too long."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise DeskError("a password has %(least)s to %(most)s characters", least=PASSWORD_LEAST, most=PASSWORD_MOST)
    return hasher.hash(password)


def log_in(store: Store, name: str, password: str, address: str, now: datetime) -> Opened:
    """Log somebody in, from a network address. LoginError does not tell whether the name or the password is wrong."""
    since = now - FAILURES_WINDOW
    of_name, of_address = f"name {name.strip().casefold()[:NAME_LIMIT]}", f"address {address}"
    if (
        store.failed_logins(of_name, since) >= FAILURES_OF_NAME
        or store.failed_logins(of_address, since) >= FAILURES_OF_ADDRESS
    ):
        raise LoginClosedError("too many logins failed")
    found = store.password_of(name.strip())
    is_right = _is_right(found[1] if found else _nobodys(), password)
    if found is None or not is_right:
        store.fail_login((of_name, of_address), now)
        raise LoginError("name or password are wrong")
    editor, kept = found
    if hasher.check_needs_rehash(kept):
        store.rehash(editor.id, kept, hasher.hash(password))
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    store.log_in(_hash(token), editor.id, csrf, now)
    return Opened(token, Login(editor, csrf, now, now))


def login_of(store: Store, token: str, now: datetime) -> Login | None:
    """Who a browser with this token is logged in as."""
    return store.login(_hash(token), now - WHOLE, now - IDLE, now) if token else None


def log_out(store: Store, token: str) -> None:
    """End a login."""
    store.log_out(_hash(token))


def change_password(store: Store, editor: Editor, old: str, new: str, now: datetime) -> None:
    """Give an editor another password, which logs them out everywhere. DeskError if the old one is wrong."""
    found = store.password_of(editor.name)
    if found is None or not _is_right(found[1], old):
        raise DeskError("the password is wrong")
    store.change_editor(editor.id, now, password=hashed(new))


def _nobodys() -> str:
    """A hash that takes as long to compare with as that of an editor, and that no password has: it was drawn by lot. To
    make one of a password takes a tenth of a second and 64 MiB.
    """
    salt, drawn = (_plain64(secrets.token_bytes(length)) for length in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${costs}${salt}${drawn}"


def _plain64(drawn: bytes) -> str:
    return b64encode(drawn).decode().rstrip("=")


def _is_right(kept: str, password: str) -> bool:
    try:
        return hasher.verify(kept, password[: PASSWORD_MOST + 1])
    except (VerificationError, InvalidHashError):
        return False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()

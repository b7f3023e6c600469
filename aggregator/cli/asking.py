"""Which item is meant by what was typed: its number, its guid, its link; and what to look at where there is none."""

import click

from aggregator.cli.printing import plain, when
from aggregator.config import Settings
from aggregator.desk import missing
from aggregator.desk.missing import Publisher
from aggregator.model import Stored
from aggregator.pipeline import utc_now
from aggregator.store import Store


def found(store: Store, item: str) -> tuple[Stored, ...]:
    """The items of a number, a guid or a link as it was published."""
    if known := _named(store, item):
        return known
    raise click.ClickException(_unknown(item))


def one(store: Store, item: str) -> Stored:
    """The only one of them; an error where there are several."""
    items = found(store, item)
    if len(items) > 1:
        numbers = ", ".join(str(stored.id) for stored in items)
        raise click.ClickException(plain(f"several items have this guid or link, say which ({numbers}): {item}"))
    return items[0]


def explained(store: Store, settings: Settings, item: str) -> tuple[Stored, ...]:
    """The same, or those at another spelling of the address; where there are none, the error says which source should
    have it, and how that one is.
    """
    if known := _named(store, item):
        return known
    answer = missing.look(store, settings, item, (), utc_now())
    if answer.traces:
        return tuple(trace.stored for trace in answer.traces)
    lines = [_unknown(item), *(plain(_told(each, answer.host)) for each in answer.publishers)]
    if answer.host and not answer.publishers:
        lines.append(plain(f"no source publishes at {answer.host}"))
    raise click.ClickException("\n".join(lines))


def _named(store: Store, item: str) -> tuple[Stored, ...]:
    by_number = store.item(int(item)) if item.isdecimal() and len(item) < 16 else None
    return (by_number,) if by_number else store.find(item)


def _unknown(item: str) -> str:
    return plain(f"no item with this number, guid or link: {item}")


def _told(publisher: Publisher, host: str) -> str:
    state = publisher.view.state
    told = f"{publisher.view.source.url} publishes at {host}: {publisher.reading}"
    if state.error_class:
        told += f" ({state.error_class}: {state.error})"
    if state.succeeded_at:
        told += f", last read with success {when(state.succeeded_at)}"
    if state.next_check_at:
        told += f", read next {when(state.next_check_at)}"
    return told

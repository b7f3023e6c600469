"""The family of errors."""

import pickle

import pytest

from aggregator.errors import (
    AggregatorError,
    ConfigError,
    ErrorClass,
    FetchError,
    ParseError,
    PushError,
    SourceError,
    StoreError,
)


@pytest.mark.parametrize("kind", [ConfigError, SourceError, FetchError, ParseError, PushError, StoreError])
def test_every_error_is_of_the_family(kind: type[Exception]) -> None:
    assert issubclass(kind, AggregatorError)


@pytest.mark.parametrize("kind", [FetchError, ParseError, PushError])
def test_a_source_error_names_phase_identity_and_cause_and_survives_a_process_border(kind: type[SourceError]) -> None:
    error = pickle.loads(
        pickle.dumps(kind("https://x.example/", ErrorClass.TIMEOUT, "while reading body: TimeoutError"))
    )
    assert type(error) is kind
    assert error.source_url == "https://x.example/" and error.error_class is ErrorClass.TIMEOUT
    assert str(error) == "while reading body: TimeoutError: 'https://x.example/'"

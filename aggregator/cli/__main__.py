"""`python -m aggregator.cli` is the `tributary` command."""

from aggregator.cli import main

main()

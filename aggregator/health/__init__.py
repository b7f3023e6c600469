"""What is the matter with a source, beyond the errors of today: takes its line, its state and the time, gives a
Judgement. Never asks a source.

- judging: all of that but silence                    - remedies: what an editor can do, in a sentence
- silence: against the source's own rhythm            - looking: what was found, into the store
"""

from aggregator.health.judging import after_poll, judge, needs_somebody
from aggregator.health.looking import keep, look

__all__ = ["after_poll", "judge", "keep", "look", "needs_somebody"]

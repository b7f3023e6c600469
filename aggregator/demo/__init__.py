"""A small world to try the program in: twelve invented outlets, their feeds, and a server that plays them.

Takes the invented items of `items.jsonl`, gives real HTTP answers on 127.0.0.1 and the truth to compare with;
never touches the pipeline, the store or any other machine.
"""

from aggregator.demo.origin import Correction, Origin, Truth
from aggregator.demo.script import play, scenes

__all__ = ["Correction", "Origin", "Truth", "play", "scenes"]

"""Places items among our categories: takes an Item and its Source, gives the Item with categories.

Pure. Never reads the text of an item to guess a topic: editors' words and the source's own tags decide, and each
category says which rule gave it.
"""

from aggregator.classify.categories import classify
from aggregator.classify.departements import departement_name
from aggregator.classify.taxonomy import Row, Taxonomy, folded, load_taxonomy

__all__ = ["Row", "Taxonomy", "classify", "departement_name", "folded", "load_taxonomy"]

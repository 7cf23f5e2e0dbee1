"""What a model finds in code: asked in parts, and checked against the text before anybody sees it."""

from kandil.assist.review.finding import CATEGORIES, SEVERITIES, Finding, anchored, fingerprints
from kandil.assist.review.plan import Chunk, Plan, plan
from kandil.assist.review.run import Review, run

__all__ = [
    "CATEGORIES",
    "SEVERITIES",
    "Chunk",
    "Finding",
    "Plan",
    "Review",
    "anchored",
    "fingerprints",
    "plan",
    "run",
]

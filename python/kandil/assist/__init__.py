"""Work that a model does for its user: answers, and what is built on them."""

from kandil.assist.question import Question, answering
from kandil.assist.reply import Reply, ask, stream

__all__ = ["Question", "Reply", "answering", "ask", "stream"]

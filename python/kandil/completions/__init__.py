"""A call to a model, whole: its key, its limits, a connection, the provider's words, and what it cost.

`open_client` has what a run needs; `Client.answer` tries until an answer begins, within the limits, and gives it while
it comes.
"""

from kandil.completions.answer import Answer
from kandil.completions.client import Client, open_client
from kandil.completions.cost import cost_usd
from kandil.completions.refusals import holds_for_all
from kandil.completions.target import Target, secret_for

__all__ = ["Answer", "Client", "Target", "cost_usd", "holds_for_all", "open_client", "secret_for"]

"""Files from elsewhere, hashed while they come: what is there under its name is what was published.

While ``model.gguf`` is not whole, ``model.gguf.part`` is what there is of it; ``model.gguf.part.state`` says what of it
has come, and of which version. Both go when it is whole. What is whole, and not what was published, becomes
``model.gguf.rejected``.
"""

from kandil.download.fetching import fetch, needed_bytes
from kandil.download.progress import Progress
from kandil.download.remote import Fetched, Remote

__all__ = ["Fetched", "Progress", "Remote", "fetch", "needed_bytes"]

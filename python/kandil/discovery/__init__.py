"""What models there are: in the catalogue, on Hugging Face, at registries that speak Ollama's protocol, in an Ollama.

`search` asks all sources at once; `files_of` says exactly what one reference names. Nothing is fetched but what
describes files, and that is kept for as long as ``cache.ttl_seconds`` says.

- `offer`: a model of a source; `reference`: what names one. `catalogue`, `huggingface`, `ollama_registry`, `ollama`:
  the sources; `quantization`: which files of a repository are one model; `names`: which names and sizes are taken.
  `asking`: requests; `kept`: what was answered before. `merging`: the same weights are one offer, and which goes first.
"""

from kandil.discovery.offer import SOURCES, Offer, Role, Source
from kandil.discovery.reference import Hub, Reference, Tag, Url, newest, parsed
from kandil.discovery.search import Found, files_of, search

__all__ = [
    "SOURCES",
    "Found",
    "Hub",
    "Offer",
    "Reference",
    "Role",
    "Source",
    "Tag",
    "Url",
    "files_of",
    "newest",
    "parsed",
    "search",
]

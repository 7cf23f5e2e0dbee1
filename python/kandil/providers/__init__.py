"""What providers say on the wire, without a socket: a `Request` becomes a `Call`, and bytes become events.

Four protocols serve every provider of ``profiles/``: what is special about one is a fact there, or understood of all.
"""

from kandil.providers.conversation import Image, Message, Request
from kandil.providers.decoder import Decoder
from kandil.providers.dispatch import decoder, encode, refusal
from kandil.providers.endpoint import Call, Endpoint, endpoint
from kandil.providers.estimate import estimate_input_tokens
from kandil.providers.events import Event, Reasoning, Stop, Text, ToolCall, Usage
from kandil.providers.listing import listed_models

__all__ = [
    "Call",
    "Decoder",
    "Endpoint",
    "Event",
    "Image",
    "Message",
    "Reasoning",
    "Request",
    "Stop",
    "Text",
    "ToolCall",
    "Usage",
    "decoder",
    "encode",
    "endpoint",
    "estimate_input_tokens",
    "listed_models",
    "refusal",
]

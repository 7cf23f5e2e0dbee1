"""A web server of others' making, hypercorn on trio, with TLS: it offers HTTP/2 and HTTP/1.1."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import trustme


def _with_lifespan(app: Any) -> Any:
    """`app` is asked for replies alone, and not whether it is ready."""

    async def whole(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    return whole


@asynccontextmanager
async def serving(app: Any, authority: trustme.CA, folder: Path) -> AsyncIterator[str]:
    """The URL at which `app` answers, with a certificate of `authority` that is written into `folder`."""
    issued = authority.issue_cert("127.0.0.1")
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.certfile, config.keyfile = str(folder / "server.pem"), str(folder / "server.key")
    issued.private_key_pem.write_to_path(config.keyfile)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(config.certfile, append=True)
    config.graceful_timeout = 0
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(serve, _with_lifespan(app), config)
        yield url
        nursery.cancel_scope.cancel()

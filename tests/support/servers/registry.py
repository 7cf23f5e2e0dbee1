"""A registry that speaks Ollama's protocol: the real docker-registry, with manifests as Ollama pushes them."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import jwt
import trustme

from tests.support import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
READY_SECONDS = 20.0
_SETTINGS = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
{more}
"""
_GUARDED = "auth: {{token: {{realm: '{realm}', service: kandil-tests, issuer: kandil-tests, rootcertbundle: {roots}}}}}"


@dataclass(frozen=True, slots=True)
class Registry:
    """`url` is a base URL of Ollama's registry."""

    root: Path
    url: str
    token: str = ""
    """What is shown when something is pushed."""

    def push(self, name: str, tag: str, layers: Mapping[str, bytes], *, file_type: str = "Q8_0") -> str:
        """A tag of these layers, by Ollama's words for them, ``model`` and ``template``; the digest of its manifest."""
        config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": file_type}).encode()
        described = [
            self._blob(name, f"application/vnd.ollama.image.{kind}", content) for kind, content in layers.items()
        ]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self._blob(name, CONFIG, config)}
        content = json.dumps(manifest | {"layers": described}).encode()
        url = f"{self.url}/v2/{name}/manifests/{tag}"
        headers = {"content-type": MANIFEST} | self._authorization()
        httpx2.put(url, content=content, headers=headers, trust_env=False).raise_for_status()
        return hashlib.sha256(content).hexdigest()

    def corrupt(self, content: bytes) -> None:
        """The blob with this content is served with other bytes from now on, as from a bad disk."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.root / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])

    def _authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def _blob(self, name: str, kind: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        with httpx2.Client(trust_env=False, headers=self._authorization()) as client:
            begun = client.post(f"{self.url}/v2/{name}/blobs/uploads/").raise_for_status()
            place = httpx2.URL(self.url).join(begun.headers["location"])
            client.put(place.copy_merge_params({"digest": digest}), content=content).raise_for_status()
        return {"mediaType": kind, "digest": digest, "size": len(content)}


@dataclass(frozen=True, slots=True)
class Guard:
    """Who gives tokens for a registry that shows nothing without one."""

    realm: str
    roots: Path
    key: Path

    @classmethod
    def made(cls, folder: Path, realm: str) -> Guard:
        """With a certificate of its own, in a folder."""
        issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("kandil-tests", key_type=trustme.KeyType.RSA)
        guard = cls(realm, folder / "guard.pem", folder / "guard.key")
        issued.cert_chain_pems[0].write_to_path(str(guard.roots))
        issued.private_key_pem.write_to_path(str(guard.key))
        return guard

    def token(self, name: str, *actions: str) -> str:
        """Whoever has it may do these for a while."""
        now = int(time.time())
        claims = {
            "iss": "kandil-tests", "aud": "kandil-tests", "sub": "", "jti": "1", "iat": now, "nbf": now - 60,
            "exp": now + 3600, "access": [{"type": "repository", "name": name, "actions": list(actions)}],
        }  # fmt: skip
        certificate = "".join(self.roots.read_text().splitlines()[1:-1])
        return jwt.encode(claims, self.key.read_text(), "RS256", {"x5c": [certificate]})


@contextmanager
def registry(root: Path, guard: Guard | None = None) -> Iterator[Registry]:
    """Without models. Skips the test where docker-registry is missing."""
    parts.need("docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings, blobs = root / "registry.yml", root / "registry"
    more = _GUARDED.format(realm=guard.realm, roots=guard.roots) if guard else ""
    settings.write_text(_SETTINGS.format(root=blobs, port=port, more=more))
    command = ["docker-registry", "serve", str(settings)]
    environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            late = time.monotonic() + READY_SECONDS
            while not _listens(port):
                assert time.monotonic() < late, "docker-registry is not ready"
                time.sleep(0.01)
            yield Registry(blobs, f"http://127.0.0.1:{port}")
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

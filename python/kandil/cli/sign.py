"""`kandil sign`: what it takes, and the passphrase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.cli.group import GivenPath, Settings, common_options

if TYPE_CHECKING:
    from kandil.verify.signatures.signing import SigningPlan

HELP = """\b
Examples:
  openssl ecparam -name prime256v1 -genkey -noout -out key.pem
  openssl ec -in key.pem -pubout -out key.pub
  kandil sign ~/models/mine --key key.pem
  kandil verify ~/models/mine --trust-key key.pub

Sign a model file, or every file of a folder, so that others can see who vouches for it.

The signature (OpenSSF model signing) is written to FILE.sig or FOLDER/model.sig, and any model-signing verifier reads
it; `kandil verify` does where the signer's public key is trusted: in config.toml, or with --trust-key. Needs the extra
packages of `pip install 'kandil[signing]'`.

\b
Exit: 0 signed; 1 nothing was signed.
"""


@click.command("sign", help=HELP, short_help="Sign a model file or folder.")
@click.argument("path", type=GivenPath())
@click.option("--key", type=GivenPath(), required=True, metavar="FILE", help="The private key: elliptic curve, PEM.")
@click.option("--certificate", type=GivenPath(), metavar="FILE", help="The signing certificate of that key, PEM.")
@click.option("--chain", type=GivenPath(), multiple=True, metavar="FILE", help="Its issuers' certificates, PEM.")
@click.option("-o", "--output", type=GivenPath(), metavar="FILE", help="Where the signature goes.")
@click.option("--passphrase-stdin", is_flag=True, help="Read the key's passphrase from standard input.")
@click.option("--force", is_flag=True, help="Replace a signature that is there.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be signed.")
@common_options
@click.pass_context
def command(  # noqa: PLR0917 - click passes them by name
    ctx: click.Context,
    path: str,
    key: str,
    certificate: str | None,
    chain: tuple[str, ...],
    output: str | None,
    passphrase_stdin: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> int:
    from kandil.errors import SigningFailed
    from kandil.verify import sha256_files
    from kandil.verify.signatures import signing

    settings = ctx.find_object(Settings)
    assert settings is not None
    if bool(chain) != (certificate is not None):
        raise click.UsageError("--certificate and --chain go together: the chain leads from it to its root.", ctx)
    planned = signing.plan(Path(path), Path(output) if output else None)
    if planned.signature.exists() and not force and not dry_run:
        raise SigningFailed(f"{planned.signature} is there already", hint="--force replaces it")
    passphrase = None
    if not dry_run:
        if signing.is_encrypted(Path(key)):
            passphrase = _passphrase(key, from_stdin=passphrase_stdin)
        names = list(planned.files)
        digests = dict(zip(names, sha256_files([planned.files[name] for name in names]), strict=True))
        signing.sign(
            planned,
            digests,
            private_key=Path(key),
            passphrase=passphrase,
            certificate=Path(certificate) if certificate else None,
            chain=tuple(map(Path, chain)),
        )
    _show(planned, json=settings.json, dry_run=dry_run)
    return 0


def _passphrase(key: str, *, from_stdin: bool) -> bytes:
    from kandil.errors import SigningFailed

    if from_stdin:
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not sys.stdin.isatty():
        raise SigningFailed(f"{key} is encrypted, and nobody is there to ask", hint="--passphrase-stdin reads it")
    text: str = click.prompt(f"Passphrase of {printable(key)}", hide_input=True, err=True)
    return text.encode()


def _show(planned: SigningPlan, *, json: bool, dry_run: bool) -> None:
    if json:
        from kandil import __version__
        from kandil.cli.json_lines import write_json

        write_json(
            {
                "schema": "kandil.sign/1",
                "kandil_version": __version__,
                "signature": planned.signature,
                "signed": not dry_run,
                "files": [str(file) for file in planned.files.values()],
            }
        )
        return
    count = len(planned.files)
    files = "1 file" if count == 1 else f"{count} files"
    print(f"{'would sign' if dry_run else 'signed'} {files}: {printable(planned.signature)}")
    if dry_run:
        for file in planned.files.values():
            print(f"  {printable(file)}")

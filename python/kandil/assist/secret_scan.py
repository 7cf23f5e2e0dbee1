"""Which files hold secrets, by their names and by what stands in them: no key, password or token is sent to a model.

Names and shapes after the public rules of gitleaks, TruffleHog and GitHub's secret scanning.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEPT_AS: Final = r"\.(json|ya?ml|toml|ini|properties|txt|csv|xml|conf|cfg|config)"
_NAMES: Final = re.compile(
    rf"""(?:.*/)?(?:
      \.env(?:rc|[-_.][^/]*)? | [^/]*\.env
    | [._]netrc | \.npmrc | \.pypirc | \.git-credentials | \.dockercfg | \.dockerconfigjson | \.docker/config\.json
    | \.pgpass | pgpass\.conf | \.my(?:login)?\.cnf | \.htpasswd | \.s3cfg | \.boto | \.?rclone\.conf | \.msmtprc
    | \.vault[-_](?:token|pass) | \.?vault[-_]?pass(?:word)?(?:\.txt)?
    | [^/]*\.tfvars(?:\.json)? | [^/]*\.tfstate(?:\.[^/]*)?
    | \.[\w.-]*_history | [^/]*\.har | cookies\.txt | \.m2/settings(?:-security)?\.xml | \.config/gh/hosts\.yml
    | id_(?:rsa|dsa|ecdsa|ed25519)(?:[-_.][^/]*)?
    | [^/]*\.(?:pem|key|p8|p12|pfx|pkcs12|keystore|jks|bcfks|kdbx?|ppk|gpg|pgp|age|agekey|keychain(?:-db)?|ovpn)
    | \.?credentials
    | (?:[^/]*[-_.])?(?:credentials?|secrets?|passwords?|api[-_]?keys?)(?:[-_.][^/]*)?{_KEPT_AS}
    | (?:[^/]*[-_.])?(?:service[-_]?account|firebase-adminsdk)(?:[-_.][^/]*)?\.json
    | (?:[^/]*[-_.])?kubeconfig(?:[-_.][^/]*)?
    | (?:\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.oci|\.config/gcloud|\.password-store)/.*
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SHAPES: Final = re.compile(
    r"""
      -----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY | LS0tLS1CRUdJTi[A-Za-z0-9+/] | PuTTY-User-Key-File-\d
    | AGE-SECRET-KEY-1[0-9A-Z]{10}
    | (?<![A-Za-z0-9])(?:
        xox[abeoprs]-[\w-]{10} | xapp-\d-[\w-]{10} | [sr]k_(?:live|test)_\w{16} | whsec_\w{24} | npm_[A-Za-z0-9]{36}
      | SG\.[\w-]{16,}\.[\w-]{16} | pypi-AgE[\w-]{40} | do[opr]_v1_[0-9a-f]{32} | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}
      | GOCSPX-[\w-]{20} | hv[bs]\.[\w-]{24} | dapi[0-9a-f]{32} | lin_api_\w{32} | SK[0-9a-f]{32} | key-[0-9a-f]{32}
      | \d{8,10}:AA[\w-]{33}
      )
    | hooks\.slack\.com/services/\w+/\w+/\w{16} | discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40}
    | (?i:(?:AccountKey|SharedAccessKey)=[\w+/]{32})
    | (?i:authorization["']?\s*[:=,]\s*["']?(?:bearer|basic|token)\ [\w+/.-]{20})
    """,
    re.VERBOSE,
)
_IN_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://(?P<user>[^\s/:@'\"`]*):(?P<said>[^\s/:@'\"`]{6,})@[\w.\[-]")
_ASSIGNED: Final = re.compile(
    r"""(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|auth|access|private|signing|encryption|account)[-_.]?key)
    [\w.-]{0,20} ["'\]]{0,2} \s* (?:=>|:=|[:=]) \s*
    (?: (?P<quote>["'`])(?P<quoted>[^\s"'`]{10,200})(?P=quote)
      | (?! [A-Za-z_]\w* (?:\.[A-Za-z_]\w*)+ \s*$ ) (?P<bare>[\w+/=.~!@\#%^&*-]{10,200}) \s*$ )""",
    re.VERBOSE | re.IGNORECASE,
)
_RANDOM: Final = re.compile(r"[\w+/=.~!@#%^&*-]+")
_LEAST_BITS: Final = 3.1
"""Of entropy in each character; words and numbers have less. Shorter texts than gitleaks looks for have less, too."""


def secret_name(name: str) -> bool:
    """Whether a file of this path is one that holds secrets, whatever is in it."""
    return _NAMES.fullmatch(name) is not None


def secret_line(lines: Sequence[str]) -> int | None:
    """The first line, from 1, in which something stands that looks like a key, a password or a token."""
    return next((number for number, line in enumerate(lines, 1) if _holds_secret(line)), None)


def _holds_secret(line: str) -> bool:
    if looks_like_key(line) or _SHAPES.search(line):
        return True
    if any(_secret_word(said["said"], said["user"]) for said in _IN_ADDRESS.finditer(line)):
        return True
    return any(_random(said["quoted"] or said["bare"]) for said in _ASSIGNED.finditer(line))


def _secret_word(said: str, user: str) -> bool:
    """Not the user's name again, a place to fill in, or a plain word."""
    return said != user and said[0] not in "$<{%*[" and not said.isalpha()


def _random(said: str) -> bool:
    kinds = (any(map(str.isdigit, said)), any(map(str.isalpha, said)), _RANDOM.fullmatch(said))
    if not all(kinds):
        return False
    counts = Counter(said).values()
    return -sum(count / len(said) * math.log2(count / len(said)) for count in counts) >= _LEAST_BITS

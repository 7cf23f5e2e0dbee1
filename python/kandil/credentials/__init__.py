"""Keys, in the system's keyring and nowhere else.

`Keys` is made once a run: `get` and `find` give a provider's key, `set` and `remove` change what is kept, `kept` says
what there is. Service ``kandil``, accounts ``api_key_<provider>`` and ``org_<provider>``.

- `keys`: that class. `keyring`: what it needs of a keyring. `desktop`: those of desktops, by an allow-list. `kernel`:
  Linux's own. `machine`: what kind of machine this is, and what it needs. `shape`: what can be a key, and whose.
"""

from kandil.credentials.keys import Kept, Keys
from kandil.credentials.shape import checked, is_odd, other_owner

__all__ = ["Kept", "Keys", "checked", "is_odd", "other_owner"]

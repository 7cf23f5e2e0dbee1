"""What a provider allows: taken before a call, settled after it, shared by all of this user's processes.

A `Limiter` (one per run) has a `Bucket` for each model that is asked and a `Breaker` for each server. Both live in
small files below the state folder, which may be lost without harm; where there can be none, in this process alone.
"""

from kandil.limits.breaker import Breaker, Circuit, health
from kandil.limits.bucket import Bucket, Limits, Reservation
from kandil.limits.limiter import Limiter

__all__ = ["Breaker", "Bucket", "Circuit", "Limiter", "Limits", "Reservation", "health"]

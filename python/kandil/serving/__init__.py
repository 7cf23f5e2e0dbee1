"""Who answers for a model: its provider, or a server that is started here for a file that was checked first."""

from kandil.serving.place import Place, listed_limits, place, target

__all__ = ["Place", "listed_limits", "place", "target"]

"""Many completions at once: as fast as limits allow, and nothing lost."""

"""From a model's name to a model you can trust and call."""

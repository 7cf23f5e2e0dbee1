"""Work that a model does for its user: answers, and what is built on them."""

"""Files from elsewhere, hashed while they come: what is there under its name is what was published."""

from kandil.download.remote import Remote

__all__ = ["Remote"]

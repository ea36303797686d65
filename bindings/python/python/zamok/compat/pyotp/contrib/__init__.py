"""pyotp's contributions."""

from .steam import Steam

__all__ = ["Steam"]

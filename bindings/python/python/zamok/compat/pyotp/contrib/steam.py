"""pyotp's Steam Guard codes, over the native engine."""

from __future__ import annotations

import hashlib

from .... import totp as native
from ..totp import TOTP

__all__ = ["STEAM_CHARS", "STEAM_DEFAULT_DIGITS", "Steam"]

STEAM_CHARS = "23456789BCDFGHJKMNPQRTVWXY"
STEAM_DEFAULT_DIGITS = 5


class Steam(TOTP):
    """Five characters every 30 seconds. ``interval`` and ``digits`` are there for pyotp's sake, which ignores them too."""

    def __init__(
        self,
        s: str,
        *,
        name: str | None = None,
        issuer: str | None = None,
        interval: int = 30,
        digits: int = 5,
        accept_weak: bool = False,
    ) -> None:
        if not 0 < interval <= 120:
            raise ValueError("interval must be positive and at most 120 seconds")
        super().__init__(s=s, digits=10, digest=hashlib.sha1, name=name, issuer=issuer, accept_weak=accept_weak)

    def generate_otp(self, input: int) -> str:
        """The code of a time step."""
        if input < 0:
            raise ValueError("input must be positive integer")
        wanted = (self.secret, "steam")
        if self._made is None or self._made[0] != wanted:
            self._made = (wanted, native.Steam(self._key_material()))
        key: native.Steam = self._made[1]
        return key.code_of_step(input)

"""pyotp's HOTP, over the native engine."""

from __future__ import annotations

import hashlib
from typing import Any

from ... import Rejected
from . import texts as utils
from .otp import OTP

__all__ = ["HOTP"]


class HOTP(OTP):
    """One-time passwords by counter (RFC 4226)."""

    def __init__(
        self,
        s: str,
        *,
        digits: int = 6,
        digest: Any = None,
        name: str | None = None,
        issuer: str | None = None,
        initial_count: int = 0,
        accept_weak: bool = False,
    ) -> None:
        self.initial_count = initial_count
        super().__init__(
            s=s, digits=digits, digest=digest or hashlib.sha1, name=name, issuer=issuer, accept_weak=accept_weak
        )

    def at(self, count: int) -> str:
        """The code of ``initial_count`` + ``count``."""
        return self.generate_otp(self.initial_count + count)

    def verify(self, otp: str, counter: int) -> bool:
        """Whether a code is that of ``initial_count`` + ``counter``. The caller has to count on."""
        if not self._is_native() or getattr(self.at, "__func__", None) is not _AT:
            return utils.compare_digest(str(otp).encode(errors="replace"), str(self.at(counter)).encode())
        step = self.initial_count + counter
        if step < 0:
            raise ValueError("input must be positive integer")
        try:
            self._engine().verify(str(otp), step)
        except (Rejected, OverflowError):
            # A counter has 64 bits (RFC 4226 §5.1): beyond them there is no code.
            return False
        return True

    def provisioning_uri(
        self,
        *,
        name: str | None = None,
        initial_count: int | None = None,
        issuer_name: str | None = None,
        **kwargs: Any,
    ) -> str:
        """The ``otpauth://`` URI for the owner's app. It holds the secret."""
        return utils.build_uri(
            self.secret,
            name=name or self.name,
            initial_count=self.initial_count if initial_count is None else initial_count,
            issuer=issuer_name or self.issuer,
            algorithm=self._hash().name,
            digits=self.digits,
            **kwargs,
        )


#: As it is before anybody patches it.
_AT = HOTP.at

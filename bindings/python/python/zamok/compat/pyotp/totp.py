"""pyotp's TOTP, over the native engine."""

from __future__ import annotations

import calendar
import datetime
import hashlib
import time
from typing import Any

from ... import Rejected
from . import texts as utils
from .exceptions import OTPVerificationError
from .otp import OTP

__all__ = ["TOTP"]

#: 10000-01-01T00:00:00Z, exclusive.
_LIMIT = 253402300800
_RANGE = "for_time must be at or after the Unix epoch and before year 10000 UTC"
#: The engine computes 128 codes at once.
_WIDEST = 63


class TOTP(OTP):
    """One-time passwords by time (RFC 6238)."""

    def __init__(
        self,
        s: str,
        *,
        digits: int = 6,
        digest: Any = None,
        name: str | None = None,
        issuer: str | None = None,
        interval: float = 30,
        accept_weak: bool = False,
    ) -> None:
        if not 0 < interval <= 120:
            raise ValueError("interval must be positive and at most 120 seconds")
        self.interval = interval
        super().__init__(
            s=s, digits=digits, digest=digest or hashlib.sha1, name=name, issuer=issuer, accept_weak=accept_weak
        )

    def at(self, for_time: int | float | datetime.datetime, *, counter_offset: int = 0) -> str:
        """The code of a moment, or ``counter_offset`` steps from it."""
        return self.generate_otp(self.timecode(for_time) + counter_offset)

    def now(self) -> str:
        """The code of now."""
        return self.generate_otp(self.timecode(time.time()))

    def verify(
        self, otp: str, *, for_time: int | float | datetime.datetime | None = None, valid_window: int | None = 0
    ) -> bool:
        """Whether a code is that of a step within ``valid_window`` of a moment. The caller has to keep it from being used again:
        see ``verify_and_get_timecode``, or better ``zamok.Vault``."""
        return self._look_up(otp, for_time, valid_window or 0) is not None

    def verify_and_get_timecode(
        self, otp: str, *, for_time: int | float | datetime.datetime | None = None, valid_window: int = 0
    ) -> int:
        """The step that a code belongs to: store it, and refuse every code whose step is not greater.

        Raises ``OTPVerificationError``.
        """
        if valid_window < 0:
            raise ValueError("valid_window cannot be negative")
        found = self._look_up(otp, for_time, valid_window)
        if found is None:
            raise OTPVerificationError("OTP verification failed")
        return found

    def _look_up(self, otp: str, for_time: int | float | datetime.datetime | None, valid_window: int) -> int | None:
        timecode = self.timecode(time.time() if for_time is None else for_time)
        if valid_window < 0:
            return None
        if valid_window > _WIDEST:
            raise ValueError(f"valid_window is at most {_WIDEST}")
        if timecode < valid_window:
            raise ValueError("input must be positive integer")
        return self._match(str(otp), timecode, valid_window)

    def _match(self, otp: str, timecode: int, window: int) -> int | None:
        if not self._is_native():
            # A subclass or a patch has codes of its own: all of the window are computed, and the last match counts.
            typed, found = otp.encode(errors="replace"), None
            for step in range(timecode - window, timecode + window + 1):
                if utils.compare_digest(typed, str(self.generate_otp(step)).encode()):
                    found = step
            return found
        try:
            # A window of steps is one of counters.
            return self._latest(otp, timecode - window, timecode + window)
        except (Rejected, OverflowError):
            # No step beyond 64 bits has a code.
            return None

    def _latest(self, otp: str, first: int, last: int) -> int:
        key = self._engine()
        found = key.verify(otp, first, look_ahead=last - first)
        # The engine names the first counter that matches; the same digits may come again.
        while found < last:
            try:
                found = key.verify(otp, found + 1, look_ahead=last - found - 1)
            except Rejected:
                break
        return found

    def provisioning_uri(self, *, name: str | None = None, issuer_name: str | None = None, **kwargs: Any) -> str:
        """The ``otpauth://`` URI for the owner's app. It holds the secret."""
        return utils.build_uri(
            self.secret,
            name or self.name,
            issuer=issuer_name or self.issuer,
            algorithm=self._hash().name,
            digits=self.digits,
            period=self.interval,
            **kwargs,
        )

    def timecode(self, for_time: int | float | datetime.datetime) -> int:
        """The step of a moment. A naive ``datetime`` is local time with its ``fold``, as in pyotp; ``zamok.totp`` refuses it."""
        timestamp: int | float
        if isinstance(for_time, datetime.datetime):
            try:
                if for_time.tzinfo:
                    timestamp = calendar.timegm(for_time.utctimetuple())
                else:
                    timestamp = for_time.replace(microsecond=0).timestamp()
            except (OverflowError, OSError, ValueError) as error:
                raise ValueError(_RANGE) from error
        else:
            timestamp = for_time
        if not 0 <= timestamp < _LIMIT:
            raise ValueError(_RANGE)
        return int(int(timestamp) / self.interval)

"""pyotp's interface (version 2.12) over Zamok's engine: ``import zamok.compat.pyotp as pyotp``.

Codes come from the native engine, and a window is checked in one call in constant time. pyotp's own test suite runs against this
package in CI. What differs, each for a security reason, is listed in ``DEVIATIONS``. From pyotp before 2.12 more changes than the import:
pyotp.md says what.

>>> import zamok.compat.pyotp as pyotp
>>> totp = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
>>> totp.at(59)
'287082'
>>> totp.verify("287082", for_time=89, valid_window=1)
True
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlparse

from . import contrib, hotp, otp, totp
from . import texts as utils
from .compat import random
from .exceptions import OTPVerificationError, PyOTPError
from .hotp import HOTP
from .otp import OTP
from .totp import TOTP

__all__ = [
    "DEVIATIONS",
    "HOTP",
    "OTP",
    "TOTP",
    "OTPVerificationError",
    "PyOTPError",
    "contrib",
    "hotp",
    "otp",
    "parse_uri",
    "random_base32",
    "random_hex",
    "totp",
    "utils",
]

# `import pyotp.utils` finds it as well.
sys.modules[f"{__name__}.utils"] = utils

DEVIATIONS: dict[str, str] = {
    "look-alike digits": "Full-width and other characters that NFKC turns into digits are refused: what a person sees typed, what is logged "
    "and what is compared are then the same, and no normalisation of hostile text runs before the check.",
    "wide windows": "A valid_window beyond 63 raises ValueError: a window of more than 127 codes is guessed into within days.",
    "the later of two steps": "Where two steps of a window have the same digits, verify_and_get_timecode returns the later one: whoever stores the "
    "returned timecode and refuses what is not greater has then spent both.",
    "other digests": "Digests other than SHA-1, SHA-256 and SHA-512 raise ValueError: RFC 6238 names no other, apps compute no other, and what "
    "cannot be checked against a vector is not computed.",
    "counters beyond 64 bits": "A counter of 2**64 or more has no code: at and generate_otp raise ValueError, verify is False. RFC 4226 §5.1 has eight "
    "bytes; pyotp takes nine and computes what no token shows.",
    "the inside of a code": "An int_to_bytestring that a subclass overrides is not asked: the engine computes a code as a whole, so that no secret "
    "passes through Python's HMAC. Override generate_otp instead, or HOTP.at, which are asked.",
}
"""What differs from pyotp, with the reason."""


def random_base32(length: int = 32, chars: Sequence[str] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") -> str:
    """A random secret of ``length`` base32 characters, at least 32 (160 bits)."""
    if length < 32:
        raise ValueError("Secrets should be at least 160 bits")
    return "".join(random.choice(chars) for _ in range(length))


def random_hex(length: int = 40, chars: Sequence[str] = "ABCDEF0123456789") -> str:
    """A random secret of ``length`` hexadecimal characters, at least 40 (160 bits)."""
    if length < 40:
        raise ValueError("Secrets should be at least 160 bits")
    return random_base32(length=length, chars=chars)


_DIGESTS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
#: What the constructors of other types take.
_FOREIGN: dict[type[OTP], frozenset[str]] = {
    TOTP: frozenset({"initial_count"}),
    HOTP: frozenset({"interval"}),
    contrib.Steam: frozenset({"initial_count", "digest"}),
}
_SINGLE = frozenset({"secret", "issuer", "algorithm", "encoder", "digits", "period", "counter"})


def parse_uri(uri: str, *, accept_weak: bool = False) -> OTP:
    """Reads a provisioning URI, as pyotp does, into a ``TOTP``, an ``HOTP`` or a ``contrib.Steam``.

    ``accept_weak`` is that of their constructors. Raises ``ValueError`` for anything else. ``zamok.OtpUri.parse`` reads more of what issuers write, and names what is wrong.
    """
    parsed = urlparse(uri)
    if parsed.scheme != "otpauth":
        raise ValueError("Not an otpauth URI")
    found: dict[str, Any] = {"accept_weak": accept_weak}
    # The separator is a literal colon; an encoded one belongs to the name.
    before, colon, after = parsed.path[1:].partition(":")
    if colon:
        found["issuer"], found["name"] = unquote(before), unquote(after)
    else:
        found["name"] = unquote(before)
    secret = encoder = digits = None
    seen: set[str] = set()
    for name, value in parse_qsl(parsed.query, keep_blank_values=True):
        if name in _SINGLE:
            if name in seen:
                raise ValueError(f"Duplicate {name} parameter")
            seen.add(name)
        if not value:
            continue
        match name:
            case "secret":
                secret = value
            case "issuer":
                if found.get("issuer") not in (None, value):
                    raise ValueError("If issuer is specified in both label and parameters, it should be equal.")
                found["issuer"] = value
            case "algorithm":
                if value not in _DIGESTS:
                    raise ValueError("Invalid value for algorithm, must be SHA1, SHA256 or SHA512")
                found["digest"] = _DIGESTS[value]
            case "encoder":
                encoder = value
            case "digits":
                found["digits"] = digits = int(value)
            case "period":
                found["interval"] = int(value)
            case "counter":
                found["initial_count"] = int(value)
    if encoder != "steam" and digits is not None and digits not in (6, 7, 8):
        raise ValueError("Digits may only be 6, 7, or 8")
    if not secret:
        raise ValueError("No secret found in URI")
    kinds: dict[str, type[OTP]] = {"totp": TOTP, "hotp": HOTP}
    kind = contrib.Steam if encoder == "steam" else kinds.get(parsed.netloc)
    if kind is None:
        raise ValueError("Not a supported OTP type")
    if foreign := found.keys() & _FOREIGN[kind]:
        raise ValueError(f"Parameters of another OTP type: {', '.join(sorted(foreign))}")
    return kind(secret, **found)

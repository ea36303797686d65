"""What pyotp keeps in `pyotp.utils`, under which name the package offers it: URIs, and a comparison of texts.

Codes are not compared here: the engine does that.
"""

from __future__ import annotations

import unicodedata
from hmac import compare_digest
from urllib.parse import quote, urlencode, urlparse

__all__ = ["build_uri", "compare_digest", "strings_equal"]

_LONGEST = 1024


def build_uri(
    secret: str,
    name: str,
    initial_count: int | None = None,
    issuer: str | None = None,
    algorithm: str | None = None,
    digits: int | None = None,
    period: float | None = None,
    **kwargs: str,
) -> str:
    """The ``otpauth://`` URI of a key: of an HOTP key where ``initial_count`` is given, else of a TOTP key."""
    parameters: dict[str, str | float] = {"secret": secret}
    label = quote(name)
    if issuer is not None:
        label = f"{quote(issuer)}:{label}"
        parameters["issuer"] = issuer
    if initial_count is not None:
        parameters["counter"] = initial_count
    # What is usual is left out.
    if algorithm is not None and algorithm != "sha1":
        parameters["algorithm"] = algorithm.upper()
    if digits is not None and digits != 6:
        parameters["digits"] = digits
    if period is not None and period != 30:
        parameters["period"] = period
    for key, value in kwargs.items():
        if not isinstance(value, str):
            raise TypeError("All otpauth uri parameters must be strings")
        if key == "image":
            image = urlparse(value)
            if image.scheme != "https" or not image.netloc or not image.path:
                raise ValueError(f"{image} is not a valid url")
        parameters[key] = value
    kind = "totp" if initial_count is None else "hotp"
    return f"otpauth://{kind}/{label}?{urlencode(parameters).replace('+', '%20')}"


def strings_equal(s1: str, s2: str) -> bool:
    """Whether two texts are the same after NFKC, compared without a timing difference; nothing beyond 1,024 characters is."""
    if len(s1) > _LONGEST or len(s2) > _LONGEST:
        return False
    one, two = (unicodedata.normalize("NFKC", text).encode("utf-8") for text in (s1, s2))
    return compare_digest(one, two)

"""The base of pyotp's handlers, over the native engine."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from ... import Secret
from ...hotp import Hotp

__all__ = ["OTP"]

_DIGEST = "selected digest function must generate digest size greater than or equals to 18 bytes"
_ALGORITHMS = {"sha1": "SHA1", "sha256": "SHA256", "sha512": "SHA512"}
#: The longest secret that the engine holds. HMAC hashes longer ones first (RFC 2104 §2).
_LONGEST = 128


class OTP:
    """A secret with its digits and digest. The attributes may be changed, as in pyotp; the key is then made anew."""

    secret: str
    digits: int
    digest: Any
    name: str
    issuer: str | None
    #: Whether the secret may have fewer than 112 bits, as pyotp before 2.12 took them. Not pyotp's.
    accept_weak: bool = False

    def __init__(
        self,
        s: str,
        *,
        digits: int = 6,
        digest: Any = hashlib.sha1,
        name: str | None = None,
        issuer: str | None = None,
        accept_weak: bool = False,
    ) -> None:
        self.accept_weak = accept_weak
        self.digits = digits
        if not 6 <= digits <= 10:
            raise ValueError("digits must be between 6 and 10")
        self.digest = digest
        if digest in (hashlib.md5, hashlib.shake_128):
            raise ValueError(_DIGEST)
        self.secret = s
        self.name = name or "Secret"
        self.issuer = issuer
        self._made: tuple[tuple[Any, ...], Any] | None = None
        self._algorithm()
        self.byte_secret()

    def __getstate__(self) -> dict[str, Any]:
        # The engine's key is made anew from the secret, and copied nowhere.
        return {**self.__dict__, "_made": None}

    def _hash(self, data: bytes = b"") -> Any:
        """A hash with the digest, which is what ``hmac`` takes: a name, a constructor, or a module that has ``new``."""
        digest = self.digest
        if isinstance(digest, str):
            return hashlib.new(digest, data)
        return digest(data) if callable(digest) else digest.new(data)

    def _algorithm(self) -> str:
        """The name that the engine has for the digest."""
        found = self._hash()
        if found.digest_size < 18:
            raise ValueError(_DIGEST)
        algorithm = _ALGORITHMS.get(getattr(found, "name", ""))
        if algorithm is None:
            raise ValueError("the digest must be SHA-1, SHA-256 or SHA-512 (RFC 6238 §1.2)")
        return algorithm

    def _key_material(self) -> Secret:
        raw = self.byte_secret()
        if len(raw) > _LONGEST:
            raw = self._hash(raw).digest()
        return Secret(raw, accept_weak=True)

    def _engine(self) -> Hotp:
        """The native key for the attributes as they are now."""
        wanted = (self.secret, self.digits, self.digest)
        if self._made is None or self._made[0] != wanted:
            self._made = (wanted, Hotp(self._key_material(), algorithm=self._algorithm(), digits=self.digits))
        key: Hotp = self._made[1]
        return key

    def _is_native(self) -> bool:
        """Whether codes are the engine's: no subclass and no patch, of the class or of this object, has others."""
        return getattr(self.generate_otp, "__func__", None) is _NATIVE

    def generate_otp(self, input: int) -> str:
        """The code of a counter, or of a time step."""
        if input < 0:
            raise ValueError("input must be positive integer")
        try:
            return self._engine().code(input)
        except OverflowError as error:
            raise ValueError("input must fit in 64 bits") from error

    def byte_secret(self) -> bytes:
        """The secret, decoded; at least 112 bits (NIST SP 800-63B), unless ``accept_weak`` names the risk."""
        secret = self.secret
        if missing := len(secret) % 8:
            secret += "=" * (8 - missing)
        decoded = base64.b32decode(secret, casefold=True)
        if len(decoded) < (1 if self.accept_weak else 14):
            raise ValueError("Secrets must be at least 112 bits after decoding")
        return decoded

    @staticmethod
    def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
        """A counter as the bytes that go into the HMAC: big-endian, at least ``padding`` of them."""
        return i.to_bytes(max(padding, (i.bit_length() + 7) // 8), "big")


#: As it is before anybody patches it.
_NATIVE = OTP.generate_otp

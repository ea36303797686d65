"""Challenge-response and signatures with one-time passwords (RFC 6287) without a vault.

>>> from zamok.ocra import Ocra
>>> key = Ocra(b"12345678901234567890", "OCRA-1:HOTP-SHA1-6:QN08")
>>> key.response("11111111")  # RFC 6287, appendix C.1
'243178'
>>> key.verify("243178", "11111111")
(None, None)
"""

from __future__ import annotations

from ._zamok import Ocra, OcraSuite

__all__ = ["Ocra", "OcraSuite"]

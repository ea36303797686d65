"""QR codes (ISO/IEC 18004) of provisioning URIs. Whoever sees one sees the secret.

>>> from zamok import qr
>>> picture = qr.terminal("otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
>>> len(picture.splitlines())
21
>>> qr.svg("otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").startswith("<?xml")
True
"""

from __future__ import annotations

from ._zamok import svg, terminal

__all__ = ["svg", "terminal"]

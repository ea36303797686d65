"""Counter-based one-time passwords (RFC 4226) without a vault.

The caller keeps the secret and the state.

>>> from zamok.hotp import Hotp, HotpState
>>> key = Hotp(b"12345678901234567890")
>>> key.code(1)  # RFC 4226, appendix D
'287082'
>>> checked = key.check("359152", state=HotpState(), look_ahead=10)
>>> checked.counter, checked.state.next
(2, 3)
"""

from __future__ import annotations

from ._zamok import Hotp, HotpChecked, HotpState
from ._zamok import hotp_uri as uri

__all__ = ["Hotp", "HotpChecked", "HotpState", "uri"]

"""Time-based one-time passwords (RFC 6238) without a vault, and Steam Guard codes.

The caller keeps the secret and the state. >>> marks what the documentation's own tests run.

>>> from zamok.totp import Totp, TotpState
>>> key = Totp(b"12345678901234567890")  # RFC 6238, appendix B
>>> key.code(1111111109)
'081804'
>>> checked = key.check("081804", 1111111109, state=TotpState())
>>> checked.accepted, checked.state  # store the state before anybody is let in
(True, TotpState(last_step=37037036, drift=0))
>>> key.check("081804", 1111111109, state=checked.state).accepted
False
"""

from __future__ import annotations

from ._zamok import Steam, Totp, TotpChecked, TotpState, verify_batch
from ._zamok import totp_uri as uri

__all__ = ["Steam", "Totp", "TotpChecked", "TotpState", "uri", "verify_batch"]

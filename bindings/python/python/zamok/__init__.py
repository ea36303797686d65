"""Zamok: one-time codes, accounts and keys in a vault. Secrets go in once, answers come out.

- ``zamok.totp``, ``zamok.hotp``, ``zamok.ocra``: codes without a vault, for callers who keep secrets and state themselves.
- ``Vault``: keys as handles; codes are spent, failures counted and everything journalled in one commit.
- ``Cabinet``: accounts, enrolment, logins, sessions, tokens and signed documents over a vault; ``Cabinet.operations``: what is confirmed
  as it was shown.
- ``Cabinet.factors``: second factors, codes by SMS and by e-mail among them. ``Outbox``: the messages that are to be sent.
- ``Cabinet.devices``: known devices, their PINs, keys and approvals. ``Cabinet.notices``: what a service tells its accounts.
- ``Vault.slots``: the ways into a vault; ``Credential``: keys, shares, PINs and tokens that open them. ``zamok.backup``: backups, checked and restored.
- ``zamok.journal``: proofs that are checked offline. ``zamok.qr``: QR codes. ``zamok.aio``: the same for asyncio.
- ``zamok.compat.pyotp``: pyotp's interface over the same engine.
- ``zamok.errors``: a class for every number of ``docs/errors.md``.

What Python cannot do: it cannot wipe ``str`` and ``bytes``. A passphrase, a password or an ``otpauth://`` URI that passed through
either stays in memory until that memory is used again. Hand secrets over in a ``bytearray`` and overwrite it, keep them in a
``Secret``, or best let the vault make them. Nothing here shows a secret in ``repr``; what reveals one has ``reveal``, ``provision`` or
``uri`` in its name.
"""

from __future__ import annotations

from . import backup, errors, hotp, journal, ocra, qr, totp
from ._zamok import (
    Account,
    Amount,
    Cabinet,
    Challenge,
    Confirmation,
    Content,
    Credential,
    Device,
    Devices,
    Enrolment,
    Factor,
    Factors,
    KeyInfo,
    ManualClock,
    Message,
    Method,
    News,
    Notices,
    Offer,
    Operation,
    Operations,
    OtpUri,
    Outbox,
    Preferences,
    Secret,
    Session,
    SignedDocument,
    SlotInfo,
    Slots,
    Vault,
    __version__,
    device_message,
    policy_text,
    verify_signature,
)
from .errors import Rejected, ZamokError

__all__ = [
    "Account",
    "Amount",
    "Cabinet",
    "Challenge",
    "Confirmation",
    "Content",
    "Credential",
    "Device",
    "Devices",
    "Enrolment",
    "Factor",
    "Factors",
    "KeyInfo",
    "ManualClock",
    "Message",
    "Method",
    "News",
    "Notices",
    "Offer",
    "Operation",
    "Operations",
    "OtpUri",
    "Outbox",
    "Preferences",
    "Rejected",
    "Secret",
    "Session",
    "SignedDocument",
    "SlotInfo",
    "Slots",
    "Vault",
    "ZamokError",
    "__version__",
    "backup",
    "device_message",
    "errors",
    "hotp",
    "journal",
    "ocra",
    "policy_text",
    "qr",
    "totp",
    "verify_signature",
]

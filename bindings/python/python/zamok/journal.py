"""The journal: what happened, and proofs of it that are checked offline (RFC 9162, C2SP tlog-proof)."""

from __future__ import annotations

from ._zamok import Entry, Proved, Report, verify_proof

__all__ = ["Entry", "Proved", "Report", "verify_proof"]

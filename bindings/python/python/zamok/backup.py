"""Backups: checked, and restored into a new store. ``Vault.backup`` and ``Vault.backup_split`` write them.

The calls take as long as the file is long, and let other threads run; in asyncio, hand them to ``asyncio.to_thread``.
"""

from __future__ import annotations

from ._zamok import Backup, Restored, check, restore

__all__ = ["Backup", "Restored", "check", "restore"]

"""Backups and slots from Python: what is written opens again, for whom it should (R28, R31, R35)."""

from __future__ import annotations

import collections
import contextlib
import gc
import os
import shutil
import sqlite3
import stat
import struct
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CHEAP, PASSPHRASE, PASSWORD, POLICY, House

from zamok import Cabinet, Credential, Rejected, Vault, backup, errors

AWAY = "a passphrase that is kept away"


def test_what_was_there_comes_back_and_what_came_later_is_said(house: House, tmp_path: Path) -> None:
    token = house.cabinet.vault.import_hotp(b"12345678901234567890", "token", counter=0)
    file = tmp_path / "bank.backup"
    made = house.cabinet.vault.backup(file, bytearray(AWAY.encode()), cost=CHEAP)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert backup.check(file, AWAY) == made and made.rows > 20 and made.shares is None
    with pytest.raises(errors.BackupFile):  # no file is written over
        house.cabinet.vault.backup(file, AWAY, cost=CHEAP)
    assert [entry.name for entry in tmp_path.glob(".zamok-*")] == []
    # A session and a spent code that the backup does not know of.
    spent = house.code()
    session = house.cabinet.log_in("ivan", PASSWORD, spent)

    url = f"sqlite:{tmp_path / 'new.db'}"
    with pytest.raises(Rejected):
        backup.restore(file, PASSPHRASE, url, "new", cost=CHEAP, clock=house.clock)
    assert not (tmp_path / "new.db").exists()
    with pytest.raises(errors.BackupNotEmpty):
        backup.restore(file, AWAY, house.url, PASSPHRASE, cost=CHEAP, clock=house.clock)
    restored = backup.restore(str(file), AWAY, url, "new", cost=CHEAP, clock=house.clock)
    assert (restored.backup, restored.fenced, restored.suspended, restored.resumed) == (made, 1, 1, 0)
    assert (restored.events, restored.whole, restored.lost) == (None, None, [])
    assert restored.unknown_since == made.made and restored.dropped >= 1
    assert restored.vault.key(token).state == "suspended" and restored.vault.origin != made.origin
    restored.vault.lock()
    with Cabinet.open(url, "new", clock=house.clock) as cabinet:
        assert cabinet.issuer == "Bank"
        with pytest.raises(errors.SessionEnded):
            cabinet.session(session.id)
        with pytest.raises(Rejected):
            cabinet.log_in("ivan", PASSWORD, spent)
        house.clock.advance(120)
        cabinet.log_in("ivan", PASSWORD, house.code())
        assert cabinet.audit().clean


def test_a_surviving_journal_is_done_again(house: House, tmp_path: Path) -> None:
    token = house.cabinet.vault.import_hotp(b"12345678901234567890", "token", counter=0)
    made = house.cabinet.vault.backup(tmp_path / "b", AWAY, cost=CHEAP)
    assert house.cabinet.vault.verify(token, "755224") == 0
    house.clock.advance(60)
    house.cabinet.vault.create_key("ed25519", "made since", purpose="request")
    house.cabinet.lock()
    url = f"sqlite:{tmp_path / 'new.db'}"
    with pytest.raises(Rejected):
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, journal=house.url, journal_passphrase="wrong")
    with pytest.raises(errors.SlotMethod):  # no slot there is opened by a key
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, journal=house.url, journal_key=bytes(32))
    with pytest.raises(TypeError):
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, journal_passphrase=PASSPHRASE)
    journal: dict[str, Any] = {"journal": house.url, "journal_passphrase": PASSPHRASE}
    # Nobody says that the journal is there to its end.
    away = f"sqlite:{tmp_path / 'unsure.db'}"
    unsure = backup.restore(tmp_path / "b", AWAY, away, "new", cost=CHEAP, clock=house.clock, **journal)
    assert unsure.whole is True and unsure.suspended == 1
    with pytest.raises(TypeError):
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, journal_is_whole=True)
    with pytest.raises(errors.AnchorMissing):
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, **journal, journal_anchor=tmp_path / "none")
    restored = backup.restore(
        tmp_path / "b", AWAY, url, "new", cost=CHEAP, clock=house.clock, **journal, journal_is_whole=True
    )
    assert restored.whole is True and restored.events is not None and restored.events >= 2
    assert restored.suspended == 0 and restored.unknown_since > made.made
    assert "key.created" in restored.lost
    with restored.vault as vault:
        # The counter goes on where the journal says.
        assert vault.key(token).state == "active"
        with pytest.raises(Rejected):
            vault.verify(token, "755224")
        assert vault.verify(token, "287082") == 1


def test_shares_open_a_backup_together(tmp_path: Path) -> None:
    with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault:
        vault.create_key("hmac", "receipts")
        for needed, shared in ((3, 2), (2, 256), (256, 300), (-1, 3)):
            with pytest.raises(errors.ShareSplit):
                vault.backup_split(tmp_path / "b", needed=needed, made=shared)
        made, shares = vault.backup_split(tmp_path / "b", needed=2, made=3)
    assert made.shares == 2 and len(shares) == 3
    with pytest.raises(errors.ShareFew):
        backup.check(tmp_path / "b", shares[:1])
    with pytest.raises(errors.ShareTwice):
        backup.check(tmp_path / "b", [shares[0], shares[0]])
    assert backup.check(tmp_path / "b", shares[1:]) == made
    for several in (collections.deque(shares[1:]), collections.UserList(shares[1:])):
        assert backup.check(tmp_path / "b", several) == made
    assert backup.check(tmp_path / "b", f"# of anna\n{shares[0].lower()}\n{shares[2]}") == made
    with backup.restore(tmp_path / "b", (shares[0], shares[2]), "memory:", key=bytes(32)).vault as vault:
        assert [key.label for key in vault.keys("receipts")] == ["receipts"]


def test_a_file_that_was_cut_or_altered_restores_nothing(tmp_path: Path) -> None:
    with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault:
        vault.backup(tmp_path / "b", AWAY, cost=CHEAP)
    whole = (tmp_path / "b").read_bytes()
    for broken in (b"", whole[:50], whole[:-1], whole + b"x", whole[:-20] + b"x" + whole[-19:], b"x" * len(whole)):
        (tmp_path / "broken").write_bytes(broken)
        # The first piece does not tell another key from other bytes.
        with pytest.raises((errors.BackupError, errors.Format, Rejected)):
            backup.check(tmp_path / "broken", AWAY)
        with pytest.raises((errors.BackupError, errors.Format, Rejected)):
            backup.restore(tmp_path / "broken", AWAY, f"sqlite:{tmp_path / 'new.db'}", "new", cost=CHEAP)
        assert not (tmp_path / "new.db").exists()
    with pytest.raises(errors.BackupFile):
        backup.check(tmp_path / "nothing", AWAY)


def test_slots_let_in_whom_they_say(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    with Vault.create(url, PASSPHRASE, cost=CHEAP) as user:
        assert [(slot.number, slot.role) for slot in user.slots.all()] == [(0, "officer"), (1, "user")]
        with pytest.raises(errors.Role):
            user.slots.add("auditor", "the auditor's", cost=CHEAP)
        with pytest.raises(errors.Role):
            user.slots.remove(0)
        user.slots.change(1, key=bytes(32), label="the service")
    with Vault.open(url, PASSPHRASE, role="officer") as officer:
        number = officer.slots.add("auditor", "the auditor's", label="audit", cost=CHEAP)
        assert number == 2
        with pytest.raises(ValueError, match="the role is"):
            officer.slots.add("king", "p", cost=CHEAP)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            officer.slots.add("user")
        with pytest.raises(errors.TooLong):
            officer.slots.add("user", "p", label="x" * 65, cost=CHEAP)
        with Vault.open(url, "the auditor's", role="auditor") as auditor:
            assert auditor.role == "auditor"
            with pytest.raises(errors.Role):
                auditor.create_key("hmac", "k")
            with pytest.raises(errors.Role):
                auditor.slots.change(number, "mine", cost=CHEAP)
        for none in (256, 256 + number):
            with pytest.raises(errors.NoSlot):
                officer.slots.remove(none)
            with pytest.raises(errors.NoSlot):
                Vault.open(url, PASSPHRASE, slot=none)
        officer.slots.change(number, bytearray(b"another one"), cost=CHEAP)
        with pytest.raises(Rejected):
            Vault.open(url, "the auditor's", role="auditor")
        found = officer.slots.all()
        assert [(slot.role, slot.method, slot.label) for slot in found[1:]] == [
            ("user", "key", "the service"),
            ("auditor", "passphrase", "audit"),
        ]
        assert (found[2].failures, found[2].disabled) == (1, False)
        officer.slots.reset(number)
        assert officer.slots.all()[2].failures == 0
        officer.slots.remove(number)
        with pytest.raises(errors.NoSlot):
            officer.slots.change(number, "p", cost=CHEAP)
        with pytest.raises(errors.LastSlot):
            officer.slots.remove(0)
    with Vault.open(url, key=bytes(32)) as user:
        assert user.role == "user"


def test_slots_that_shares_keys_and_pins_open(tmp_path: Path) -> None:
    url, key, secret = f"sqlite:{tmp_path / 'v.db'}", bytes(range(32)), bytes(range(32, 64))
    with Vault.create(url, Credential.key(bytearray(key))) as vault:
        with pytest.raises(errors.Role):
            vault.slots.add_split("user", needed=2, made=3)
    with Vault.open(url, key=key, role="officer") as officer:
        for needed, made in ((1, 3), (3, 2), (2, 256), (256, 300), (-1, 3)):
            with pytest.raises(errors.ShareSplit):
                officer.slots.add_split("user", needed=needed, made=made)
            with pytest.raises(errors.ShareSplit):
                officer.slots.change_split(1, needed=needed, made=made)
        assert len(officer.slots.all()) == 2
        number, shares = officer.slots.add_split("user", needed=2, made=3, label="the board")
        pin = officer.slots.add("user", Credential.pin("135790", secret), label="the till", cost=CHEAP)
        word = officer.slots.add("user", "the first", cost=CHEAP)
        other = officer.slots.add("user", "the second", cost=CHEAP)
        assert [(slot.number, slot.method, slot.label) for slot in officer.slots.all()[2:]] == [
            (number, "shares", "the board"),
            (pin, "PIN and device secret", "the till"),
            (word, "passphrase", ""),
            (other, "passphrase", ""),
        ]
        assert len(shares) == 3
    for credential in (
        Credential.shares(shares[1:]),
        Credential.shares("\n".join(["# of anna", shares[2], shares[0]])),
        Credential.pin(bytearray(b"135790"), secret),
        "the first",
    ):
        with Vault.open(url, credential) as vault:
            assert vault.role == "user"
        assert "redacted" in repr(credential) or credential == "the first"
    # Of two passphrases the first slot is tried, unless the other is named.
    with pytest.raises(Rejected):
        Vault.open(url, "the second")
    Vault.open(url, "the second", slot=other).lock()
    with pytest.raises(errors.SlotMethod):
        Vault.open(url, "the second", slot=pin)
    with pytest.raises(errors.NoSlot):
        Vault.open(url, "the second", slot=200)
    for wrong in (Credential.pin("135791", secret), Credential.pin("135790", key)):
        with pytest.raises(Rejected):
            Vault.open(url, wrong)
    with pytest.raises(errors.ShareFew):
        Credential.shares(shares[:1])
    with pytest.raises(errors.ShareTwice):
        Credential.shares([shares[0], shares[0]])
    with pytest.raises(errors.ShareError):
        Credential.shares(["no share"])
    for misuse in (1, b"\xff", [b"a share"]):
        with pytest.raises(TypeError):
            Credential.shares(misuse)  # type: ignore[arg-type]
    for short in (Credential.key, lambda key: Credential.pin("135790", key)):
        with pytest.raises(errors.TooLong):
            short(b"short")
    with Vault.open(url, key=key, role="officer") as officer:
        renewed = officer.slots.change_split(number, needed=3, made=4)
        assert officer.slots.all()[2].label == "the board"
    with pytest.raises(Rejected):
        Vault.open(url, Credential.shares(shares))
    Vault.open(url, Credential.shares(renewed[1:])).lock()


def test_a_cabinet_opens_with_shares(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'bank.db'}"
    with Cabinet.create(url, Credential.key(bytes(32)), issuer="Bank", policy=POLICY):
        pass
    with Vault.open(url, key=bytes(32), role="officer") as officer:
        number, shares = officer.slots.add_split("user", needed=2, made=2)
    with Cabinet.open(url, Credential.shares(tuple(shares)), slot=number) as bank:
        assert bank.issuer == "Bank"
    with backup.restore(backed_up(tmp_path, url), AWAY, "memory:", Credential.pin("1", bytes(32)), cost=CHEAP).vault as vault:
        assert [slot.method for slot in vault.slots.all()] == ["PIN and device secret"] * 2


def backed_up(folder: Path, url: str) -> Path:
    with Vault.open(url, key=bytes(32)) as vault:
        vault.backup(folder / "b", AWAY, cost=CHEAP)
    return folder / "b"


def test_shares_are_kept_before_a_slot_has_them(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    Vault.create(url, PASSPHRASE, cost=CHEAP).lock()
    with Vault.open(url, PASSPHRASE, role="officer") as officer:
        slots = officer.slots
        for needed, made in ((3, 2), (2, 256)):
            with pytest.raises(errors.ShareSplit):
                slots.new_shares(needed=needed, made=made)
        credential, texts = slots.new_shares(needed=2, made=3)
        with pytest.raises(errors.SlotMethod):  # they open nothing yet
            Vault.open(url, Credential.shares(texts[:2]))
        number = slots.add("user", credential, label="the board")
        second, more = slots.new_shares(needed=2, made=2)
        Vault.open(url, Credential.shares(texts[1:])).lock()
        slots.change(number, second)
        assert [slot.method for slot in slots.all()] == ["passphrase", "passphrase", "shares"]
    with pytest.raises(Rejected):
        Vault.open(url, Credential.shares(texts[:2]))
    Vault.open(url, Credential.shares(more)).lock()


def test_an_anchor_that_cannot_be_written_costs_no_report(tmp_path: Path) -> None:
    anchor, url = tmp_path / "anchor", f"sqlite:{tmp_path / 'new.db'}"
    with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault:
        made = vault.backup(tmp_path / "b", AWAY, cost=CHEAP)
    (tmp_path / "anchor.lock").mkdir()  # nobody takes a turn at it then
    restored = backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, anchor=anchor)
    assert isinstance(restored.anchor_error, errors.StoreUnavailable) and "not anchored" in repr(restored)
    assert restored.backup == made and restored.unknown_since == made.made and not restored.vault.locked
    restored.vault.lock()
    # It asks for no anchor that knows nothing of it; with one that can be written it is anchored.
    Vault.open(url, "new").lock()
    (tmp_path / "anchor.lock").rmdir()
    with Vault.open(url, "new", anchor=anchor) as opened:
        assert opened.checkpoint() == anchor.read_text()


def test_a_restored_vault_begins_an_anchor_of_its_own(tmp_path: Path) -> None:
    old, new, url = tmp_path / "old.anchor", tmp_path / "new.anchor", f"sqlite:{tmp_path / 'new.db'}"
    with Vault.create(f"sqlite:{tmp_path / 'v.db'}", PASSPHRASE, cost=CHEAP, anchor=old) as vault:
        vault.backup(tmp_path / "b", AWAY, cost=CHEAP)
    with pytest.raises(FileExistsError):
        backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, anchor=old)
    restored_to = backup.restore(tmp_path / "b", AWAY, url, "new", cost=CHEAP, anchor=new)
    assert restored_to.anchor_error is None and "anchor" not in repr(restored_to)
    restored_to.vault.lock()
    with pytest.raises(errors.AnchorMissing):
        Vault.open(url, "new")
    with pytest.raises(errors.LogForked):
        Vault.open(url, "new", anchor=old)
    with Vault.open(url, "new", anchor=new) as restored:
        assert restored.checkpoint() == new.read_text()


def test_an_anchor_error_that_was_raised_holds_no_vault_open(tmp_path: Path) -> None:
    with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault:
        vault.backup(tmp_path / "b", AWAY, cost=CHEAP)
    (tmp_path / "anchor.lock").mkdir()

    def restore() -> weakref.ref[Exception]:
        file, url = tmp_path / "b", f"sqlite:{tmp_path / 'new.db'}"
        try:
            restored = backup.restore(file, AWAY, url, "new", cost=CHEAP, anchor=tmp_path / "anchor")
            assert restored.anchor_error is not None
            raise restored.anchor_error
        except errors.StoreError as error:
            return weakref.ref(error)

    raised = restore()
    gc.collect()
    assert raised() is None


def test_a_guess_costs_what_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "v.db"
    url = f"sqlite:{file}"
    Vault.create(url, PASSPHRASE, cost=(128, 2, 1)).lock()
    officer = Vault.open(url, PASSPHRASE, role="officer")
    officer.slots.add("user", "another one", cost=(96, 5, 2))
    officer.slots.change(1, "a third one", cost=(80, 3, 1))
    del officer  # closed: another SQLite in this process may look now
    with contextlib.closing(sqlite3.connect(file)) as rows:
        found = rows.execute("SELECT key, value FROM rows WHERE tbl = 1").fetchall()
    costs = {key[5]: struct.unpack(">III", value[25:37]) for key, value in found if key.startswith(b"slot/")}
    assert costs == {0: (128, 2, 1), 1: (80, 3, 1), 2: (96, 5, 2)}  # docs/formats/slot.md


@contextlib.contextmanager
def whom_modes_bind(folder: Path) -> Iterator[None]:
    """Root reads every folder: for a while somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_backup_that_fails_at_its_end_leaves_no_file_that_nobody_opens() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o300)
        with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault, whom_modes_bind(folder):
            with pytest.raises(errors.BackupFile):
                vault.backup_split(folder / "b", needed=2, made=3)
        assert not (folder / "b").exists()
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)

"""Nothing that holds a secret or a handle shows it, is copied or is pickled (R35)."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CHEAP, PASSPHRASE, PASSWORD, ROOT, House

import zamok
from zamok import Credential, OtpUri, Outbox, Secret, Vault, errors
from zamok.hotp import Hotp
from zamok.ocra import Ocra
from zamok.totp import Steam, Totp

RAW = b"the secret itself..."


def holders(house: House) -> Iterator[tuple[str, Any]]:
    yield "secret", Secret(RAW)
    yield "totp", Totp(RAW)
    yield "hotp", Hotp(RAW)
    yield "steam", Steam(RAW)
    yield "ocra", Ocra(RAW, "OCRA-1:HOTP-SHA1-6:QN08")
    yield "uri", OtpUri.parse(zamok.totp.uri(RAW, "anna"))
    yield "cabinet", house.cabinet
    yield "clock", house.clock
    yield "operations", house.cabinet.operations
    yield "beneath", house.cabinet.vault
    yield "slots", house.cabinet.vault.slots
    yield "factors", house.cabinet.factors
    yield "devices", house.cabinet.devices
    yield "notices", house.cabinet.notices
    yield "credential", Credential.pin("135790", RAW.ljust(32))
    outbox = Outbox(house.cabinet)
    yield "outbox", outbox
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    house.cabinet.factors.offer_channel(house.cabinet.factors.begin(session), "+79161234567")
    message = outbox.take()
    assert message is not None
    yield "message", message
    house.cabinet.register("anna", PASSWORD)
    enrolment = house.cabinet.begin_enrolment("anna", PASSWORD)
    yield "enrolment", enrolment
    yield "offer", house.cabinet.offer_generator(enrolment)
    with Vault.create("memory:", PASSPHRASE, cost=CHEAP) as vault:
        yield "vault", vault


def test_what_holds_a_secret_is_neither_copied_nor_pickled_nor_shown(house: House) -> None:
    seen = 0
    for name, holder in holders(house):
        seen += 1
        for shown in (repr(holder), str(holder), f"{holder}", f"{holder!a}"):
            assert "the secret" not in shown and RAW.hex() not in shown and Secret(RAW).reveal_base32() not in shown, (
                name
            )
            assert PASSWORD not in shown and PASSPHRASE not in shown, name
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="neither copied nor pickled"):
                pickle.dumps(holder, protocol)
        for refused in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="neither copied nor pickled"):
                refused(holder)
        with pytest.raises(TypeError):
            pickle.Pickler(io.BytesIO()).dump([holder])
        assert not hasattr(holder, "__dict__"), name
    assert seen == 20


def test_classes_cannot_be_made_past_their_constructors() -> None:
    for sealed in (
        zamok.Session,
        zamok.Offer,
        zamok.Cabinet,
        zamok.Vault,
        zamok.KeyInfo,
        zamok.SignedDocument,
        zamok.Operation,
        zamok.Operations,
        zamok.Slots,
        zamok.Credential,
        zamok.Factors,
        zamok.Factor,
        zamok.Method,
        zamok.Message,
        zamok.SlotInfo,
        zamok.backup.Restored,
    ):
        with pytest.raises(TypeError):
            sealed()
        with pytest.raises(TypeError):
            sealed.__new__(sealed)
        with pytest.raises(TypeError):
            type("Derived", (sealed,), {})


def test_a_drawn_secret_is_new_each_time() -> None:
    drawn = {Secret.random().reveal() for _ in range(50)}
    assert len(drawn) == 50 and all(len(secret) == 20 for secret in drawn)
    with pytest.raises(errors.SecretTooShort):
        Secret.random(15)
    with pytest.raises(errors.SecretTooLong):
        Secret.random(2**40)


def test_every_number_of_the_table_has_its_class() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    listed = {int(code): re.sub(r"\W", "", name) for code, name in re.findall(r"^\| (\d+) \| `([^`]+)` \|", page, re.M)}
    cabinet = (ROOT / "crates" / "cabinet" / "src" / "error.rs").read_text()
    listed |= {int(code): name for name, code in re.findall(r"Self::(\w+)[^=\n]* => (6\d\d),", cabinet)}
    # Numbers from 700 on are those of functions that Python has not: files of other programs, pointers.
    wanted = {code: name for code, name in listed.items() if code < 700}
    assert len(wanted) > 130
    ours = {code: found.__name__ for code, found in errors.BY_CODE.items()}
    assert ours == wanted, "docs/errors.md and python/zamok/errors.py differ: add or rename a class there"
    for found in errors.BY_CODE.values():
        assert getattr(errors, found.__name__) is found and issubclass(found, errors.ZamokError) and found.__doc__
    misuse = [found for code, found in errors.BY_CODE.items() if 200 <= code < 300]
    assert all(issubclass(found, ValueError) for found in misuse)


def test_a_buffer_is_free_again_after_the_call(tmp_path: Path) -> None:
    with Vault.create(f"sqlite:{tmp_path / 'v.db'}", PASSPHRASE, cost=CHEAP) as vault:
        key = vault.create_key("hmac", "receipts")
        data = bytearray(b"x" * 100_000)
        version, tag = vault.mac(key, data)
        # The buffer is free again: it could not grow while it was exported.
        data.extend(b"y")
        vault.check_mac(key, memoryview(data)[:-1].toreadonly(), version, tag)


def test_no_error_carries_a_text_that_may_be_a_secret() -> None:
    text = "six random words\udcff"
    for call in (
        lambda: Vault.open("memory:", text),
        lambda: Secret.from_base32(text),
        lambda: Totp.from_base32(text),
        lambda: OtpUri.parse(f"otpauth://totp/a?secret={text}"),
        lambda: Credential.shares([text]),
        lambda: Credential.shares(text),
        lambda: Credential.pin(text, bytes(32)),
        lambda: Credential.token(f"pkcs11:object=a?pin-value={text}"),
        lambda: zamok.Challenge(text),
        lambda: zamok.Enrolment(text),
        lambda: zamok.qr.svg(text),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert "random" not in repr(caught.value) and not isinstance(caught.value, UnicodeError)

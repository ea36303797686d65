"""Known devices, from Python: their PINs, keys and approvals; a phone alone; notices; a slot whose key is in a token (R9, R10, R11, R21, R59, R60)."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import CHEAP, NOW, PASSPHRASE, PASSWORD, POLICY, House
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import zamok
from zamok import Cabinet, Challenge, Credential, Enrolment, ManualClock, Outbox, Preferences, Rejected, Vault, aio, errors
from zamok import device_message as to_sign

PHONE = "+79161234567"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@dataclass
class Key:
    """A key that a device made, with the package `cryptography`."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls) -> Key:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def point(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(SHA256()))


def text_of(signature: bytes) -> str:
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def fresh(house: House) -> zamok.Session:
    return house.cabinet.log_in("ivan", PASSWORD, house.code())


def test_devices_are_known_listed_blocked_and_forgotten(house: House) -> None:
    bank = house.cabinet
    session = fresh(house)
    assert bank.devices.all(session) == []
    with pytest.raises(errors.TooLong):
        bank.devices.trust(session, "x" * 129)
    token = bank.devices.trust(session, "Ivan's laptop")
    (device,) = bank.devices.all(session)
    assert (device.label, device.state, device.trusted) == ("Ivan's laptop", "trusted", house.clock.now)
    assert device.id in token and device.trusted <= device.last_login < device.expires
    for unknown in ("00" * 16, "no id", device.id[:-1]):
        with pytest.raises(errors.DeviceUnknown):
            bank.devices.block(session, unknown)
    bank.devices.block(session, device.id)
    with pytest.raises(errors.SessionEnded):  # it was trusted in it
        bank.devices.all(session)
    session = fresh(house)
    assert [found.state for found in bank.devices.all(session)] == ["blocked"]
    with pytest.raises(errors.DeviceUnknown):
        bank.devices.block(session, device.id)
    bank.devices.remove(session, device.id)
    assert bank.devices.all(session) == []
    house.clock.advance(3600)
    with pytest.raises((errors.FreshAuthenticationNeeded, errors.SessionEnded)):
        bank.devices.trust(session, "late")


def test_a_certificate_signs_its_test_and_each_login(house: House) -> None:
    bank, key = house.cabinet, Key.made()
    session = fresh(house)
    enrolment = bank.factors.begin(session)
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    for unusable in (b"", key.public[:-1], key.point, other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(errors.PublicKeyUnusable):
            bank.devices.offer_certificate(enrolment, unusable, "laptop")
    bank.devices.offer_certificate(enrolment, key.public, "laptop")
    question = bank.devices.question(enrolment)
    assert len(question) == 85 and to_sign("sign", question).startswith(b"zamok/device/v1\x01")
    with pytest.raises(Rejected):
        bank.devices.number(enrolment)
    with pytest.raises(Rejected):
        bank.factors.confirm(enrolment, text_of(Key.made().sign(to_sign("sign", question))))
    bank.factors.confirm(enrolment, text_of(key.sign(to_sign("sign", question))))

    begun = bank.begin_login("ivan", PASSWORD)
    assert isinstance(begun, Challenge)
    certificate = next(method for method in bank.factors.methods(begun) if method.by == "certificate")
    challenge = bank.factors.switch(begun, certificate.factor) if begun.by != "certificate" else begun
    signed = key.sign(to_sign("sign", bank.devices.question(challenge)))
    with pytest.raises(Rejected):  # an approval is no signature of presence
        bank.answer(challenge, text_of(key.sign(to_sign("approve", bank.devices.question(challenge)))))
    session = bank.answer(challenge, text_of(signed))
    assert session.evidence == ["password", "certificate"]
    with pytest.raises(Rejected):
        bank.answer(challenge, text_of(signed))
    with pytest.raises(Rejected):
        bank.devices.question(challenge)
    with pytest.raises(TypeError, match="a Challenge or an Enrolment"):
        bank.devices.question("challenge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a device answers"):
        to_sign("agree", question)  # type: ignore[arg-type]


@dataclass
class Pushed:
    """A house in which ivan approves on his telephone."""

    house: House
    outbox: Outbox
    key: Key
    token: str

    def request(self) -> bytes:
        """What the telephone is asked, of the one request that is due."""
        asked = []
        for message in self.outbox:
            if message.channel == "push" and message.urgent:
                assert message.push_keys is not None and message.address == "https://push.example/1"
                asked.append(bytes.fromhex(json.loads(message.text)["request"]))
            self.outbox.sent(message, carrier="push")
        assert len(asked) == 1
        return asked[0]

    def begin(self) -> Challenge:
        self.house.clock.advance(60)
        bank = self.house.cabinet
        begun = bank.begin_login("ivan", PASSWORD, client="Firefox on Linux", by="push", address="2001:db8::7")
        assert isinstance(begun, Challenge) and begun.by == "push"
        return begun


@pytest.fixture
def pushed(house: House) -> Pushed:
    bank, key, place = house.cabinet, Key.made(), Key.made()
    outbox, session = Outbox(bank), fresh(house)
    with pytest.raises(errors.DeviceUnknown):
        bank.devices.subscribe(session, "https://push.example/1", place.point, bytes(16))
    token = bank.devices.trust(session, "telephone")
    (device,) = bank.devices.all(session)
    for endpoint, point, secret in (
        ("http://push.example/1", place.point, bytes(16)),
        ("https://push.example/1", place.point[1:], bytes(16)),
        ("https://push.example/1", place.point, bytes(15)),
    ):
        with pytest.raises(errors.SubscriptionUnusable):
            bank.devices.subscribe(session, endpoint, point, secret)
    bank.devices.subscribe(session, "https://push.example/1", place.point, bytearray(range(16)))
    enrolment = bank.factors.begin(session)
    with pytest.raises(errors.DeviceUnknown):
        bank.devices.offer_push(enrolment, "00" * 16, key.public, "telephone")
    bank.devices.offer_push(enrolment, device.id, key.public, "telephone")
    there = Pushed(house, outbox, key, token)
    request, number = there.request(), bank.devices.number(enrolment)
    with pytest.raises(errors.ApprovalPending):
        bank.factors.confirm(enrolment, "")
    bank.devices.approve(request, number, key.sign(to_sign("approve", request, number)))
    bank.factors.confirm(enrolment, "")
    return there


def test_a_device_approves_with_the_number_that_is_shown(pushed: Pushed) -> None:
    bank, key = pushed.house.cabinet, pushed.key
    challenge = pushed.begin()
    request, number = pushed.request(), bank.devices.number(challenge)
    with pytest.raises(errors.ApprovalPending):
        bank.answer(challenge, "")
    for signature in (b"", Key.made().sign(to_sign("approve", request, number)), key.sign(to_sign("sign", request, number))):
        with pytest.raises(Rejected):
            bank.devices.approve(request, number, signature)
    bank.devices.approve(request, number, key.sign(to_sign("approve", request, number)))
    assert bank.answer(challenge, "").evidence == ["password", "push"]
    with pytest.raises(Rejected):
        bank.devices.approve(request, number, key.sign(to_sign("approve", request, number)))


def test_a_wrong_number_or_a_refusal_ends_what_was_asked(pushed: Pushed) -> None:
    bank, key = pushed.house.cabinet, pushed.key
    challenge = pushed.begin()
    request, number = pushed.request(), bank.devices.number(challenge)
    wrong = f"{(int(number) + 1) % 10 ** len(number):0{len(number)}}"
    with pytest.raises(Rejected):
        bank.devices.approve(request, wrong, key.sign(to_sign("approve", request, wrong)))
    with pytest.raises(Rejected):  # the right one comes too late
        bank.devices.approve(request, number, key.sign(to_sign("approve", request, number)))
    with pytest.raises(Rejected):
        bank.answer(challenge, "")
    challenge = pushed.begin()
    request = pushed.request()
    with pytest.raises(Rejected):
        bank.devices.decline(request, key.sign(to_sign("approve", request)))
    bank.devices.decline(request, key.sign(to_sign("decline", request)))
    with pytest.raises(Rejected):
        bank.answer(challenge, "")
    assert any(message.kind == "approval declined" for message in pushed.outbox)


def test_a_pin_counts_on_its_device_alone(house: House) -> None:
    bank, session = house.cabinet, fresh(house)
    with pytest.raises(Rejected):
        bank.devices.begin_login("zamok-device-")
    with pytest.raises(errors.DeviceUnknown):
        bank.devices.offer_pin(session, bank.factors.begin(session), "907215")
    token = bank.devices.trust(session, "telephone")
    with pytest.raises(Rejected):  # it has no PIN yet
        bank.devices.begin_login(token)
    enrolment = bank.factors.begin(session)
    with pytest.raises(errors.PinUnusable):
        bank.devices.offer_pin(session, enrolment, "123456")
    bank.devices.offer_pin(session, enrolment, "907215")
    with pytest.raises(Rejected):
        bank.factors.confirm(enrolment, "907216")
    bank.factors.confirm(enrolment, "907215")
    challenge = bank.devices.begin_login(token, client="the bank's app")
    assert challenge.by == "PIN"
    with pytest.raises(Rejected):
        bank.answer(challenge, "907216")
    session = bank.answer(challenge, "907215")
    assert (session.evidence, session.client) == (["known device", "PIN"], "the bank's app")


def test_a_phone_alone_lets_in_where_policy_says_so(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    policy = POLICY + "[contact]\nlogin = true\n"
    with Cabinet.create("memory:", PASSPHRASE, issuer="Bank", policy=policy, cost=CHEAP, clock=clock) as bank:
        outbox = Outbox(bank, domain="bank.example")
        bank.register("ivan", PASSWORD)
        enrolment = bank.begin_login("ivan", PASSWORD)
        assert isinstance(enrolment, Enrolment)
        bank.factors.offer_channel(enrolment, PHONE)
        sent = [message.text.split("#")[-1] for message in outbox]
        bank.factors.confirm(enrolment, sent[0])
        clock.advance(120)
        nobody, challenge = bank.begin_login_by_phone("+79160000000"), bank.begin_login_by_phone(PHONE, client="app")
        assert nobody.by == challenge.by == "SMS" and nobody.expires == challenge.expires
        codes = [message.text.split("#")[-1] for message in outbox if message.kind == "login code"]
        assert len(codes) == 1
        with pytest.raises(Rejected):
            bank.answer(nobody, codes[0])
        session = bank.answer(challenge, codes[0])
        assert (session.evidence, session.assurance) == (["SMS"], "low")
        with pytest.raises(errors.ContactUnusable):
            bank.begin_login_by_phone("ivan@example.org")
        with pytest.raises(ValueError, match="no network address"):
            bank.begin_login_by_phone(PHONE, address="nowhere")
        with pytest.raises(errors.MethodUnavailable):
            bank.begin_login("ivan", PASSWORD, by="pigeon")


def test_no_phone_alone_lets_in_where_policy_does_not(house: House) -> None:
    with pytest.raises(errors.NotAllowed):
        house.cabinet.begin_login_by_phone(PHONE)


def test_what_an_account_is_told(house: House) -> None:
    bank, session = house.cabinet, fresh(house)
    outbox = Outbox(bank)
    enrolment = bank.factors.begin(session)
    bank.factors.offer_contact(enrolment, PHONE)
    code = next(message.text for message in outbox if message.urgent)
    bank.factors.confirm(enrolment, next(word.strip(".") for word in code.split() if word.strip(".").isdigit()))
    for message in outbox:
        outbox.sent(message, carrier="own")
    session = fresh(house)
    with pytest.raises(Rejected):
        bank.notices.send("nobody", "Pay 5")
    with pytest.raises(errors.NoticeUnusable):
        bank.notices.send("ivan", "")
    with pytest.raises(errors.NoticeUnusable):
        bank.notices.send("ivan", "Pay 5", link="http://bank.example")
    with pytest.raises(errors.TooLong):
        bank.notices.send("ivan", "x" * 4097)
    with pytest.raises(ValueError, match="a category is"):
        bank.notices.send("ivan", "Pay 5", category="spam")  # type: ignore[arg-type]
    house.clock.advance(1)
    told = bank.notices.send(
        "ivan", "Pay 5", title="A bill", category="payment", urgent=True, link="https://bank.example/5", language="en"
    )
    house.clock.advance(1)
    bank.notices.send("ivan", "Good morning", category="news")
    (payment,) = bank.notices.feed(session, categories=["payment"])
    assert (payment.id, payment.kind, payment.category, payment.urgent) == (told, "notice", "payment", True)
    assert payment.fields == {"title": "A bill", "text": "Pay 5", "link": "https://bank.example/5"}
    assert "Pay 5" not in repr(payment)
    everything = bank.notices.feed(session)
    assert [news.category for news in everything][:2] == ["news", "payment"] and len(everything) > 3
    assert bank.notices.feed(session, limit=1) == everything[:1]
    pages: list[zamok.News] = []
    after: str | None = None
    while page := bank.notices.feed(session, limit=2, after=after):
        pages.extend(page)
        after = page[-1].id
    assert pages == everything
    assert bank.notices.feed(session, categories=["payment"], after=everything[0].id)[0] == payment
    for nowhere in ("0" * 32, "1"):
        with pytest.raises(Rejected):
            bank.notices.feed(session, after=nowhere)
    assert bank.notices.feed(session, since=house.clock.now + 1) == []
    now = dt.datetime.fromtimestamp(house.clock.now, dt.timezone(dt.timedelta(hours=3)))
    assert bank.notices.feed(session, since=now + dt.timedelta(seconds=1)) == []
    assert bank.notices.feed(session, since=now - dt.timedelta(days=1)) == everything
    with pytest.raises(errors.NaiveDatetime):
        bank.notices.feed(session, since=dt.datetime(2026, 1, 1))
    assert all(news.urgent for news in bank.notices.feed(session, urgent=True))
    assert [message.text for message in outbox if message.kind == "notice" and "Pay 5" in message.text]

    before = bank.notices.preferences(session)
    assert before == Preferences() and (before.language, before.channels, before.quiet) == ("", {}, None)
    wanted = Preferences(language="ru", channels={("payment", "SMS"): False}, quiet=(1320, 420, 180))
    bank.notices.set_preferences(session, wanted)
    assert bank.notices.preferences(session) == wanted
    for message in outbox:
        outbox.sent(message, carrier="own")
    bank.notices.send("ivan", "Pay 6", category="payment", urgent=True)
    assert not [message for message in outbox if message.kind == "notice"], "he wants no SMS of this sort"
    for unusable in (Preferences(language="x y"), Preferences(channels={("security", "SMS"): False})):
        with pytest.raises(errors.PreferencesUnusable):
            bank.notices.set_preferences(session, unusable)
    for wrong in (Preferences(quiet=(1, 1, 0)), Preferences(channels={("payment", "pigeon"): True})):  # type: ignore[dict-item]
        with pytest.raises(ValueError):
            bank.notices.set_preferences(session, wrong)
    with pytest.raises(TypeError):
        Preferences(channels=[1])  # type: ignore[arg-type]


def test_the_same_for_asyncio(pushed: Pushed) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2) as pool:
            bank = aio.Cabinet(pushed.house.cabinet, pool=pool)
            challenge = pushed.begin()
            request, number = pushed.request(), await bank.devices.number(challenge)
            await bank.devices.approve(request, number, pushed.key.sign(to_sign("approve", request, number)))
            session = await bank.answer(challenge, "")
            assert [device.state for device in await bank.devices.all(session)] == ["trusted"]
            await bank.notices.send("ivan", "Pay 5", category="payment")
            assert [news.fields["text"] for news in await bank.notices.feed(session, categories=["payment"])] == ["Pay 5"]
            await bank.notices.set_preferences(session, Preferences(language="ru"))
            assert (await bank.notices.preferences(session)).language == "ru"

    asyncio.run(main())


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of a key in a token of SoftHSM."""
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    make = ["softhsm2-util", "--init-token", "--free", "--label", "vault", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(make, check=True, capture_output=True, env=os.environ)
    make = ["pkcs11-tool", "--module", MODULE, "--login", "--pin", "1234", "--token-label", "vault", "--keygen"]
    made = subprocess.run([*make, "--key-type", "GENERIC:32", "--label", "zamok", "--id", "01", "--sensitive", "--usage-sign"], env=os.environ)
    assert made.returncode == 0
    yield f"pkcs11:token=vault;object=zamok?module-path={MODULE}"


def test_a_key_in_a_token_opens_a_slot(token: str, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'vault.db'}"
    credential = Credential.token(token, "1234")
    assert "1234" not in repr(credential)
    with Vault.create(url, PASSPHRASE, cost=CHEAP):
        pass
    with Vault.open(url, PASSPHRASE, role="officer") as officer:
        number = officer.slots.add("user", credential, label="token", cost=CHEAP)
        assert [slot.method for slot in officer.slots.all() if slot.number == number] == ["token"]
    with Vault.open(url, credential, slot=number) as vault:
        vault.create_key("ed25519", "receipts", purpose="document")
    with pytest.raises(errors.TokenError):
        Vault.open(url, Credential.token(token, "4321"), slot=number)
    for wrong in ("pkcs11", token.replace("?module-path=", ";id="), "pkcs11:token=vault?module-path=/lib/x.so"):
        with pytest.raises(errors.TokenError):
            Credential.token(wrong)

def test_strangers_who_guess_do_not_lock_out_a_known_device(house: House) -> None:
    bank = house.cabinet
    token = bank.devices.trust(fresh(house), "laptop")
    for _ in range(5):
        with pytest.raises(Rejected):
            bank.begin_login("ivan", "a wrong password")
    with pytest.raises(Rejected):  # the right one as well, from somewhere else
        bank.begin_login("ivan", PASSWORD)
    with pytest.raises(Rejected):  # nor is a token of nobody known
        bank.begin_login("ivan", PASSWORD, device="zamok-device-")
    assert isinstance(bank.begin_login("ivan", PASSWORD, device=token), Challenge)


def test_a_token_that_is_none_is_a_stranger_s(house: House) -> None:
    token = house.cabinet.devices.trust(fresh(house), "laptop")
    for none in ("", "nonsense", "\ud800", token[:-1] + "\udcff"):
        assert isinstance(house.cabinet.begin_login("ivan", PASSWORD, device=none), Challenge)

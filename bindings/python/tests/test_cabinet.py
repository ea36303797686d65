"""The cabinet from Python: from registration to a proof that is checked offline (R7, R8, R12, R16, R36, R38)."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys

import jwt
import pytest
from conftest import CHEAP, NOW, PASSPHRASE, PASSWORD, POLICY, House
from jwt.algorithms import ECAlgorithm

import zamok
from zamok import Cabinet, Challenge, Enrolment, ManualClock, Outbox, OtpUri, Rejected, errors, journal, verify_signature


def test_the_happy_path(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    assert (session.evidence, session.assurance) == (["password", "generator"], "substantial")
    token = house.cabinet.issue_token(session, audience="bank.example")
    assert house.cabinet.verify_token(token, audience="bank.example") == session
    with pytest.raises(Rejected):
        house.cabinet.verify_token(token, audience="other.example")
    signed = house.cabinet.sign(session, b"I owe you 100.", "note.txt")
    verify_signature(signed.public_key, b"I owe you 100.", signed.signature)
    assert signed.time == house.clock.now
    house.cabinet.log_out(session)
    with pytest.raises(errors.SessionEnded):
        house.cabinet.session(session.id)
    with pytest.raises(errors.SessionEnded):
        house.cabinet.verify_token(token, audience="bank.example")


def test_a_token_is_checked_by_another_library(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    token = house.cabinet.issue_token(session, audience="bank.example")
    key = json.loads(house.cabinet.jwks())["keys"][0]
    read = jwt.decode(
        token,
        ECAlgorithm.from_jwk(key),  # type: ignore[arg-type]
        algorithms=["ES256"],
        audience="bank.example",
        issuer="Bank",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert read["sub"] == session.account
    for broken in ("", token[:-2], token + "x", "\ud800", "a.b.c"):
        with pytest.raises(Rejected):
            house.cabinet.verify_token(broken, audience="bank.example")


def test_a_login_in_two_pages_survives_a_lost_reply(house: House) -> None:
    challenge = house.cabinet.begin_login("ivan", PASSWORD, client="Firefox on Linux")
    assert isinstance(challenge, Challenge) and challenge.by == "generator"
    # The challenge travels to the client and back by its id alone.
    brought_back = pickle.loads(pickle.dumps(challenge))
    assert brought_back.id == challenge.id
    request, code = house.cabinet.request_id(), house.code()
    session = house.cabinet.answer(brought_back, code, request=request)
    assert house.cabinet.answer(brought_back, "", request=request) == session
    assert session.client == "Firefox on Linux"
    with pytest.raises(Rejected):
        house.cabinet.answer(brought_back, code)
    with pytest.raises(Rejected):
        house.cabinet.answer(Challenge("0" * 32), house.code())
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Challenge("made up")


@pytest.mark.parametrize("login", ["ivan", "nobody", "", "\ud800", "i van", "x" * 1000])
def test_every_failure_looks_alike(house: House, login: str) -> None:
    with pytest.raises(Rejected) as caught:
        house.cabinet.log_in(login, "a wrong password", "123456")
    assert str(caught.value) == "rejected" and caught.value.args == ()
    with pytest.raises(Rejected):
        house.cabinet.begin_login(login, bytearray(b"\xff"))


def test_an_account_without_a_factor_is_led_to_enrolment(house: House) -> None:
    anna = house.cabinet.register("Anna", PASSWORD)
    assert (anna.login, anna.state) == ("anna", "open")
    begun = house.cabinet.begin_login("anna", PASSWORD)
    assert isinstance(begun, Enrolment)
    with pytest.raises(errors.NothingOffered):
        house.cabinet.log_in("anna", PASSWORD, "123456")
    offer = house.cabinet.offer_generator(begun)
    assert zamok.qr.terminal(offer.uri)
    phone = OtpUri.parse(offer.uri).totp()
    with pytest.raises(Rejected):
        house.cabinet.confirm_generator(begun, "000000x")
    house.cabinet.confirm_generator(begun, phone.code(house.clock.now))
    with pytest.raises(errors.FactorExists):
        house.cabinet.begin_enrolment("anna", PASSWORD)
    with pytest.raises(Rejected):  # the test code is no login (R12)
        house.cabinet.log_in("anna", PASSWORD, phone.code(house.clock.now))
    with pytest.raises(errors.LoginTaken):
        house.cabinet.register("ANNA", PASSWORD)
    with pytest.raises(errors.PasswordTooShort):
        house.cabinet.register("boris", "short")


def test_passwords_devices_and_recovery(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    assert house.cabinet.account(session).login == "ivan"
    device = house.cabinet.devices.trust(session, "Ivan's laptop")
    assert device.startswith("zamok-device-")
    other = house.cabinet.begin_login("ivan", PASSWORD, device=device)
    assert isinstance(other, Challenge)
    second = house.cabinet.answer(other, house.code())
    assert {found.id for found in house.cabinet.sessions(second)} == {session.id, second.id}
    again = house.cabinet.begin_again(second)
    second = house.cabinet.answer_again(second, again, house.code())
    codes = house.cabinet.new_recovery_codes(second)
    house.cabinet.end_sessions(second)
    with pytest.raises(errors.SessionEnded):
        house.cabinet.session(session.id)
    house.cabinet.change_password(second, PASSWORD, "a bridge over the river")
    with pytest.raises(errors.SessionEnded):  # every session ends, also the one that asked
        house.cabinet.session(second.id)
    with pytest.raises(Rejected):
        house.cabinet.begin_login("ivan", PASSWORD)
    enrolment = house.cabinet.recover("ivan", bytearray(b"a bridge over the river"), codes[0])
    assert isinstance(enrolment, Enrolment)
    for none in ("no session", "", second.id + "\ud800", "\ud800" * 32):
        with pytest.raises(errors.SessionEnded):
            house.cabinet.session(none)
    with pytest.raises(TypeError):
        pickle.dumps(second)


def test_the_journal_tells_and_proves(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    with pytest.raises(Rejected):
        house.cabinet.log_in("ivan", PASSWORD, "nonsense")
    entries = house.cabinet.history(session)
    kinds = [entry.kind for entry in entries]
    assert "login.session-opened" in kinds and "account.registered" in kinds
    assert all(entry.index is None for entry in entries)
    # An operator reads the same by the login.
    assert house.cabinet.history_of("ivan", limit=2) == entries[:2]
    # Page by page; a limit of 0 asks for nothing.
    pages: list[journal.Entry] = []
    after: str | None = None
    while page := house.cabinet.history(session, limit=2, after=after):
        pages.extend(page)
        after = page[-1].id
    assert pages == entries and house.cabinet.history(session, limit=0) == []
    assert house.cabinet.history_of("ivan", limit=1, after=entries[0].id) == entries[1:2]
    house.cabinet.register("olga", PASSWORD)
    for nobodys in (house.cabinet.history_of("olga")[0].id, "0" * 32 + "-1"):
        with pytest.raises(Rejected):
            house.cabinet.history(session, after=nobodys)
    with pytest.raises(ValueError, match="name of an entry"):
        house.cabinet.history(session, after="1")
    with pytest.raises(Rejected):
        house.cabinet.history_of("nobody")
    opened = entries[kinds.index("login.session-opened")]
    with pytest.raises(errors.Uncovered):
        house.cabinet.prove(session, opened.id)
    assert house.cabinet.checkpoint().startswith(house.cabinet.log_key().split("+")[0])
    for none in (opened.id.replace("-", "-+"), opened.id + "-", "+" + opened.id[1:], opened.id.split("-")[0] + "-", ""):
        with pytest.raises(ValueError, match="not the name of an entry"):
            house.cabinet.prove(session, none)
    proof = house.cabinet.prove(session, opened.id)
    proved = journal.verify_proof(proof, house.cabinet.log_key())
    assert (proved.kind, proved.time, proved.id, proved.subject) == (
        opened.kind,
        opened.time,
        opened.id,
        opened.subject,
    )
    leaf = house.cabinet.journal(proved.index, limit=1)[0]
    assert (leaf.id, leaf.index) == (opened.id, proved.index)
    with pytest.raises(errors.Refused):
        journal.verify_proof(proof.replace("index ", "index 1", 1), house.cabinet.log_key())
    with Cabinet.create("memory:", PASSPHRASE, issuer="Other", policy=POLICY, cost=CHEAP) as other:
        with pytest.raises(errors.Uncovered):
            other.log_key()
        other.checkpoint()
        with pytest.raises(Rejected):
            journal.verify_proof(proof, other.log_key())
    with pytest.raises(ValueError, match="no vkey"):
        journal.verify_proof(proof, "whom to trust")
    report = house.cabinet.audit()
    assert report.clean and report.findings == [] and report.leaves > 0 and report.rows > 0 and report.settled
    with pytest.raises(TypeError):
        bool(report)


ALTER = """
import sqlite3, sys
key = (3).to_bytes(8, "big")
with sqlite3.connect(sys.argv[1]) as rows:
    [(leaf,)] = rows.execute("SELECT value FROM rows WHERE tbl = 19 AND key = ?", (key,))
    leaf = leaf[:70] + bytes([leaf[70] ^ 1]) + leaf[71:]
    rows.execute("UPDATE rows SET value = ? WHERE tbl = 19 AND key = ?", (leaf, key))
"""


def test_an_altered_row_is_named(house: House) -> None:
    session = house.cabinet.log_in("ivan", PASSWORD, house.code())
    house.cabinet.checkpoint()
    subprocess.run([sys.executable, "-c", ALTER, house.url.removeprefix("sqlite:")], check=True)
    report = house.cabinet.audit()
    assert not report.clean
    assert report.findings == ["leaf 3 fails its authentication"]
    with pytest.raises(errors.Refused):
        house.cabinet.journal(3, limit=1)
    # What is not altered is told as before.
    assert len(house.cabinet.journal(0, limit=3)) == 3 and house.cabinet.account(session).login == "ivan"


FORGET = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as rows:
    rows.execute("DELETE FROM rows WHERE tbl = 33")
"""


def test_an_audit_of_a_cabinet_misses_the_logins_that_were_deleted(house: House) -> None:
    house.cabinet.checkpoint()
    assert house.cabinet.audit().clean
    subprocess.run([sys.executable, "-c", FORGET, house.url.removeprefix("sqlite:")], check=True)
    report = house.cabinet.audit()
    assert not report.clean and any("login" in finding for finding in report.findings)


def test_a_challenge_is_its_id_and_takes_what_is_known_along(house: House) -> None:
    challenge = house.cabinet.begin_login("ivan", PASSWORD)
    assert isinstance(challenge, Challenge) and challenge.by == "generator" and challenge.expires > house.clock.now
    for moved in (copy.copy(challenge), copy.deepcopy(challenge), *(pickle.loads(pickle.dumps(challenge, n)) for n in range(6))):
        assert (moved.id, moved.by, moved.expires) == (challenge.id, "generator", challenge.expires)
    bare = Challenge(challenge.id)
    assert (bare.by, bare.expires) == (None, 0) and pickle.loads(pickle.dumps(bare)).by is None
    assert bare == challenge != Challenge("0" * 32) and len({bare, challenge}) == 1
    with pytest.raises(ValueError, match="no factor's name"):
        Challenge(challenge.id, by="a guess")
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Challenge("no id")
    assert house.cabinet.answer(bare, house.code()).evidence == ["password", "generator"]


def test_an_enrolment_is_its_id_and_goes_on_in_another_process(house: House) -> None:
    house.cabinet.register("anna", PASSWORD)
    begun = house.cabinet.begin_login("anna", PASSWORD)
    assert isinstance(begun, Enrolment) and begun.expires > house.clock.now
    bare = Enrolment(begun.id)
    assert bare.expires == 0 and Enrolment(begun.id, 7).expires == 7
    assert bare == begun != Enrolment("0" * 32) and len({bare, begun}) == 1
    for shown in (repr(begun), f"{begun}", str([begun]), begun.reference):
        assert begun.reference in shown and begun.id not in shown
    assert bare.reference == begun.reference
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Enrolment("no id")
    for without in (lambda: Enrolment(), lambda: object.__new__(Enrolment), lambda: type("Derived", (Enrolment,), {})):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            without()
    for made_up in ("0" * 32, begun.reference):
        with pytest.raises(Rejected):
            house.cabinet.offer_generator(Enrolment(made_up))
    # The worker that answers the next request has another handle, and the id.
    with Cabinet.open(house.url, PASSPHRASE, clock=house.clock) as worker:
        phone = OtpUri.parse(worker.offer_generator(Enrolment(begun.id)).uri).totp()
        worker.confirm_generator(Enrolment(begun.id), phone.code(house.clock.now))
    house.clock.advance(30)
    assert house.cabinet.log_in("anna", PASSWORD, phone.code(house.clock.now)).evidence == ["password", "generator"]


def test_what_logs_show_of_a_challenge_answers_nothing(house: House) -> None:
    challenge = house.cabinet.begin_login("ivan", PASSWORD)
    assert isinstance(challenge, Challenge)
    for shown in (repr(challenge), f"{challenge}", str([challenge]), challenge.reference):
        assert challenge.reference in shown and challenge.id not in shown
    assert Challenge(challenge.id).reference == challenge.reference  # it is called the same wherever it came back
    with pytest.raises(Rejected):
        house.cabinet.answer(Challenge(challenge.reference), house.code())
    house.cabinet.answer(challenge, house.code())


def test_a_login_in_one_go_looks_at_no_code_that_would_have_to_be_sent(house: House) -> None:
    house.cabinet.register("anna", PASSWORD)
    enrolment, outbox = house.cabinet.begin_enrolment("anna", PASSWORD), Outbox(house.cabinet)
    house.cabinet.factors.offer_channel(enrolment, "+79161234567")
    [sent] = outbox
    house.cabinet.factors.confirm(enrolment, sent.text.split("#")[-1].split()[0])
    outbox.sent(sent, carrier="smsc")
    house.clock.advance(3600)
    with pytest.raises(errors.MethodUnavailable):
        house.cabinet.log_in("anna", PASSWORD, "123456")
    assert [message for message in outbox if message.kind == "login code"] == []
    with pytest.raises(Rejected):  # nobody learns of it without the password
        house.cabinet.log_in("anna", "a wrong password", "123456")
    described = " ".join((Cabinet.log_in.__doc__ or "").split())
    assert "MethodUnavailable" in described and "TooManyMessages" not in described


def limited(house: House, login: str, network: str) -> None:
    """Limits an account with the program, which opens the same store."""
    command = [os.environ["ZAMOK_PROGRAM"], "--store", house.url, "accounts", "limit", login, "--network", network]
    secrets = {"ZAMOK_PASSPHRASE_FILE": "/dev/stdin", "PATH": os.environ["PATH"]}
    subprocess.run(command, input=PASSPHRASE + "\n", text=True, env=secrets, check=True, capture_output=True)


def test_an_account_that_is_limited_to_a_network_is_served_from_there(house: House) -> None:
    bank, inside, outside = house.cabinet, "192.0.2.7", "198.51.100.1"
    codes = bank.new_recovery_codes(bank.log_in("ivan", PASSWORD, house.code()))
    limited(house, "ivan", "192.0.2.0/24")
    session = bank.log_in("ivan", PASSWORD, house.code(), address=inside)
    token = bank.issue_token(session, audience="bank.example")
    for elsewhere in (None, outside, "2001:db8::7"):
        with pytest.raises(Rejected):
            bank.log_in("ivan", PASSWORD, house.code(), address=elsewhere)
        with pytest.raises(errors.OutsideLimits):
            bank.session(session.id, address=elsewhere)
        with pytest.raises(errors.OutsideLimits):
            bank.verify_token(token, audience="bank.example", address=elsewhere)
        with pytest.raises(Rejected):
            bank.recover("ivan", PASSWORD, codes[0], address=elsewhere)
    assert bank.session(session.id, address=inside).id == session.id
    assert bank.verify_token(token, audience="bank.example", address=inside).id == session.id
    # Whatever came back is used from there.
    assert bank.account(bank.session(session.id, address=inside)).login == "ivan"
    for call in (
        lambda: bank.log_in("ivan", PASSWORD, house.code(), address="the office"),
        lambda: bank.session(session.id, address="192.0.2"),
        lambda: bank.verify_token(token, audience="bank.example", address=""),
        lambda: bank.recover("ivan", PASSWORD, codes[0], address="192.0.2.7/32"),
    ):
        with pytest.raises(ValueError, match="no network address"):
            call()
    house.clock.advance(3600)
    assert isinstance(bank.recover("ivan", PASSWORD, codes[0], address=inside), Enrolment)


def test_a_policy_is_kept_in_the_vault(house: House) -> None:
    assert "memory_kib = 19456" in house.cabinet.policy
    assert zamok.policy_text("seeds") != zamok.policy_text() == zamok.policy_text("strict")
    with Cabinet.open(house.url, PASSPHRASE) as opened:
        assert (opened.issuer, opened.policy) == ("Bank", house.cabinet.policy)
    with pytest.raises(errors.PolicyUnsound):
        zamok.policy_text("no = profile")
    with pytest.raises(errors.IssuerUnusable):
        Cabinet.create("memory:", PASSPHRASE, issuer="a:b", cost=CHEAP, clock=ManualClock(NOW))

def test_all_sessions_end_with_the_one_that_asks(house: House) -> None:
    bank = house.cabinet
    sessions = [bank.log_in("ivan", PASSWORD, house.code()) for _ in range(3)]
    begun = bank.begin_login("ivan", PASSWORD)
    assert isinstance(begun, Challenge)
    bank.end_sessions(sessions[1], all=True)
    for session in sessions:
        with pytest.raises(errors.SessionEnded):
            bank.session(session.id)
    with pytest.raises(Rejected):  # what was under way ends with them
        bank.answer(begun, house.code())


def test_a_password_is_due_when_the_policy_says_so(house: House) -> None:
    assert house.cabinet.password_due(house.cabinet.log_in("ivan", PASSWORD, house.code())) is None
    policy, clock = POLICY + "[password]\nchange_after = 7776000\n", ManualClock(NOW)
    with Cabinet.create("memory:", PASSPHRASE, issuer="Bank", policy=policy, cost=CHEAP, clock=clock) as bank:
        bank.register("ivan", PASSWORD)
        enrolment = bank.begin_enrolment("ivan", PASSWORD)
        phone = OtpUri.parse(bank.offer_generator(enrolment).uri).totp()
        bank.confirm_generator(enrolment, phone.code(NOW))
        clock.advance(30)
        assert bank.password_due(bank.log_in("ivan", PASSWORD, phone.code(clock.now))) == NOW + 7_776_000

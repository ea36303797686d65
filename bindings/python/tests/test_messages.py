"""Codes that are sent, from Python: factors by SMS and by e-mail, and the outbox from which a service carries them (R3, R5, R9, R57, R58)."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from conftest import CHEAP, NOW, PASSPHRASE, PASSWORD, POLICY, House

from zamok import Cabinet, Challenge, Enrolment, ManualClock, Message, Outbox, Rejected, Session, aio, errors

PHONE, MAIL = "+79161234567", "ivan@example.org"
#: With room for many logins, and codes by e-mail, which the strict policy does not take for a factor.
WIDE = POLICY + "[issued]\nper_hour = 50\nper_day = 100\n[factor]\nweakest = 1\n"


def code_in(text: str) -> str:
    """The code in a text, as a person finds it."""
    found = re.search(r"\b\d{6,8}\b", text)
    assert found, text
    return found[0]


def only(outbox: Outbox, kind: str) -> Message:
    found = [message for message in outbox if message.kind == kind]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[tuple[Cabinet, ManualClock, Outbox]]:
    """A cabinet in which codes come to ivan's phone, and an outbox of it."""
    clock = ManualClock(NOW)
    url = f"sqlite:{tmp_path / 'bank.db'}"
    with Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=WIDE, cost=CHEAP, clock=clock) as cabinet:
        outbox = Outbox(cabinet, domain="bank.example")
        cabinet.register("ivan", PASSWORD)
        enrolment = cabinet.begin_login("ivan", PASSWORD)
        assert isinstance(enrolment, Enrolment)
        cabinet.factors.offer_channel(enrolment, PHONE)
        message = only(outbox, "enrolment code")
        assert (message.channel, message.address, message.urgent) == ("SMS", PHONE, True)
        outbox.sent(message, carrier="smsc")
        with pytest.raises(Rejected):
            cabinet.factors.confirm(enrolment, "none")
        cabinet.factors.confirm(enrolment, code_in(message.text))
        clock.advance(60)
        yield cabinet, clock, outbox


def begin(cabinet: Cabinet) -> Challenge:
    begun = cabinet.begin_login("ivan", PASSWORD, client="Firefox on Linux")
    assert isinstance(begun, Challenge)
    return begun


def log_in(bank: tuple[Cabinet, ManualClock, Outbox]) -> Session:
    cabinet, clock, outbox = bank
    clock.advance(60)
    challenge = begin(cabinet)
    return cabinet.answer(challenge, code_in(only(outbox, "login code").text))


def test_a_login_with_a_code_that_was_sent(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, clock, outbox = bank
    told = only(outbox, "factor added")
    assert told.channel == "SMS" and not told.urgent and "SMS" in told.text
    outbox.sent(told, carrier="smsc")
    challenge = begin(cabinet)
    assert challenge.by == "SMS"
    message = only(outbox, "login code")
    code = code_in(message.text)
    assert message.text.splitlines()[-1] == f"@bank.example #{code}"
    assert (message.address, message.subject, message.push_keys, message.attempt) == (PHONE, "", None, 1)
    assert message.units == 1 and message.created == clock.now < message.until
    assert message.expires == challenge.expires
    assert code not in repr(message) and PHONE not in repr(message)
    # Leased: neither we nor another process are handed it again.
    assert outbox.take() is None and Outbox(cabinet).take() is None
    outbox.sent(message, carrier="smsc", ids=["17"], receipts=True)
    outbox.sent(message, carrier="smsc", ids=["17"], receipts=True)
    session = cabinet.answer(challenge, code)
    assert (session.evidence, session.assurance) == (["password", "SMS"], "substantial")
    with pytest.raises(Rejected):
        cabinet.answer(challenge, code)
    # The owner is told of the device that nobody knew.
    device = only(outbox, "new device")
    assert "Firefox on Linux" in device.text and device.account == session.account
    assert outbox.receipt("smsc", "17", "on the way") == "noted"
    assert outbox.receipt("other", "17", "delivered") == "nothing"
    assert outbox.receipt("smsc", "17", "delivered", number="79160000000") == "nothing"
    assert outbox.receipt("smsc", "17", "delivered", number=PHONE, reason="DELIVRD") == "ended"
    assert outbox.receipt("smsc", "17", "delivered") == "again"
    with pytest.raises(ValueError, match="a receipt says"):
        outbox.receipt("smsc", "17", "lost")  # type: ignore[arg-type]
    kinds = [entry.kind for entry in cabinet.history(session)]
    assert kinds.count("message.delivered") == 1 and "challenge.code-sent" in kinds


def test_only_the_latest_code_counts_and_none_is_handed_out_late(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, clock, outbox = bank
    challenge = begin(cabinet)
    first = only(outbox, "login code")
    with pytest.raises(errors.ResendTooSoon) as soon:
        cabinet.factors.send_again(challenge)
    assert soon.value.seconds > 0
    clock.advance(soon.value.seconds)
    outbox.put_off(first, "no line", carrier="smsc")
    cabinet.factors.send_again(challenge)
    clock.advance(30)
    second = only(outbox, "login code")
    assert second.id != first.id
    with pytest.raises(Rejected):
        cabinet.answer(challenge, code_in(first.text))
    cabinet.answer(challenge, code_in(second.text))
    clock.advance(60)
    late = begin(cabinet)
    clock.set(late.expires)
    assert all(not message.urgent for message in outbox)
    with pytest.raises(Rejected):
        cabinet.factors.send_again(late)
    with pytest.raises(TypeError, match="a Challenge or an Enrolment"):
        cabinet.factors.send_again("challenge")  # type: ignore[arg-type]


def test_what_nobody_told_of_comes_again_and_what_is_refused_does_not(
    bank: tuple[Cabinet, ManualClock, Outbox],
) -> None:
    cabinet, clock, outbox = bank
    lost = only(outbox, "factor added")
    clock.set(lost.until)
    found = only(outbox, "factor added")
    assert (found.id, found.attempt) == (lost.id, 2)
    # Whoever was too slow has no say any more.
    outbox.refuse(lost, "slow")
    outbox.put_off(found, "busy", carrier="smsc")
    assert outbox.take() is None
    clock.advance(3600)
    found = only(outbox, "factor added")
    outbox.refuse(found, "no such number", carrier="smsc")
    clock.advance(3600)
    assert outbox.take() is None
    assert "message.rejected" in [entry.kind for entry in cabinet.history(log_in(bank))]


def test_several_factors_and_the_choice_among_them(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, clock, outbox = bank
    factors, session = cabinet.factors, log_in(bank)
    enrolment = factors.begin(session)
    with pytest.raises(errors.ContactUnusable):
        factors.offer_channel(enrolment, "not an address")
    factors.offer_channel(enrolment, MAIL)
    message = only(outbox, "enrolment code")
    assert (message.channel, message.address) == ("e-mail", MAIL)
    # As the standard library's mail program has it.
    mail = EmailMessage(policy.SMTP)
    mail["To"], mail["Subject"] = message.address, message.subject
    mail.set_content(message.text)
    read = message_from_bytes(bytes(mail), policy=policy.default)
    code = code_in(str(read.get_content()))
    assert code not in str(read["Subject"]) and read["To"] == MAIL
    factors.confirm(enrolment, code)
    found = factors.all(session)
    assert [(factor.kind, factor.state, factor.hint) for factor in found] == [
        ("SMS", "active", "+7···4567"),
        ("e-mail", "active", "i···@example.org"),
    ]
    assert found[0].last_used is not None and found[1].last_used is None and found[0].until is None
    clock.advance(60)
    challenge = begin(cabinet)
    assert challenge.by == "SMS"
    methods = factors.methods(challenge)
    assert [(method.by, method.hint) for method in methods] == [("SMS", "+7···4567"), ("e-mail", "i···@example.org")]
    for unknown in ("0" * 32, "no id"):
        with pytest.raises(errors.MethodUnavailable):
            factors.switch(challenge, unknown)
    switched = factors.switch(challenge, methods[1].factor)
    assert switched.by == "e-mail"
    code = code_in(only(outbox, "login code").text)
    with pytest.raises(Rejected):
        cabinet.answer(challenge, code)
    session = cabinet.answer(switched, code)
    for unknown in ("0" * 32, "no id"):
        with pytest.raises(Rejected):
            factors.drop(session, unknown)
    factors.rename(session, found[1].id, "work mail")
    assert [factor.label for factor in factors.all(session)][1] == "work mail"
    with pytest.raises(Rejected):
        factors.rename(session, "0" * 32, "somebody else's")
    with pytest.raises(errors.TooLong):
        factors.rename(session, found[1].id, "x" * 129)
    factors.prefer(session, found[1].id)
    factors.drop(session, found[0].id)
    with pytest.raises(errors.LastFactor):
        factors.drop(session, found[1].id)
    # A phone that is dropped can take that back for a while, and answers nothing else until then.
    left = {factor.kind: factor for factor in factors.all(session)}
    assert left.keys() == {"e-mail", "SMS"} and left["SMS"].until is not None
    assert left["SMS"].state == "set aside" and left["e-mail"].until is None
    with pytest.raises(errors.NotAllowed):
        factors.drop(session, found[0].id)


def test_a_contact_is_told_and_lets_nobody_in(house: House) -> None:
    cabinet, outbox = house.cabinet, Outbox(house.cabinet, language="ru")
    session = cabinet.log_in("ivan", PASSWORD, house.code())
    enrolment = cabinet.factors.begin(session)
    with pytest.raises(errors.MethodTooWeak):
        cabinet.factors.offer_channel(enrolment, MAIL)
    cabinet.factors.offer_contact(enrolment, MAIL)
    cabinet.factors.confirm(enrolment, code_in(only(outbox, "enrolment code").text))
    told = only(outbox, "contact added")
    assert (told.channel, told.address) == ("e-mail", MAIL) and "i···@example.org" in told.text
    assert re.search("[а-я]", told.text), "in the language of the outbox"
    assert [factor.kind for factor in cabinet.factors.all(session)] == ["generator"]
    cabinet.register("anna", PASSWORD)
    with pytest.raises(errors.NotAllowed):
        cabinet.factors.offer_contact(cabinet.begin_enrolment("anna", PASSWORD), "anna@example.org")
    house.clock.advance(300)
    with pytest.raises(errors.FreshAuthenticationNeeded):
        cabinet.factors.begin(session)
    again = cabinet.begin_again(session)
    session = cabinet.answer_again(session, again, house.code())
    cabinet.factors.begin(session)


def test_of_threads_and_a_process_each_message_is_one_s(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, clock, outbox = bank
    for _ in outbox:
        pass
    for _ in range(6):
        log_in(bank)
    barrier = threading.Barrier(4)
    taken: list[str] = []

    def carry(outbox: Outbox) -> list[str]:
        barrier.wait()
        ids: list[str] = []
        while True:
            try:
                message = outbox.take()
            except (errors.Busy, errors.StoreContended):
                continue
            if message is None:
                return ids
            outbox.sent(message, carrier="smsc")
            ids.append(message.id)

    with ThreadPoolExecutor(4) as pool:
        for ids in pool.map(carry, [outbox, outbox, Outbox(cabinet), Outbox(cabinet)]):
            taken.extend(ids)
    # What one had in hand when the others looked for the last time is nobody's.
    taken.extend(carried(outbox))
    assert len(taken) == len(set(taken)) > 0
    cabinet.integrate()
    kinds = [entry.kind for entry in cabinet.journal(limit=100_000)]
    # Beside those the codes of the logins, and notices that became messages.
    assert kinds.count("message.handed-over") >= len(taken)


def carried(outbox: Outbox) -> Iterator[str]:
    for message in outbox:
        outbox.sent(message, carrier="smsc")
        yield message.id


def test_words_are_the_service_s_own(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, _, _ = bank
    own = 'language = "en"\n[factor-added]\nsubject = "s"\nshort = "Ours: {factor}."\n'
    assert only(Outbox(cabinet, templates=own), "factor added").text == "Ours: SMS."
    hidden = 'language = "en"\n[login-code]\nsubject = "s"\nshort = "no code"\n'
    for words in ({"templates": hidden}, {"templates": "no templates"}, {"language": "de"}):
        with pytest.raises(ValueError):
            Outbox(cabinet, **words)  # type: ignore[arg-type]


ALTER = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as rows:
    [(rowid, value)] = rows.execute("SELECT rowid, value FROM rows WHERE tbl = 44 ORDER BY key LIMIT 1")
    rows.execute("UPDATE rows SET value = ? WHERE rowid = ?", (value[:-1] + bytes([value[-1] ^ 1]), rowid))
"""


def test_a_message_that_was_altered_keeps_no_other_back(bank: tuple[Cabinet, ManualClock, Outbox], tmp_path: Path) -> None:
    cabinet, clock, outbox = bank
    # The notice of the factor, which nobody has looked at yet.
    subprocess.run([sys.executable, "-c", ALTER, str(tmp_path / "bank.db")], check=True)
    challenge = begin(cabinet)
    message = outbox.take()
    assert message is not None and message.kind == "login code"
    with pytest.raises(errors.Refused):
        outbox.take()
    cabinet.answer(challenge, code_in(message.text))
    assert not cabinet.audit().clean


def test_messages_in_a_loop(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, _, outbox = bank

    async def main() -> list[str]:
        begin(cabinet)
        carried = []
        ours = aio.Outbox(outbox)
        async for message in ours:
            await ours.sent(message, carrier="smsc")
            carried.append(message.kind)
        assert await ours.take() is None
        return carried

    assert sorted(asyncio.run(main())) == ["factor added", "login code"]


def test_a_locked_vault_hands_nothing_out(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, _, outbox = bank
    assert repr(outbox) == '<zamok.Outbox of "Bank">'
    cabinet.lock()
    with pytest.raises(errors.Locked):
        outbox.take()


def test_a_phone_is_replaced_with_its_consent_and_takes_that_back(bank: tuple[Cabinet, ManualClock, Outbox]) -> None:
    cabinet, clock, outbox = bank
    factors, session = cabinet.factors, log_in(bank)
    (old,) = factors.all(session)
    clock.advance(60)
    with pytest.raises(Rejected):
        factors.begin_change(session, "0" * 32)
    enrolment, agreement = factors.begin_change(session, old.id)
    assert agreement is not None
    with pytest.raises(Rejected):
        factors.agree(session, agreement, "none")
    factors.agree(session, agreement, code_in(only(outbox, "code for agreeing to a change").text))
    factors.offer_channel(enrolment, "+79160000001")
    factors.confirm(enrolment, code_in(only(outbox, "enrolment code").text))
    assert factors.all(session)[0].hint == "+7···0001"
    clock.advance(3600)
    challenge = factors.begin_undo("ivan", PASSWORD)
    back = factors.undo(challenge, code_in(only(outbox, "code for taking a change back").text))
    assert [found.hint for found in factors.all(back) if found.state == "active"] == ["+7···4567"]

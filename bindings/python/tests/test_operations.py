"""Operations from Python: what is seen is what is confirmed, and is done once (R19, R20, R55)."""

from __future__ import annotations

import datetime
import hashlib
import pickle
import re
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PASSWORD, ROOT, House
from hypothesis import given
from hypothesis import strategies as st

import zamok
from zamok import Amount, Challenge, Content, Operation, OtpUri, Rejected, Session, errors

UTC = datetime.timezone.utc


def payment(minor: int) -> Content:
    fields: dict[str, str | int | Amount | datetime.datetime] = {"amount": Amount(minor, "RUB"), "payee": "Vodokanal"}
    return Content("payment", "Pay {amount} to {payee}.", fields)


def vector(name: str) -> bytes:
    page = (ROOT / "docs" / "formats" / "operation.md").read_text()
    found = re.search(rf"^```vector {name}\n(.*?)^```", page, re.M | re.S)
    assert found, name
    return bytes.fromhex(found[1])


@pytest.fixture
def session(house: House) -> Session:
    return house.cabinet.log_in("ivan", PASSWORD, house.code())


def test_the_vectors_of_the_format_come_out(house: House) -> None:
    reading = Content(
        "meter-reading",
        "Счётчик {meter}: {value} на {time}, долг {debt}.",
        {
            "value": -42,
            "time": datetime.datetime(2027, 1, 15, 8, tzinfo=UTC),
            "meter": "ХВС-1",
            "debt": Amount(-5, "RUB"),
        },
        version=3,
        language="ru",
    )
    for name, content in (("payment", payment(123_456)), ("reading", reading)):
        assert bytes(content) == vector(f"{name}-content")
        assert content.text.encode() == vector(f"{name}-text")
    assert (reading.name, reading.version, reading.language) == ("meter-reading", 3, "ru")
    assert reading.fields == {
        "debt": Amount(-5, "RUB", 2),
        "meter": "ХВС-1",
        "time": datetime.datetime(2027, 1, 15, 8, tzinfo=UTC),
        "value": -42,
    }


def test_the_digest_is_over_the_id_the_account_and_the_bytes(house: House, session: Session) -> None:
    operation = house.cabinet.operations.propose(session, payment(1))
    hashed = hashlib.sha256(b"zamok/operation/v1")
    hashed.update(bytes.fromhex(operation.id) + bytes.fromhex(operation.account) + bytes(operation.content))
    assert operation.digest == hashed.digest() and operation.account == session.account


def confirmed(house: House, session: Session, id: str) -> Operation:
    challenge = house.cabinet.operations.challenge(session, id)
    assert challenge.by == "generator"
    with pytest.raises(Rejected):
        house.cabinet.operations.confirm(session, challenge, "none")
    request, code = house.cabinet.request_id(), house.code()
    operation = house.cabinet.operations.confirm(session, challenge, code, request=request)
    assert house.cabinet.operations.confirm(session, challenge, "", request=request) == operation
    return operation


def test_what_was_shown_is_confirmed_and_executed_once(house: House, session: Session) -> None:
    operations, id = house.cabinet.operations, house.cabinet.request_id()
    proposed = operations.propose(session, payment(123_456), id=id)
    assert operations.propose(session, payment(123_456), id=id) == proposed
    assert (proposed.id, proposed.state, proposed.confirmed, proposed.receipt) == (id, "proposed", None, None)
    assert proposed.text == "Pay 1234.56 RUB to Vodokanal." and proposed.expires == house.clock.now + 300
    with pytest.raises(errors.OperationTaken):
        operations.propose(session, payment(99), id=id)
    with pytest.raises(errors.OperationNotConfirmed):
        operations.execute(id, b"too early")
    operation = confirmed(house, session, id)
    assert operation.state == "confirmed" and operation.confirmed is not None
    assert (operation.confirmed.by, operation.confirmed.session) == ("generator", session.id)
    assert operation.confirmed.time == house.clock.now
    # The service executes what stands there, although the owner has logged out.
    house.cabinet.log_out(session)
    with pytest.raises(errors.SessionEnded):
        operations.get(session, id)
    found = operations.to_execute(id)
    assert found == operation and found.content.fields["amount"] == Amount(123_456, "RUB")
    with pytest.raises(errors.TooLong):
        operations.execute(id, bytes(4097))
    assert operations.execute(id, bytearray(b"paid: 1")) == b"paid: 1"
    assert operations.execute(id, b"paid twice") == b"paid: 1"
    assert (operations.to_execute(id).state, operations.to_execute(id).receipt) == ("executed", b"paid: 1")
    kinds = [entry.kind for entry in house.cabinet.history(house.cabinet.log_in("ivan", PASSWORD, house.code()))]
    assert kinds.count("operation.executed") == 1 and kinds.count("operation.confirmed") == 1


def test_a_change_voids_what_was_confirmed(house: House, session: Session) -> None:
    operations = house.cabinet.operations
    id = operations.propose(session, payment(1)).id
    before = confirmed(house, session, id)
    changed = operations.change(session, id, payment(1_000_000))
    assert (changed.state, changed.confirmed) == ("proposed", None) and changed.digest != before.digest
    with pytest.raises(errors.OperationNotConfirmed):
        operations.execute(id, b"")
    # A code for what was shown before is no code for what is shown now.
    challenge = operations.challenge(session, id, by="generator")
    operations.change(session, id, payment(2))
    with pytest.raises(Rejected):
        operations.confirm(session, challenge, house.code())
    operations.cancel(session, id)
    assert operations.get(session, id).state == "cancelled"
    for late in (operations.cancel, operations.challenge):
        with pytest.raises(errors.OperationOver):
            late(session, id)


def test_operations_of_others_and_of_nobody_are_unknown(house: House, session: Session) -> None:
    operations = house.cabinet.operations
    house.cabinet.register("anna", PASSWORD)
    enrolment = house.cabinet.begin_enrolment("anna", PASSWORD)
    phone = OtpUri.parse(house.cabinet.offer_generator(enrolment).uri).totp()
    house.cabinet.confirm_generator(enrolment, phone.code(house.clock.now))
    house.clock.advance(30)
    anna = house.cabinet.log_in("anna", PASSWORD, phone.code(house.clock.now))
    id = operations.propose(session, payment(1)).id
    for unknown, by in ((id, anna), ("0" * 32, session), ("made up", session)):
        with pytest.raises(errors.OperationUnknown):
            operations.get(by, unknown)
        with pytest.raises(errors.OperationUnknown):
            operations.challenge(by, unknown)
    with pytest.raises(errors.OperationUnknown):
        operations.to_execute("0" * 32)
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        operations.propose(session, payment(1), id="made up")
    for method in ("token", "telepathy"):
        with pytest.raises(errors.MethodUnavailable):
            operations.challenge(session, id, by=method)
    # A challenge of a login confirms nothing.
    login = house.cabinet.begin_login("ivan", PASSWORD)
    assert isinstance(login, Challenge)
    with pytest.raises(Rejected):
        operations.confirm(session, login, house.code())


def test_of_many_threads_one_execution_counts(house: House, session: Session) -> None:
    operations = house.cabinet.operations
    id = operations.propose(session, payment(1)).id
    confirmed(house, session, id)
    barrier = threading.Barrier(8)

    def execute(number: int) -> bytes:
        barrier.wait()
        while True:
            try:
                return operations.execute(id, b"%d" % number)
            except (errors.Busy, errors.StoreContended):
                continue

    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(execute, range(8)))
    assert len(receipts) == 1 and receipts == {operations.to_execute(id).receipt}


@pytest.mark.parametrize(
    ("text", "fields", "raised"),
    [
        ("Pay.", {"hidden": 1}, errors.OperationUnusable),
        ("Pay {a}.", {}, errors.OperationUnusable),
        ("Pay {a}}.", {"a": 1}, errors.OperationUnusable),
        ("Turned \u202e around", {}, errors.OperationUnusable),
        ("Pay {a}.", {"a": "two\nlines"}, errors.OperationUnusable),
        ("Pay {a}.", {"a": "x" * 513}, errors.OperationUnusable),
        ("Pay {a}.", {"a": True}, TypeError),
        ("Pay {a}.", {"a": 1.5}, TypeError),
        ("Pay {a}.", {"a": None}, TypeError),
        ("Pay {a}.", {"a": 2**63}, OverflowError),
        ("Pay {a}.", {"a": datetime.datetime(2027, 1, 15)}, errors.NaiveDatetime),
        ("Pay {a}.", {"a": "\ud800"}, UnicodeEncodeError),
        ("Pay {a}.", {1: "a"}, TypeError),
    ],
)
def test_nothing_is_confirmed_unseen(text: str, fields: dict[str, int], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        Content("payment", text, fields)  # type: ignore[arg-type]


@given(minor=st.integers(-(2**63), 2**63 - 1), places=st.integers(0, 9))
def test_amounts_are_shown_without_rounding(minor: int, places: int) -> None:
    content = Content("payment", "{a}", {"a": Amount(minor, "EUR", places)})
    whole, part = divmod(abs(minor), 10**places)
    shown = f"{'-' if minor < 0 else ''}{whole}" + (f".{part:0{places}}" if places else "")
    assert content.text == f"{shown} EUR"
    assert bytes(content).endswith(struct.pack(">BqB", 3, minor, places) + b"EUR")
    assert content.fields == {"a": Amount(minor, "EUR", places)}
    assert pickle.loads(pickle.dumps(content.fields["a"])) == Amount(minor, "EUR", places)


def test_amounts_that_are_none_are_refused() -> None:
    for currency, places in (("rub", 2), ("RUBL", 2), ("", 2), ("RUB", 10), ("RUB", 300), ("RUB", -1)):
        with pytest.raises(ValueError, match="three upper-case letters"):
            Amount(1, currency, places)
    with pytest.raises(OverflowError):
        Amount(2**63, "RUB")
    assert repr(Amount(5, "RUB")) == "Amount(5, 'RUB', 2)" and zamok.Amount is Amount

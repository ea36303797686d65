"""The published vectors, from the one copy that Rust and C read too (R1)."""

from __future__ import annotations

import hashlib

import pytest
from conftest import ROOT

from zamok import Rejected, errors
from zamok.hotp import Hotp
from zamok.ocra import Ocra
from zamok.totp import Totp


def rows(name: str) -> list[list[str]]:
    lines = (ROOT / "vectors" / name).read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def secret(length: int) -> bytes:
    return (b"1234567890" * 7)[:length]


def test_the_codes_of_rfc_4226_appendix_d() -> None:
    cases = rows("rfc4226.txt")
    assert len(cases) == 10
    key = Hotp(secret(20))
    for counter, _, _, code in cases:
        assert key.code(int(counter)) == code
        assert key.verify(code, int(counter)) == int(counter)
        with pytest.raises(Rejected):
            key.verify(code, int(counter) + 1)


def test_the_codes_of_rfc_6238_appendix_b() -> None:
    cases = rows("rfc6238.txt")
    assert len(cases) == 18
    lengths = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
    for algorithm, seconds, step, code in cases:
        key = Totp(secret(lengths[algorithm]), algorithm=algorithm, digits=8)
        assert key.code(int(seconds)) == code
        assert key.verify(code, int(seconds), past=0, future=0) == int(step, 16) == key.step_at(int(seconds))


def test_the_responses_of_rfc_6287_appendix_c() -> None:
    cases = rows("rfc6287.txt")
    assert len(cases) == 70
    for section, suite, length, by, counter, question, pin, seconds, response in cases:
        key = Ocra(secret(int(length)), suite)
        inputs = {
            "counter": None if counter == "-" else int(counter),
            "password": None if pin == "-" else pin.encode(),
            "at": None if seconds == "-" else int(seconds),
        }
        if by != "-":
            # The table has the questions joined, each half as long, in the order in which they are hashed.
            half = len(question) // 2
            first, second = question[:half], question[half:]
            client, server = (first, second) if by == "server" else (second, first)
            asked = {"question": server, "client_question": client, "by": by}
        else:
            asked = {"question": question}
        assert key.response(**asked, **inputs) == response, section  # type: ignore[arg-type]
        wrong = ("1" if response[0] != "1" else "2") + response[1:]
        key.verify(response, **asked, **inputs)  # type: ignore[arg-type]
        with pytest.raises(Rejected):
            key.verify(wrong, **asked, **inputs)  # type: ignore[arg-type]
        if pin != "-":
            hashed = hashlib.new(str(key.suite.password), pin.encode()).digest()
            digested = {**inputs, "password": None, "password_digest": hashed}
            assert key.response(**asked, **digested) == response  # type: ignore[arg-type]

def test_windows_sessions_and_signatures_of_ocra() -> None:
    asked, counting = "12345678", Ocra(secret(20), "OCRA-1:HOTP-SHA1-6:C-QN08")
    response = counting.response(asked, counter=5)
    assert counting.verify(response, asked, counter=3, look_ahead=2) == (5, None)
    for counter, ahead in ((3, 1), (6, 5)):
        with pytest.raises(Rejected):
            counting.verify(response, asked, counter=counter, look_ahead=ahead)
    timed = Ocra(secret(20), "OCRA-1:HOTP-SHA1-6:QN08-T1M")
    response = timed.response(asked, at=600)
    assert timed.verify(response, asked, at=660, past=1) == timed.verify(response, asked, at=540, future=1) == (None, 10)
    for at, past, future in ((660, 0, 1), (540, 1, 0), (720, 1, 1)):
        with pytest.raises(Rejected):
            timed.verify(response, asked, at=at, past=past, future=future)
    signed = timed.signature(asked, at=600)
    assert timed.verify_signature(signed, asked, at=660, past=1) == (None, 10)
    with pytest.raises(Rejected):
        timed.verify_signature(signed, "12345679", at=660, past=1)
    bound = Ocra(secret(20), "OCRA-1:HOTP-SHA1-6:QN08-S064")
    response = bound.response(asked, session=b"a" * 64)
    bound.verify(response, asked, session=b"a" * 64)
    with pytest.raises(Rejected):
        bound.verify(response, asked, session=b"b" * 64)
    with pytest.raises(errors.OcraMode):
        bound.signature(asked)
    with pytest.raises(errors.OcraMode):
        bound.verify_signature(response, asked)

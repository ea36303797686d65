"""One-time codes without a vault: against pyotp, over buffers, with states that callers store (R1, R4)."""

from __future__ import annotations

import array
import base64
import collections
import ctypes
import hashlib
import mmap
import pickle
from pathlib import Path

import pyotp
import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from zamok import OtpUri, Rejected, Secret, errors
from zamok.hotp import Hotp, HotpState
from zamok.hotp import uri as hotp_uri
from zamok.totp import Steam, Totp, TotpState, verify_batch
from zamok.totp import uri as totp_uri

SECRET = b"12345678901234567890"
DIGESTS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
secrets = st.binary(min_size=16, max_size=128)
algorithms = st.sampled_from(sorted(DIGESTS))


@given(secrets, algorithms, st.integers(6, 10), st.integers(0, 2**64 - 1))
def test_every_hotp_code_is_that_of_pyotp(secret: bytes, algorithm: str, digits: int, counter: int) -> None:
    theirs = pyotp.HOTP(base64.b32encode(secret).decode(), digits=digits, digest=DIGESTS[algorithm])
    code = theirs.at(counter)
    assert Hotp(secret, algorithm=algorithm, digits=digits).code(counter) == code


@given(
    secrets,
    algorithms,
    st.integers(6, 8),
    st.integers(1, 120),
    st.integers(10_000, 253_402_300_000),
    st.integers(-3, 3),
)
def test_every_totp_verdict_is_that_of_pyotp(
    secret: bytes, algorithm: str, digits: int, period: int, at: int, away: int
) -> None:
    base32 = base64.b32encode(secret).decode()
    theirs = pyotp.TOTP(base32, digits=digits, digest=DIGESTS[algorithm], interval=period)
    ours = Totp(secret, algorithm=algorithm, digits=digits, period=period)
    code = ours.code_of_step(at // period + away)
    assert code == theirs.at(at, counter_offset=away)
    try:
        verdict = ours.verify(code, at) >= 0
    except Rejected:
        verdict = False
    assert verdict == theirs.verify(code, for_time=at, valid_window=1)
    assert ours.seconds_left(at) == period - at % period


@given(st.text(max_size=12))
def test_no_other_text_is_a_code(text: str) -> None:
    key = Totp(SECRET)
    valid = {key.code_of_step(NOW // 30 + away) for away in (-1, 0, 1)}
    if text not in valid:
        with pytest.raises(Rejected):
            key.verify(text, NOW)


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567", "28708２", "\ud800" * 6, "１２３４５６", " 287082", "287082\n", "1" * 10**6]
)
def test_malformed_text_is_rejected_like_a_wrong_code(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        Totp(SECRET).verify(text, 59)
    assert (caught.value.code, str(caught.value)) == (100, "rejected")
    assert Totp(SECRET).check(text, 59, state=TotpState()).accepted is False


def test_a_spent_step_is_refused_by_the_stored_state() -> None:
    key, state = Totp(SECRET), TotpState()
    checked = key.check(key.code(NOW), NOW, state=state)
    assert (checked.accepted, checked.step, checked.drift) == (True, NOW // 30, 0)
    stored = pickle.loads(pickle.dumps(checked.state))
    assert stored == checked.state == TotpState(NOW // 30)
    again = key.check(key.code(NOW), NOW, state=stored)
    assert (again.accepted, again.reason, again.state) == (False, "code already used", stored)
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(checked)


def test_a_token_that_ran_ahead_is_found_again() -> None:
    key = Hotp(SECRET)
    found = key.resynchronise(key.code(700), key.code(701), state=HotpState(), look_ahead=1000)
    assert (found.accepted, found.counter, found.state.next) == (True, 701, 702)
    checked = key.check(key.code(705), state=found.state, look_ahead=5)
    assert (checked.counter, checked.ahead) == (705, 3)
    assert pickle.loads(pickle.dumps(checked.state)) == checked.state
    slow = Totp(SECRET)
    late = slow.resynchronise(slow.code(NOW - 330), slow.code(NOW - 300), NOW, state=TotpState(), drift_limit=20)
    assert (late.accepted, late.state.drift) == (True, -10)


def test_misuse_is_named_with_value_and_limit() -> None:
    with pytest.raises(errors.SecretTooShort, match="15 bytes"):
        Totp(b"x" * 15)
    with pytest.raises(errors.SecretTooLong):
        Secret(bytes(129))
    with pytest.raises(errors.Digits):
        Totp(SECRET, digits=5)
    with pytest.raises(errors.Digits):
        Hotp(SECRET, digits=10**9)
    with pytest.raises(errors.PeriodZero):
        Totp(SECRET, period=0)
    with pytest.raises(errors.WindowTooWide, match="129 steps"):
        Totp(SECRET).verify("287082", 59, past=64, future=64)
    with pytest.raises(errors.WindowTooWide):
        Totp(SECRET).verify("287082", 59, past=2**64 - 1, future=2**64 - 1)
    with pytest.raises(ValueError, match="SHA1, SHA256 or SHA512"):
        Totp(SECRET, algorithm="MD5")
    with pytest.raises(errors.Base32) as caught:
        Secret.from_base32("GEZDGNBV0Y3TQOJQGEZDGNBVGY3TQOJQ")
    assert caught.value.position == 8
    with pytest.raises(TypeError, match="from_base32"):
        Totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Totp(SECRET).verify(287082, 59)  # type: ignore[arg-type]
    assert len(Secret(b"x", accept_weak=True)) == 1


def test_bytes_like_inputs_of_every_sort(tmp_path: Path) -> None:
    code = Totp(SECRET).code(59)
    file = tmp_path / "secret"
    file.write_bytes(SECRET)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for data in (
            bytearray(SECRET),
            memoryview(SECRET),
            memoryview(bytearray(SECRET)),
            memoryview(SECRET + b"more")[: len(SECRET)],
            array.array("B", SECRET),
            array.array("b", SECRET),
            ctypes.create_string_buffer(SECRET, len(SECRET)),
            (ctypes.c_ubyte * len(SECRET))(*SECRET),
            memoryview(SECRET).cast("c"),
            mapped,
        ):
            assert Totp(data).code(59) == code
    wide = memoryview(bytes(40))[::2]
    with pytest.raises(BufferError):
        Totp(wide)
    with pytest.raises(BufferError):
        Totp(memoryview(array.array("b", bytes(40)))[::2])
    for large in (array.array("I", [1] * 20), (ctypes.c_uint32 * 20)()):
        with pytest.raises(BufferError):
            Totp(large)


def test_a_batch_answers_as_the_single_checks_do() -> None:
    keys = [Totp(i.to_bytes(20, "big"), algorithm=sorted(DIGESTS)[i % 3], digits=6 + i % 3) for i in range(300)]
    codes = [key.code(NOW + 30 * (i % 5 - 2)) for i, key in enumerate(keys)]
    codes[7], codes[8] = "１２３４５６", ""

    def single(key: Totp, code: str) -> int:
        try:
            return key.verify(code, NOW)
        except Rejected:
            return -1

    expected = [single(key, code) for key, code in zip(keys, codes, strict=True)]
    answers = verify_batch(keys, codes, NOW)
    assert answers.tolist() == expected and answers.format == "q" and answers.readonly
    assert {-1, NOW // 30, NOW // 30 - 1, NOW // 30 + 1} == set(expected)
    packed = bytearray(
        "".join(
            code if len(code) == key.digits and code.isascii() else "x" * key.digits
            for code, key in zip(codes, keys, strict=True)
        ),
        "ascii",
    )
    assert verify_batch(keys, packed, NOW).tolist() == expected
    assert verify_batch((key for key in keys), bytes(packed), NOW).tolist() == expected
    # More than are taken hold of at once.
    for many in (keys * 30, tuple(keys * 30)):
        assert verify_batch(many, bytes(packed) * 30, NOW).tolist() == expected * 30
        assert verify_batch(many, codes * 30, NOW).tolist() == expected * 30
    for several in (tuple(codes), collections.deque(codes), collections.UserList(codes)):
        assert verify_batch(keys, several, NOW).tolist() == expected
    assert verify_batch(keys, array.array("b", packed), NOW).tolist() == expected
    packed[0] = 0xFF
    assert verify_batch(keys, packed, NOW)[0] == -1
    assert verify_batch([], [], NOW).tolist() == []
    with pytest.raises(ValueError, match="300 keys and 299 codes"):
        verify_batch(keys, codes[1:], NOW)
    with pytest.raises(ValueError, match="as many characters"):
        verify_batch(keys, bytes(packed[1:]), NOW)
    with pytest.raises(TypeError):
        verify_batch([*keys[:-1], object()], codes, NOW)  # type: ignore[list-item]
    with pytest.raises(TypeError):
        verify_batch(keys, "123456", NOW)
    for unordered in (set(codes), iter(codes), 5):
        with pytest.raises(TypeError, match="a sequence of str"):
            verify_batch(keys, unordered, NOW)  # type: ignore[arg-type]


@given(secrets, st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_uri_is_read_back_as_it_was_written(secret: bytes, account: str, issuer: str) -> None:
    try:
        text = totp_uri(secret, account, issuer=issuer, algorithm="SHA256", digits=8, period=60)
    except (errors.UriLabel, UnicodeEncodeError):
        return
    read = OtpUri.parse(text, strict=True)
    assert (read.issuer, read.account, read.algorithm, read.digits, read.period) == (issuer, account, "SHA256", 8, 60)
    assert read.secret.reveal() == secret
    assert read.totp().code(NOW) == Totp(secret, algorithm="SHA256", digits=8, period=60).code(NOW)
    assert OtpUri.parse(read.reveal()).reveal() == text


def test_a_counter_travels_in_its_uri() -> None:
    read = OtpUri.parse(hotp_uri(SECRET, "anna", counter=5))
    assert (read.kind, read.counter, read.hotp().code(5)) == ("hotp", 5, "254676")
    with pytest.raises(TypeError):
        read.totp()
    with pytest.raises(errors.UriError):
        OtpUri.parse("https://example.org")
    with pytest.raises(errors.UriScheme):
        OtpUri.parse("https://example.org")


def test_steam_codes_are_those_of_pyotp() -> None:
    secret = base64.b32decode("FMXNK4QEGKVPULRTADY6JIDK5VHUBGZW")
    ours, theirs = Steam(secret), pyotp.contrib.Steam("FMXNK4QEGKVPULRTADY6JIDK5VHUBGZW")
    for step in range(200):
        assert ours.code(step * 30) == theirs.at(step * 30)
    assert ours.verify(ours.code(59), 61) == 1

def test_a_code_that_comes_again_within_the_window_is_spent_with_the_first() -> None:
    key = Hotp(SECRET)
    seen: dict[str, int] = {}
    for counter in range(100_000):
        code = key.code(counter)
        if counter - seen.get(code, -1000) < 100:
            break
        seen[code] = counter
    else:
        pytest.fail("no code came again so soon")
    first = seen[code]
    checked = key.check(code, state=HotpState(first), look_ahead=100)
    assert checked.counter == first and checked.state.burned >> (counter - first - 1) & 1 == 1
    again = key.check(code, state=checked.state, look_ahead=100)
    assert (again.accepted, again.state) == (False, checked.state)
    burned = HotpState(7, 1 << 3)
    assert not key.check(key.code(10), state=burned, look_ahead=5).accepted
    assert not key.resynchronise(key.code(10), key.code(11), state=burned, look_ahead=100).accepted
    assert key.check(key.code(11), state=burned, look_ahead=5).counter == 11
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(checked)

def test_a_steam_code_is_spent_by_the_stored_state() -> None:
    key = Steam(SECRET)
    checked = key.check(key.code(NOW), NOW, state=TotpState())
    assert (checked.accepted, checked.state) == (True, TotpState(NOW // 30))
    for spent in (key.code(NOW), key.code(NOW - 30)):
        again = key.check(spent, NOW, state=checked.state)
        assert (again.accepted, again.reason, again.state) == (False, "code already used", checked.state)
    slow_ones: tuple[Steam | Totp, ...] = (key, Totp(SECRET))
    for slow in slow_ones:
        known = TotpState(NOW // 30 - 11, -10)
        late = slow.check(slow.code(NOW - 300), NOW, state=known, drift_limit=10)
        assert (late.accepted, late.step, late.drift) == (True, NOW // 30 - 10, -10)
        assert not slow.check(slow.code(NOW - 300), NOW, state=known).accepted


def test_a_search_that_is_too_wide_says_so() -> None:
    for wide in (10_000, 2**32, 2**64 - 1):
        with pytest.raises(errors.WindowTooWide):
            Hotp(SECRET).resynchronise("1" * 6, "2" * 6, state=HotpState(), look_ahead=wide)
        with pytest.raises(errors.WindowTooWide):
            Totp(SECRET).resynchronise("1" * 6, "2" * 6, NOW, state=TotpState(), drift_limit=wide)

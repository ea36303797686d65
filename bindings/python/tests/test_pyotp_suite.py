"""pyotp's own tests, from its source distribution, against `zamok.compat.pyotp` (R1).

The source distribution is fetched by `cargo xtask setup`, pinned with its hash; the variable ZAMOK_PYOTP names its `test.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from zamok import Secret
from zamok.compat import pyotp
from zamok.totp import Totp

#: Tests of pyotp that ours fails on purpose, each with the deviation that it shows.
DEVIATING = {
    "HOTPExampleValuesFromTheRFC.test_verify_otp_reuse": "look-alike digits",
    "OTPInputSizeTest.test_fullwidth_otp": "look-alike digits",
}

RUNNER = """
import importlib, json, sys, unittest
import zamok.compat.pyotp as ours
# One import is changed: whoever says pyotp gets ours.
for name, module in list(sys.modules.items()):
    if name == "zamok.compat.pyotp" or name.startswith("zamok.compat.pyotp."):
        sys.modules["pyotp" + name[len("zamok.compat.pyotp"):]] = module
source = open(sys.argv[1]).read()
tests = {"__name__": "pyotp_tests", "__file__": sys.argv[1]}
exec(compile(source, sys.argv[1], "exec"), tests)
assert tests["pyotp"] is ours
cases = [case for case in tests.values() if isinstance(case, type) and issubclass(case, unittest.TestCase)]
suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases)
result = unittest.TestResult()
suite.run(result)
failed = sorted({(getattr(test, "test_case", test)).id().removeprefix("pyotp_tests.") for test, _ in result.failures + result.errors})
told = {str(getattr(test, "test_case", test)): text for test, text in result.failures + result.errors}
print(json.dumps({"run": result.testsRun, "failed": failed, "skipped": len(result.skipped), "told": told}))
"""


def test_pyotps_own_suite_holds_but_for_the_named_deviations() -> None:
    suite = Path(os.environ["ZAMOK_PYOTP"])
    finished = subprocess.run([sys.executable, "-c", RUNNER, str(suite)], capture_output=True, text=True, check=True)
    result = json.loads(finished.stdout)
    assert result["run"] >= 55 and result["skipped"] == 0
    assert set(result["failed"]) == set(DEVIATING), json.dumps(result["told"], indent=2)
    assert set(DEVIATING.values()) <= set(pyotp.DEVIATIONS)


def test_every_deviation_has_a_reason_and_there_are_few() -> None:
    assert 0 < len(pyotp.DEVIATIONS) <= 10
    assert all(len(reason) > 60 for reason in pyotp.DEVIATIONS.values())


def test_a_counter_that_does_not_begin_at_zero_is_checked_where_it_is() -> None:
    import pyotp as original

    ours, theirs = (module.HOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", initial_count=3) for module in (pyotp, original))
    assert ours.at(0) == theirs.at(0) == "969429"
    for counter, holds in ((0, True), (3, False)):
        assert ours.verify("969429", counter) is theirs.verify("969429", counter) is holds
    with pytest.raises(ValueError, match="positive"):
        ours.verify("969429", -4)


def test_wide_windows_are_refused() -> None:
    totp = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert totp.verify(totp.at(10_000), for_time=10_000 - 63 * 30, valid_window=63)
    with pytest.raises(ValueError, match="at most 63"):
        totp.verify("287082", for_time=100_000, valid_window=64)


def test_the_later_of_two_steps_is_returned() -> None:
    totp = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    seen: dict[str, int] = {}
    for step in range(1, 100_000):
        code = totp.generate_otp(step)
        if step - seen.get(code, -1000) < 100:
            break
        seen[code] = step
    else:
        pytest.fail("no code came again so soon")
    first, middle = seen[code], (seen[code] + step) // 2
    assert totp.verify_and_get_timecode(code, for_time=middle * 30, valid_window=60) == step > first


def test_other_digests_are_refused() -> None:
    for digest in (hashlib.sha224, hashlib.sha384, hashlib.sha3_256, hashlib.blake2b):
        with pytest.raises(ValueError, match="SHA-1, SHA-256 or SHA-512"):
            pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", digest=digest)


def test_what_projects_do_with_pyotp_objects_still_works() -> None:
    import pyotp as original

    ours, theirs = (
        module.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", name="a", issuer="b") for module in (pyotp, original)
    )
    ours.at(0)
    moved = pickle.loads(pickle.dumps(ours))
    assert moved.at(59) == theirs.at(59) == "287082"
    moved.secret = "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"  # attributes may be changed, and the key follows
    assert moved.at(59) != "287082"
    ours.digits, theirs.digits = 8, 8
    assert ours.at(59) == theirs.at(59) == "94287082"
    ours.digest, theirs.digest = hashlib.sha256, hashlib.sha256
    assert ours.at(59) == theirs.at(59) != "94287082"
    ours.digits, ours.digest, theirs.digits, theirs.digest = 6, hashlib.sha1, 6, hashlib.sha1
    assert ours.provisioning_uri() == theirs.provisioning_uri()
    long = "MFRGGZDFMZTWQ2LK" * 16  # 160 bytes: longer than the engine's secrets
    for digest in ("sha1", "sha512"):
        make = getattr(hashlib, digest)
        assert pyotp.HOTP(long, digest=make).at(5) == original.HOTP(long, digest=make).at(5)

    class Reversed(pyotp.TOTP):
        def generate_otp(self, input: int) -> str:
            return super().generate_otp(input)[::-1]

    derived = Reversed("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert derived.at(59) == "280782" and derived.verify("280782", for_time=89, valid_window=1)

    class Alike(pyotp.TOTP):
        def generate_otp(self, input: int) -> str:
            return "123456"

    # Of equal codes the last counts in a subclass, too.
    alike = Alike("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert alike.verify_and_get_timecode("123456", for_time=300, valid_window=2) == 12
    public = {
        name
        for name, found in vars(original).items()
        if getattr(found, "__module__", getattr(found, "__name__", "")).startswith("pyotp")
    }
    import zamok.compat.pyotp.utils as helpers  # type: ignore[import-not-found]

    assert helpers is pyotp.utils
    assert len(public) >= 12 and all(hasattr(pyotp, name) for name in public), public


BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def test_a_digest_may_be_a_name_and_an_interval_a_float() -> None:
    import pyotp as original

    for name in ("sha1", "SHA256", "sha512"):
        ours, theirs = (module.HOTP(BASE32, digest=name) for module in (pyotp, original))
        assert ours.at(5) == theirs.at(5) and ours.verify(theirs.at(5), 5)
        assert ours.provisioning_uri(name="a")
    long = "MFRGGZDFMZTWQ2LK" * 16
    assert pyotp.HOTP(long, digest="sha256").at(5) == original.HOTP(long, digest="sha256").at(5)
    with pytest.raises(ValueError, match="SHA-1, SHA-256 or SHA-512"):
        pyotp.TOTP(BASE32, digest="sha384")
    for interval in (30.0, 0.5, 7.25, 119.9):
        ours, theirs = (module.TOTP(BASE32, interval=interval) for module in (pyotp, original))
        for at in (59, 1_111_111_109, 1_800_000_000.75):
            assert ours.at(at) == theirs.at(at) and ours.timecode(at) == theirs.timecode(at)
            assert ours.verify(theirs.at(at), for_time=at)
        assert ours.provisioning_uri() == theirs.provisioning_uri()


def test_keys_of_users_who_enrolled_with_an_older_pyotp_are_taken_when_that_is_asked_for() -> None:
    short = "JBSWY3DPEHPK3PXP"  # the 80 bits that most services have handed out
    made: dict[str, pyotp.OTP] = {
        "totp": pyotp.TOTP(short, accept_weak=True),
        "hotp": pyotp.HOTP(short, accept_weak=True),
        "steam": pyotp.contrib.Steam(short, accept_weak=True),
        "uri": pyotp.parse_uri(f"otpauth://totp/Bank:ivan?secret={short}&issuer=Bank", accept_weak=True),
    }
    key = Totp(Secret(base64.b32decode(short), accept_weak=True))
    for name in ("totp", "uri"):
        old = made[name]
        assert isinstance(old, pyotp.TOTP)
        assert old.at(1_800_000_000) == key.code(1_800_000_000)
        assert old.verify(key.code(1_800_000_030), for_time=1_800_000_000, valid_window=1)
        assert pickle.loads(pickle.dumps(old)).at(59) == old.at(59)
    assert made["hotp"].generate_otp(0) == made["totp"].generate_otp(0)
    assert len(made["steam"].generate_otp(0)) == 5
    for refused in (pyotp.TOTP, pyotp.HOTP, pyotp.contrib.Steam):
        with pytest.raises(ValueError, match="112 bits"):
            refused(short)
    with pytest.raises(ValueError, match="112 bits"):
        pyotp.parse_uri(f"otpauth://totp/Bank:ivan?secret={short}")
    with pytest.raises(ValueError, match="112 bits"):
        pyotp.TOTP("", accept_weak=True)


def test_no_window_is_a_window_of_one_step() -> None:
    import pyotp as original

    for module in (pyotp, original):
        totp = module.TOTP(BASE32)
        assert totp.verify("287082", for_time=59, valid_window=None)
        assert not totp.verify("287082", for_time=89, valid_window=None)
        with pytest.raises(TypeError):
            totp.verify_and_get_timecode("287082", for_time=59, valid_window=None)


def test_what_a_subclass_or_a_patch_says_is_what_counts() -> None:
    import pyotp as original

    for module in (pyotp, original):

        class Fixed(module.HOTP):  # type: ignore[misc, name-defined]
            def at(self, count: int) -> str:
                return "123456"

        fixed: Any = Fixed(BASE32)
        assert fixed.verify("123456", 0) and not fixed.verify("755224", 0)
        hotp, totp = module.HOTP(BASE32), module.TOTP(BASE32)
        with mock.patch.object(hotp, "at", return_value="111111"):
            assert hotp.verify("111111", 0) and not hotp.verify("755224", 0)
        for handler in (hotp, totp):
            with mock.patch.object(handler, "generate_otp", return_value="222222"):
                assert hotp.verify("222222", 0) is (handler is hotp)
                assert totp.verify("222222", for_time=59, valid_window=1) is (handler is totp)
        for owner in (module.OTP, module.TOTP):
            with mock.patch.object(owner, "generate_otp", lambda self, input: "333333"):
                assert totp.verify("333333", for_time=59) and not totp.verify("287082", for_time=59)
                assert totp.verify_and_get_timecode("333333", for_time=59) == 1
                assert hotp.verify("333333", 0) is (owner is module.OTP)
        assert hotp.verify("755224", 0) and totp.verify("287082", for_time=59)


def test_a_counter_beyond_64_bits_has_no_code() -> None:
    last = 2**64 - 1
    hotp = pyotp.HOTP(BASE32)
    assert hotp.verify(hotp.at(last), last)
    for counter in (2**64, 2**80):
        assert hotp.verify("755224", counter) is False
        with pytest.raises(ValueError, match="64 bits"):
            hotp.at(counter)
    assert pyotp.HOTP(BASE32, initial_count=last).verify("755224", 1) is False
    tiny = pyotp.TOTP(BASE32, interval=1e-12)
    assert tiny.verify("287082", for_time=1_800_000_000) is False


def test_the_inside_of_a_code_is_the_engines() -> None:
    class Other(pyotp.HOTP):
        @staticmethod
        def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
            return b"another"

    assert Other(BASE32).at(0) == pyotp.HOTP(BASE32).at(0) == "755224"

def test_secrets_are_drawn_from_the_operating_system_and_not_from_a_seed() -> None:
    from zamok.compat.pyotp.compat import random as source

    drawn: set[str] = set()
    for _ in range(2):
        source.seed(1)
        drawn |= {pyotp.random_base32(), pyotp.random_hex()}
    assert len(drawn) == 4


@pytest.mark.parametrize(
    "rest",
    ["totp/a?counter=1", "hotp/a?period=30", "totp/a?encoder=steam&algorithm=SHA1", "totp/a?encoder=steam&counter=1"],
)
def test_what_another_type_of_key_has_is_a_value_error(rest: str) -> None:
    with pytest.raises(ValueError, match="another OTP type"):
        pyotp.parse_uri(f"otpauth://{rest}&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")

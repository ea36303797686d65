"""What the tests share: the tier, a small policy that hashes quickly, a cabinet with an enrolled account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

import zamok
from zamok import Cabinet, ManualClock, OtpUri
from zamok.totp import Totp

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000
PASSPHRASE = "six random words or more"
PASSWORD = "a garden behind the station"
#: What a passphrase costs in tests: 64 KiB, one pass.
CHEAP = (64, 1, 1)
#: What a password costs in tests.
POLICY = """
profile = "strict"
[password.cost]
memory_kib = 19456
passes = 1
lanes = 1
"""


def tier(check: int, ci: int, full: int) -> int:
    """The count of this run, by the same rule as in Rust: a missing variable means `ci`."""
    counts = {"check": check, "ci": ci, "full": full}
    return counts[os.environ.get("ZAMOK_TIER", "ci")]


hypothesis.settings.register_profile("zamok", max_examples=tier(20, 100, 2_000), deadline=None, derandomize=True)
hypothesis.settings.load_profile("zamok")


def pytest_sessionstart(session: pytest.Session) -> None:
    """The wheel is tested, not the tree."""
    assert "site-packages" in Path(str(zamok.__file__)).parts, f"{zamok.__file__} is not an installed package"


@dataclass
class House:
    """A cabinet with the account of ivan, whose phone is at hand."""

    cabinet: Cabinet
    clock: ManualClock
    phone: Totp
    url: str

    def code(self) -> str:
        """A code that was not used: half a minute later than the last one."""
        self.clock.advance(30)
        return self.phone.code(self.clock.now)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url, clock = f"sqlite:{tmp_path / 'bank.db'}", ManualClock(NOW)
    with Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, clock=clock) as cabinet:
        cabinet.register("ivan", PASSWORD)
        enrolment = cabinet.begin_enrolment("ivan", PASSWORD)
        phone = OtpUri.parse(cabinet.offer_generator(enrolment).uri).totp()
        cabinet.confirm_generator(enrolment, phone.code(clock.now))
        yield House(cabinet, clock, phone, url)

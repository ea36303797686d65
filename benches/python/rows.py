"""Measures one row of `cargo xtask compare` inside Python, ours and theirs in turns, and prints it as JSON.

    rows.py ROW ROUNDS TURN-MILLISECONDS SIZE

Times are those of the process on its processors, in nanoseconds a unit; the ratio is the median of neighbouring turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import repeat

import pyotp

from zamok import Rejected
from zamok.totp import Totp, verify_batch

NOW = 1_800_000_000
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
Work = Callable[[int], None]


def pair(rounds: int, turn: float, ours: Work, theirs: Work, units: int) -> dict[str, float]:
    def measured(work: Work, calls: int) -> float:
        begun = time.process_time_ns()
        work(calls)
        return (time.process_time_ns() - begun) / calls / units

    def calls_for(work: Work) -> int:
        calls = 1
        while (taken := measured(work, calls) * calls * units) < turn * 1e9:
            calls = max(calls + 1, int(calls * min(10.0, turn * 1.1e9 / max(taken, 1.0))))
        return calls

    calls = calls_for(ours), calls_for(theirs)
    here, there, ratios = [], [], []
    for number in range(rounds):
        if number % 2:
            b = measured(theirs, calls[1])
            a = measured(ours, calls[0])
        else:
            a = measured(ours, calls[0])
            b = measured(theirs, calls[1])
        here.append(a)
        there.append(b)
        ratios.append(a / b)
    median = statistics.median
    return {"ours": median(here), "theirs": median(there), "ratio": median(ratios), "ratio_min": min(ratios)}


def verify(rounds: int, turn: float, miss: bool) -> dict[str, float]:
    ours, theirs = Totp.from_base32(BASE32), pyotp.TOTP(BASE32)
    near = {ours.code_of_step(NOW // 30 + away) for away in range(-20, 20)}
    code = next(text for text in map("{:06}".format, range(1000)) if text not in near)
    if not miss:
        # Found by pyotp at its last try: both sides compute the whole window.
        code = theirs.at(NOW, counter_offset=1)
    assert theirs.verify(code, for_time=NOW, valid_window=1) is not miss

    def here(calls: int) -> None:
        check = ours.verify
        for _ in repeat(None, calls):
            try:
                check(code, NOW)
            except Rejected:
                pass

    def there(calls: int) -> None:
        check = theirs.verify
        for _ in repeat(None, calls):
            check(code, for_time=NOW, valid_window=1)

    return pair(rounds, turn, here, there, 1)


def batch(rounds: int, turn: float, size: int) -> dict[str, float]:
    keys = [Totp(number.to_bytes(20, "big")) for number in range(size)]
    codes = [key.code(NOW) for key in keys]
    packed = "".join(codes).encode()
    assert verify_batch(keys, packed, NOW).tolist() == [NOW // 30] * size

    def here(calls: int) -> None:
        for _ in repeat(None, calls):
            verify_batch(keys, packed, NOW)

    def there(calls: int) -> None:
        for _ in repeat(None, calls):
            for key, code in zip(keys, codes):
                key.verify(code, NOW)

    return pair(min(rounds, 15), turn, here, there, size)


def main() -> None:
    row, rounds, turn, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1000, int(sys.argv[4])
    if row == "py-verify":
        found = verify(rounds, turn, miss=True)
        hit = verify(max(rounds // 3, 3), turn, miss=False)
        note = f"a hit at pyotp's last step: {hit['ours']:.0f} ns, ratio {hit['ratio']:.4f}"
    elif row == "py-batch":
        found = batch(rounds, turn, size)
        note = f"{size} keys"
    else:
        raise SystemExit(f"no row {row}")
    print(json.dumps({**found, "note": note}))


main()

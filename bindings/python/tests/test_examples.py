"""What the pages show, a newcomer can run: the front pages' Python, and the programs in `examples/python`."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PASSPHRASE, PASSWORD, ROOT, House

import zamok
from zamok import OtpUri

EXAMPLES = ROOT / "examples" / "python"


@pytest.mark.parametrize("page", ["README.md", "bindings/python/README.md"])
def test_the_python_of_a_front_page_runs(page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    assert len(blocks) == 1
    finished = subprocess.run([sys.executable, "-c", blocks[0]], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("substantial eyJ")


def run(program: str, *arguments: str, lines: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / program), *arguments]
    return subprocess.run(
        command, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=False
    )


def test_login_py_gives_a_token_and_rejects_without_a_reason(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'bank.db'}"
    with zamok.Cabinet.create(url, PASSPHRASE, issuer="Bank", cost=(64, 1, 1)) as cabinet:
        cabinet.register("ivan", PASSWORD)
        enrolment = cabinet.begin_enrolment("ivan", PASSWORD)
        phone = OtpUri.parse(cabinet.offer_generator(enrolment).uri).totp()
        while phone.seconds_left() < 10:  # the step must not end between two lines
            time.sleep(0.5)
        cabinet.confirm_generator(enrolment, phone.code_of_step(phone.step_at() - 1))
        good = run("login.py", url, "ivan", lines=[PASSPHRASE, PASSWORD, phone.code_of_step(phone.step_at())])
        assert good.returncode == 0, good.stderr
        assert cabinet.verify_token(good.stdout.strip(), audience="zamok").client == "login.py"
        for lines in (
            [PASSPHRASE, PASSWORD, "000000x"],
            [PASSPHRASE, "wrong", "123456"],
            ["wrong", PASSWORD, "123456"],
        ):
            bad = run("login.py", url, "ivan", lines=lines)
            assert (bad.returncode, bad.stdout, bad.stderr) == (1, "", "rejected\n")
    missing = run("login.py", f"sqlite:{tmp_path / 'none.db'}", "ivan", lines=[PASSPHRASE])
    assert missing.returncode == 2 and "516" in missing.stderr


def test_enrol_py_shows_a_qr_code_and_ends_with_the_code_of_the_app(house: House) -> None:
    command = [sys.executable, str(EXAMPLES / "enrol.py"), house.url, "anna"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin and program.stdout
        program.stdin.write(f"{PASSPHRASE}\n{PASSWORD}\n")
        program.stdin.flush()
        shown = ""
        while "otpauth://" not in shown:
            line = program.stdout.readline()
            assert line, "it ended without an offer"
            shown += line
        assert shown.count("█") > 500
        phone = OtpUri.parse(shown[shown.index("otpauth://") :].strip()).totp()
        program.stdin.write(f"nonsense\n{phone.code()}\n")
        program.stdin.flush()
        rest = program.stdout.read()
    assert program.returncode == 0 and "That was not it." in rest and "anna is enrolled" in rest


def test_a_qr_code_in_svg_is_a_picture() -> None:
    picture = zamok.qr.svg("otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert picture.startswith("<?xml") and picture.rstrip().endswith("</svg>")
    with pytest.raises(ValueError, match="fits no QR code"):
        zamok.qr.terminal("x" * 5000)

def test_enrol_py_goes_on_where_an_earlier_run_has_ended(house: House) -> None:
    lines = [PASSPHRASE, PASSWORD, "nonsense", "nonsense", "nonsense"]
    for _ in range(2):
        ended = run("enrol.py", house.url, "anna", lines=lines)
        assert "otpauth://" in ended.stdout and "begin again" in ended.stderr, ended.stderr

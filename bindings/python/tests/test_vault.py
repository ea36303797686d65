"""The vault from Python: keys as handles, codes spent in one commit, doors that lock (R2, R4, R28, R31)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.server
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHEAP, NOW, PASSPHRASE, POLICY, House
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zamok import Cabinet, ManualClock, OtpUri, Rejected, Vault, aio, backup, errors, verify_signature
from zamok.totp import Totp


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def vault(tmp_path: Path, clock: ManualClock) -> Iterator[Vault]:
    with Vault.create(f"sqlite:{tmp_path / 'v.db'}", PASSPHRASE, cost=CHEAP, clock=clock) as opened:
        yield opened


def test_a_totp_key_is_shown_once_tested_and_then_spends_each_code_once(vault: Vault, clock: ManualClock) -> None:
    key = vault.create_totp("ivan")
    assert (vault.key(key).kind, vault.key(key).state, vault.key(key).local) == ("TOTP", "pre-active", True)
    phone = OtpUri.parse(vault.provision(key, issuer="Bank", account="ivan")).totp()
    with pytest.raises(errors.KeyUsage):
        vault.provision(key, issuer="Bank", account="ivan")
    with pytest.raises(errors.KeyState):
        vault.verify(key, phone.code(NOW))
    with pytest.raises(Rejected):
        vault.activate(key, "nonsense")
    assert vault.activate(key, phone.code(NOW)) == NOW // 30
    with pytest.raises(Rejected):  # the test code is spent
        vault.verify(key, phone.code(NOW))
    clock.advance(30)
    assert vault.verify(key, phone.code(NOW + 30)) == NOW // 30 + 1
    with pytest.raises(Rejected):
        vault.verify(key, phone.code(NOW + 30))


def test_an_imported_hotp_key_goes_on_where_it_was(vault: Vault) -> None:
    key = vault.import_hotp(b"12345678901234567890", "token", counter=3)
    assert vault.key(key).local is False
    with pytest.raises(Rejected):
        vault.verify(key, "359152")  # counter 2
    assert vault.verify(key, "969429") == 3
    with pytest.raises(errors.KeyState):
        vault.provision(key, issuer="Bank", account="ivan")
    totp = vault.import_totp(b"12345678901234567890", "app", last_step=NOW // 30)
    with pytest.raises(Rejected):
        vault.verify(totp, Totp(b"12345678901234567890").code(NOW))


def test_guesses_are_delayed_and_in_the_end_disable_the_key(vault: Vault, clock: ManualClock) -> None:
    key = vault.import_totp(b"12345678901234567890", "app")
    phone = Totp(b"12345678901234567890")
    for _ in range(60):
        clock.advance(7200)
        if vault.key(key).state != "active":
            break
        with pytest.raises(Rejected):
            vault.verify(key, "guess!")
    assert vault.key(key).state == "suspended"
    with pytest.raises(errors.KeyState):
        vault.verify(key, phone.code(clock.now))
    vault.resume(key, "shown in person")
    assert vault.verify(key, phone.code(clock.now)) > 0


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa-2048"])
def test_signatures_are_accepted_by_another_library(vault: Vault, kind: str) -> None:
    key = vault.create_key(kind, "documents", purpose="document")  # type: ignore[arg-type]
    data = b"I owe you 100."
    signature, pem = vault.sign(key, bytearray(data), name="note.txt"), vault.public_key(key)
    verify_signature(pem, data, signature)
    public = serialization.load_pem_public_key(pem.encode())
    if isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, data, ec.ECDSA(hashes.SHA256() if kind == "p256" else hashes.SHA384()))
    elif isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(signature, data)
    else:
        assert isinstance(public, rsa.RSAPublicKey)
        public.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    for wrong in (b"", signature[:-1], signature[:-1] + bytes([signature[-1] ^ 1])):
        with pytest.raises(Rejected):
            verify_signature(pem, data, wrong)
    with pytest.raises(errors.KeyMaterial):
        verify_signature("no key", data, signature)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=10_000), beside=st.binary(max_size=100))
def test_what_is_sealed_opens_beside_the_same_data_alone(vault: Vault, data: bytes, beside: bytes) -> None:
    key = vault.create_key("aes-256", "files")
    sealed = vault.seal(key, memoryview(data), associated=beside)
    assert data not in sealed or len(data) < 4
    assert vault.open_sealed(key, bytearray(sealed), associated=beside) == data
    for wrong in (b"", sealed[:-1], bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Rejected):
            vault.open_sealed(key, wrong, associated=beside)
    with pytest.raises(Rejected):
        vault.open_sealed(key, sealed, associated=beside + b"x")


def test_a_rotated_key_still_checks_what_it_made(vault: Vault) -> None:
    key = vault.create_key("hmac", "receipts")
    version, tag = vault.mac(key, b"data")
    assert (version, len(tag)) == (1, hashlib.sha256().digest_size)
    assert vault.rotate_key(key, "yearly") == 2
    assert vault.mac(key, b"data")[0] == 2
    vault.check_mac(key, b"data", version, tag)
    for wrong in (tag[:-1], tag[:-1] + bytes([tag[-1] ^ 1])):
        with pytest.raises(Rejected):
            vault.check_mac(key, b"data", version, wrong)
    for none in (3, 2**32 - 1, 2**32, 2**80, -1):
        with pytest.raises(Rejected):
            vault.check_mac(key, b"data", none, tag)
    with pytest.raises(TypeError):
        vault.check_mac(key, b"data", "1", tag)  # type: ignore[arg-type]
    assert [info.id for info in vault.keys("receipts")] == [key]
    assert key in {info.id for info in vault.keys()}
    vault.change_key_state(key, "deactivated", "done")
    with pytest.raises(errors.KeyState):
        vault.mac(key, b"data")


def test_misuse_is_named(vault: Vault) -> None:
    with pytest.raises(errors.UnknownKey):
        vault.key("0" * 32)
    with pytest.raises(errors.UnknownKey):
        vault.verify("+" + "0" * 31, "123456")
    with pytest.raises(errors.KeyKind):
        vault.sign(vault.create_key("hmac", "x"), b"data")
    with pytest.raises(ValueError, match="no kind of key"):
        vault.create_key("des", "x")  # type: ignore[arg-type]
    with pytest.raises(errors.StoreUrl):
        Vault.open("mysql://x", PASSPHRASE)
    with pytest.raises(TypeError, match="a passphrase or a key"):
        Vault.open("memory:")
    with pytest.raises(errors.PolicyUnsound, match="no such_number"):
        Vault.create("memory:", PASSPHRASE, policy="such_number = 1", cost=CHEAP)


def test_the_doors(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    with pytest.raises(errors.StoreMissing) as missing:
        Vault.open(url, PASSPHRASE)
    assert isinstance(missing.value, errors.StoreError) and missing.value.code == 516
    secret = bytearray(b"six random words or more")
    with Vault.create(url, secret, cost=CHEAP) as vault:
        assert not vault.locked and vault.role == "user" and "open" in repr(vault)
        vault.create_key("hmac", "x")
    assert vault.locked and "locked" in repr(vault)
    with pytest.raises(errors.Locked):
        vault.keys()
    secret[:] = bytes(len(secret))  # the caller wiped it: the vault has kept no reference
    with pytest.raises(errors.VaultExists):
        Vault.create(url, PASSPHRASE, cost=CHEAP)
    with pytest.raises(Rejected):
        Vault.open(url, "another one")
    with Vault.open(url, PASSPHRASE, role="officer") as officer:
        assert officer.role == "officer"
        with pytest.raises(errors.Role):
            officer.create_key("hmac", "y")
    clock = ManualClock(NOW)
    for _ in range(10):
        try:
            Vault.open(url, "a guess", clock=clock)
        except errors.UnlockNotBefore as delayed:
            assert delayed.until > NOW
            break
        except Rejected:
            continue
    else:
        pytest.fail("guesses are not delayed")


def test_a_key_opens_in_the_place_of_a_passphrase(tmp_path: Path) -> None:
    url, key = f"sqlite:{tmp_path / 'v.db'}", bytes(range(32))
    Vault.create(url, key=key).lock()
    with Vault.open(url, key=bytearray(key)) as vault:
        assert not vault.locked
    with pytest.raises(errors.TooLong):
        Vault.open(url, key=b"short")
    with pytest.raises(errors.SlotMethod):
        Vault.open(url, PASSPHRASE)


def test_an_idle_vault_locks_itself(tmp_path: Path) -> None:
    vault = Vault.create("memory:", PASSPHRASE, cost=CHEAP, idle=1)
    for _ in range(300):
        if vault.locked:
            return
        time.sleep(0.1)
    pytest.fail("it stayed open")


def test_an_anchored_vault_opens_with_its_anchor_and_not_when_it_was_put_back(tmp_path: Path) -> None:
    file, anchor = tmp_path / "v.db", tmp_path / "anchor"
    url = f"sqlite:{file}"
    vault = Vault.create(url, PASSPHRASE, cost=CHEAP, anchor=anchor)
    begun = anchor.read_text()
    assert begun.startswith(vault.origin)
    del vault
    for role in ("user", "officer"):
        with pytest.raises(errors.AnchorMissing):
            Vault.open(url, PASSPHRASE, role=role)
    shutil.copy(file, tmp_path / "older.db")
    vault = Vault.open(url, PASSPHRASE, anchor=str(anchor))
    vault.create_key("hmac", "receipts")
    assert vault.integrate() > 0 and anchor.read_text() == begun
    assert vault.checkpoint() == anchor.read_text() != begun
    del vault
    shutil.copy(tmp_path / "older.db", file)
    with pytest.raises(errors.LogBehind):
        Vault.open(url, PASSPHRASE, anchor=anchor)
    with pytest.raises(errors.AnchorMissing):
        Vault.open(url, PASSPHRASE, anchor=tmp_path / "none")


def test_an_anchor_stays_where_it_was_when_the_working_folder_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    for door in ("create", "open"):
        monkeypatch.chdir(tmp_path)
        if door == "create":
            vault = Vault.create("sqlite:v.db", PASSPHRASE, cost=CHEAP, anchor="anchor")
        else:
            vault = Vault.open("sqlite:v.db", PASSPHRASE, anchor="anchor")
        # As a service does that becomes a daemon.
        monkeypatch.chdir(tmp_path / "elsewhere")
        vault.create_key("hmac", door)
        assert vault.checkpoint() == (tmp_path / "anchor").read_text()
        del vault
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_anchor_is_begun_in_a_new_or_an_empty_file(tmp_path: Path) -> None:
    anchor, empty = tmp_path / "anchor", tmp_path / "empty"
    empty.touch()
    url = f"sqlite:{tmp_path / 'bank.db'}"
    with Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, anchor=empty) as made:
        assert empty.read_text().startswith(made.vault.origin)
    with pytest.raises(errors.AnchorMissing):
        Cabinet.open(url, PASSPHRASE)
    with Cabinet.open(url, PASSPHRASE, anchor=empty) as opened:
        assert opened.checkpoint() == empty.read_text()
    Vault.create(f"sqlite:{tmp_path / 'v.db'}", PASSPHRASE, cost=CHEAP, anchor=anchor).lock()
    with pytest.raises(errors.LogForked):  # it is that of another log
        Cabinet.open(url, PASSPHRASE, anchor=anchor)
    before = anchor.read_text()
    for name, create in (("w.db", Vault.create), ("x.db", lambda *a, **k: Cabinet.create(*a, issuer="Bank", **k))):
        with pytest.raises(FileExistsError, match="remembers a log"):
            create(f"sqlite:{tmp_path / name}", PASSPHRASE, cost=CHEAP, anchor=anchor)
        assert not (tmp_path / name).exists()
    with pytest.raises(FileNotFoundError):
        Vault.create(f"sqlite:{tmp_path / 'y.db'}", PASSPHRASE, cost=CHEAP, anchor=tmp_path / "no folder" / "anchor")
    assert anchor.read_text() == before

    async def main() -> None:
        async with await aio.Cabinet.open(url, PASSPHRASE, anchor=empty) as bank:
            assert not bank.locked
        there = await aio.Vault.create("memory:", PASSPHRASE, cost=CHEAP, anchor=tmp_path / "third")
        assert (tmp_path / "third").read_text().startswith(there.origin)

    asyncio.run(main())



@pytest.mark.parametrize("door", ["vault", "cabinet"])
def test_a_vault_whose_anchor_cannot_be_written_is_there_and_said_to_be(tmp_path: Path, door: str) -> None:
    url, anchor = f"sqlite:{tmp_path / 'v.db'}", tmp_path / "anchor"
    (tmp_path / "anchor.lock").mkdir()  # nobody takes a turn at it then
    with pytest.raises(errors.StoreUnavailable) as caught:
        if door == "vault":
            Vault.create(url, PASSPHRASE, cost=CHEAP, anchor=anchor)
        else:
            Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, anchor=anchor)
    assert any("the vault was made" in note for note in caught.value.__notes__)
    (Vault if door == "vault" else Cabinet).open(url, PASSPHRASE).lock()


class Witness(http.server.BaseHTTPRequestHandler):
    """One that knows no log."""

    def do_GET(self) -> None:
        body = b"this witness knows nothing of this log\n"
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_witnesses_are_asked_in_the_place_of_an_anchor(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'bank.db'}"
    Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP).lock()
    anchored = f"sqlite:{tmp_path / 'anchored.db'}"
    Cabinet.create(anchored, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, anchor=tmp_path / "anchor").lock()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        # C2SP tlog-cosignature: a key of the type 4.
        key = b"\x04" + ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        hashed = hashlib.sha256(b"witness.example\n" + key).hexdigest()[:8]
        vkey = f"witness.example+{hashed}+{base64.b64encode(key).decode()}"
        policy = f"witness w {vkey} http://127.0.0.1:{server.server_port}\nquorum w\n"
        with Cabinet.open(url, PASSPHRASE, anchor_witnesses=policy) as bank:
            assert bank.vault.role == "user"
        with Vault.open(url, PASSPHRASE, anchor_witnesses=policy) as vault:
            assert not vault.locked
        with pytest.raises(errors.AnchorMissing):  # that they know nothing of it is no anchor
            Vault.open(anchored, PASSPHRASE, anchor_witnesses=policy)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(errors.Unwitnessed):  # nobody answers, which is no permission
        Cabinet.open(url, PASSPHRASE, anchor_witnesses=policy)
    for wrong in ("", "whom to ask"):
        with pytest.raises(ValueError, match="no policy from line"):
            Vault.open(url, PASSPHRASE, anchor_witnesses=wrong)
    with pytest.raises(TypeError, match="not both"):
        Vault.open(url, PASSPHRASE, anchor=tmp_path / "anchor", anchor_witnesses=policy)


@pytest.mark.parametrize(
    "cost",
    [(7, 1, 1), (2**22 + 1, 1, 1), (64, 0, 1), (64, 65, 1), (64, 1, 0), (256, 1, 17), (15, 1, 2), (-1, 1, 1), (64, 2**40, 1)],
)
def test_a_cost_out_of_its_bounds_is_misuse_and_leaves_nothing_behind(tmp_path: Path, cost: tuple[int, int, int]) -> None:
    file = tmp_path / "v.db"
    url = f"sqlite:{file}"
    with pytest.raises(ValueError, match="8 to 4194304 KiB"):
        Vault.create(url, PASSPHRASE, cost=cost)
    with pytest.raises(ValueError, match="1 to 64 passes"):
        Cabinet.create(url, PASSPHRASE, issuer="Bank", cost=cost)
    assert not file.exists()
    Vault.create(url, PASSPHRASE, cost=CHEAP).lock()
    copy = tmp_path / "backup"
    with Vault.open(url, PASSPHRASE, role="officer") as officer:
        with pytest.raises(ValueError, match="1 to 16 lanes"):
            officer.slots.add("user", "another one", cost=cost)
        with pytest.raises(ValueError, match="1 to 16 lanes"):
            officer.slots.change(0, "another one", cost=cost)
        assert len(officer.slots.all()) == 2
    with Vault.open(url, PASSPHRASE) as vault:
        with pytest.raises(ValueError, match="1 to 16 lanes"):
            vault.backup(copy, "a passphrase of its own", cost=cost)
        assert not copy.exists()
        vault.backup(copy, "a passphrase of its own", cost=CHEAP)
    with pytest.raises(ValueError, match="1 to 16 lanes"):
        backup.restore(copy, "a passphrase of its own", f"sqlite:{tmp_path / 'w.db'}", PASSPHRASE, cost=cost)
    assert not (tmp_path / "w.db").exists()


def test_what_is_no_cost_is_a_type_error() -> None:
    for cost in (5, "high", (64, 1.5, 1)):
        with pytest.raises(TypeError):
            Vault.create("memory:", PASSPHRASE, cost=cost)  # type: ignore[arg-type]


def test_an_audit_goes_by_the_keys_of_now(tmp_path: Path, clock: ManualClock) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    vault = Vault.create(url, PASSPHRASE, cost=CHEAP, clock=clock)
    assert vault.audit().clean and vault.audit().settled
    with Vault.open(url, PASSPHRASE, role="officer", clock=clock) as officer:
        (mine,) = (slot.number for slot in officer.slots.all() if slot.role == "user")
        officer.slots.add("user", "another passphrase", cost=CHEAP)
        officer.slots.remove(mine)
    # Another handle has changed the doors: an audit looks before it judges, and this handle's own slot is gone.
    with pytest.raises(errors.Locked):
        vault.audit()


def test_slots_are_shown_through_an_open_vault_alone(vault: Vault) -> None:
    slots = vault.slots
    assert len(slots.all()) == 2
    vault.lock()
    with pytest.raises(errors.Locked):
        slots.all()

def test_codes_are_checked_by_the_numbers_of_the_policy_at_every_door(tmp_path: Path, clock: ManualClock) -> None:
    url, exact = f"sqlite:{tmp_path / 'bank.db'}", POLICY + "[generator]\npast = 0\nfuture = 0\n"
    phone = Totp(b"12345678901234567890")
    with Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=exact, cost=CHEAP, clock=clock) as bank:
        key = bank.vault.import_totp(b"12345678901234567890", "app")
        with pytest.raises(Rejected):
            bank.vault.verify(key, phone.code(clock.now - 30))
        assert bank.vault.verify(key, phone.code(clock.now)) == NOW // 30
    for door in ("the cabinet", "the vault"):
        clock.advance(86_400)
        opened = (
            Cabinet.open(url, PASSPHRASE, clock=clock).vault
            if door == "the cabinet"
            else Vault.open(url, PASSPHRASE, policy=exact, clock=clock)
        )
        with opened as vault:
            with pytest.raises(Rejected):
                vault.verify(key, phone.code(clock.now - 30))
            assert vault.verify(key, phone.code(clock.now)) == clock.now // 30
    made = Vault.create("memory:", PASSPHRASE, policy=exact, cost=CHEAP, clock=clock)
    key = made.import_totp(b"12345678901234567890", "app")
    with pytest.raises(Rejected):
        made.verify(key, phone.code(clock.now - 30))
    assert made.verify(key, phone.code(clock.now)) == clock.now // 30

@pytest.mark.parametrize("accept", [0, 1, 60])
def test_a_version_that_was_rotated_away_serves_for_as_long_as_was_said(
    vault: Vault, clock: ManualClock, accept: int
) -> None:
    key = vault.create_key("hmac", "receipts")
    version, tag = vault.mac(key, b"data")
    vault.rotate_key(key, "it leaked", accept=accept)
    if accept > 0:
        clock.advance(accept - 1)
        vault.check_mac(key, b"data", version, tag)
        clock.advance(1)
    with pytest.raises((errors.KeyNotValid, Rejected)):
        vault.check_mac(key, b"data", version, tag)
    vault.check_mac(key, b"data", *vault.mac(key, b"data"))


def test_a_key_signs_for_its_own_purpose_and_one_of_tokens_only_when_that_is_named(house: House) -> None:
    vault = house.cabinet.vault
    (tokens,) = vault.keys("access tokens")
    with pytest.raises(errors.KeyPurpose):
        vault.sign(tokens.id, b"header.claims")
    with pytest.raises(errors.KeyPurpose):
        vault.sign(tokens.id, b"header.claims", purpose="document")
    with pytest.raises(ValueError, match="the purpose is"):
        vault.sign(tokens.id, b"header.claims", purpose="checkpoint")  # type: ignore[arg-type]
    verify_signature(vault.public_key(tokens.id), b"x", vault.sign(tokens.id, b"x", purpose="token"))
    key = vault.create_key("p256", "requests", purpose="request")
    verify_signature(vault.public_key(key), b"x", vault.sign(key, b"x"))


@pytest.mark.parametrize("idle", [0, False])
def test_a_vault_that_would_lock_at_once_is_misuse(tmp_path: Path, idle: int) -> None:
    url = f"sqlite:{tmp_path / 'v.db'}"
    with pytest.raises(ValueError, match="None for never"):
        Vault.create(url, PASSPHRASE, cost=CHEAP, idle=idle)
    with pytest.raises(ValueError, match="None for never"):
        Cabinet.create(url, PASSPHRASE, issuer="Bank", cost=CHEAP, idle=idle)
    assert not (tmp_path / "v.db").exists()

@pytest.mark.parametrize("door", ["vault", "cabinet"])
def test_what_is_opened_locks_itself_when_it_was_told_to(tmp_path: Path, door: str) -> None:
    url = f"sqlite:{tmp_path / 'bank.db'}"
    Cabinet.create(url, PASSPHRASE, issuer="Bank", policy=POLICY, cost=CHEAP, idle=None).lock()
    opened = Vault.open(url, PASSPHRASE, idle=1) if door == "vault" else Cabinet.open(url, PASSPHRASE, idle=1)
    for _ in range(300):
        if opened.locked:
            return
        time.sleep(0.1)
    pytest.fail("it stayed open")

def test_keys_of_a_label_are_listed_page_by_page(vault: Vault) -> None:
    made = sorted(vault.create_key("hmac", "receipts") for _ in range(5))
    vault.create_key("hmac", "others")
    found: list[str] = []
    after: str | None = None
    while page := vault.keys("receipts", limit=2, after=after):
        assert len(found) < len(made), "a page comes again"
        found += [info.id for info in page]
        after = found[-1]
    assert found == made

"""The vault from Python: keys as handles, codes spent in one commit, doors that lock (R2, R4, R28, R31)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHEAP, NOW, PASSPHRASE
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zamok import ManualClock, OtpUri, Rejected, Vault, errors, verify_signature
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
    import time

    vault = Vault.create("memory:", PASSPHRASE, cost=CHEAP, idle=1)
    for _ in range(300):
        if vault.locked:
            return
        time.sleep(0.1)
    pytest.fail("it stayed open")

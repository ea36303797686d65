"""Opens the vectors of docs/formats/{record,state,slot}.md with another implementation: HKDF, AES-256-GCM and HMAC of
the Python package `cryptography`. Knows nothing of Zamok but those pages. Exits with 0 when every vector opens."""

import re
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGES = Path(__file__).resolve().parent.parent / "docs" / "formats"


def vectors(page):
    text = (PAGES / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```vector (\S+)\n([0-9a-f\n]*)^```$", text, re.MULTILINE)
    return {name: bytes.fromhex(digits) for name, digits in blocks}


def hkdf(key, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def sha256(data):
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def unseal(key, label, header, sealed):
    """salt, commitment, ciphertext and tag, after record.md, "Sealing"."""
    salt, commitment, ciphertext = sealed[:32], sealed[32:64], sealed[64:]
    material = hkdf(key, salt, label + sha256(header), 76)
    assert constant_time.bytes_eq(material[44:], commitment), "the commitment is another"
    return AESGCM(material[:32]).decrypt(material[32:44], ciphertext, header)


class Header:
    """The header of a sealed record or a state row, after record.md, "Header"."""

    def __init__(self, row):
        self.magic, self.format, self.suite, self.vault, self.table, length = struct.unpack(">4sHB16sHH", row[:27])
        at = 27 + length
        self.key = row[27:at]
        self.data_key, self.revision, length = struct.unpack(">IQH", row[at : at + 14])
        at += 14
        self.attributes = row[at : at + length]
        assert len(self.attributes) == length
        self.bytes, self.rest = row[: at + length], row[at + length :]


def check_record(page, name, place):
    header = Header(page[f"{name}-row"])
    assert (header.magic, header.format, header.suite, header.vault) == (b"ZMKR", 1, 1, page["vault"])
    assert (header.table, header.data_key, header.revision) == (place, 1, 1)
    assert header.attributes == page[f"{name}-attributes"]
    assert unseal(page["data-key"], b"zamok/record/v1", header.bytes, header.rest) == page[f"{name}-body"]


def check_state(row, vault, key, label=b"zamok/state/v1"):
    header = Header(row)
    assert (header.magic, header.format, header.suite, header.vault) == (b"ZMKS", 1, 1, vault)
    tag = hmac.HMAC(hkdf(key, vault, label, 32), hashes.SHA256())
    tag.update(header.bytes)
    tag.verify(header.rest)
    return header.attributes


def main():
    record = vectors("record.md")
    check_record(record, "key", 2)
    check_record(record, "detail", 17)

    state = vectors("state.md")
    for name in ("new", "old"):
        assert check_state(state[f"{name}-row"], state["vault"], state["data-key"]) == state[f"{name}-body"]

    checked = check_vault(vectors("slot.md"))
    print(f"records 2, states 2, {checked}: all opened")


def check_vault(page):
    """The vault of slot.md: three slots, three keys, header, log."""
    vault, kek = page["vault"], page["key-encryption-key"]
    cost, none = (262144, 3, 1), (0, 0, 0)
    slots = [
        ("officer-row", 1, 1, cost, b"officer", page["root-key"]),
        ("user-row", 2, 3, none, b"the service", page["root-key"]),
        ("auditor-row", 3, 2, cost, b"audit", page["journal-root-key"]),
    ]
    for number, (name, role, method, parameters, label, wrapped) in enumerate(slots):
        at = 71 + len(label)
        header, sealed = page[name][:at], page[name][at:]
        start = struct.pack(">4sH16sBBBIII", b"ZMKU", 1, vault, number, role, method, *parameters)
        assert header[:37] == start and header[69:] == struct.pack(">H", len(label)) + label
        assert unseal(kek, b"zamok/slot/v1", header, sealed) == wrapped

    assert page["user-row"][37:69] == page["salt"]
    info = b"zamok/slot-key/v1" + vault + bytes([1, 2, 3])
    assert hkdf(page["material"], page["salt"], info, 32) == page["derived-key"]

    root, journal_root = page["root-key"], page["journal-root-key"]
    assert hkdf(root, vault, b"zamok/auditor/v1", 32) == journal_root
    for family, name, above in ((1, "data", root), (2, "journal", journal_root), (3, "index", root)):
        header, sealed = page[f"{name}-key-row"][:27], page[f"{name}-key-row"][27:]
        assert header == struct.pack(">4sH16sBI", b"ZMKD", 1, vault, family, 1)
        assert unseal(above, b"zamok/data-key/v1", header, sealed) == page[f"{name}-key"]

    body = check_state(page["header-row"], vault, root, b"zamok/header/v1")
    listed = b"".join(bytes([at, at + 1]) + sha256(page[name]) for at, (name, *_) in enumerate(slots))
    key = struct.pack(">BIQ", 1, 1, 1800000000)
    expected = struct.pack(">BQBB", 1, 1800000000, 3, 3) + listed
    assert body == expected + key + sha256(page["data-key-row"]) + key + sha256(page["index-key-row"])
    body = check_state(page["log-row"], vault, journal_root, b"zamok/log/v1")
    origin = page["origin"]
    assert body == struct.pack(">BH", 1, len(origin)) + origin + key + sha256(page["journal-key-row"])
    return "slots 3, keys 3, header and log"


if __name__ == "__main__":
    sys.exit(main())

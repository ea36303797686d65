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


def check_state(row, vault, data_key):
    header = Header(row)
    assert (header.magic, header.format, header.suite, header.vault) == (b"ZMKS", 1, 1, vault)
    tag = hmac.HMAC(hkdf(data_key, vault, b"zamok/state/v1", 32), hashes.SHA256())
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

    slot = vectors("slot.md")
    header, sealed = slot["slot-row"][:68], slot["slot-row"][68:]
    expected = struct.pack(">4sH16sBBIII", b"ZMKU", 1, slot["vault"], 0, 1, 262144, 3, 1) + slot["argon2-salt"]
    assert header == expected
    root = unseal(slot["key-encryption-key"], b"zamok/slot/v1", header, sealed)
    assert root == slot["root-key"]
    header, sealed = slot["data-key-row"][:26], slot["data-key-row"][26:]
    assert header == struct.pack(">4sH16sI", b"ZMKD", 1, slot["vault"], 1)
    data_key = unseal(root, b"zamok/data-key/v1", header, sealed)
    assert data_key == slot["data-key"]
    body = check_state(slot["header-row"], slot["vault"], data_key)
    assert body[10:] == slot["origin"]

    print("records 2, states 2, slots 1, data keys 1: all opened")


if __name__ == "__main__":
    sys.exit(main())

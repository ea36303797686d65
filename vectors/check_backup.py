"""Opens the backup of docs/formats/backup.md with another implementation: HKDF and AES-256-GCM of the Python package
`cryptography`. Knows nothing of Zamok but that page and record.md, "Sealing". Exits with 0 when all of it opens."""

import hashlib
import re
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats" / "backup.md"


def unseal(key, header, sealed):
    salt, commitment, ciphertext = sealed[:32], sealed[32:64], sealed[64:]
    info = b"zamok/backup/v1" + hashlib.sha256(header).digest()
    material = HKDF(algorithm=hashes.SHA256(), length=76, salt=salt, info=info).derive(key)
    assert material[44:] == commitment, "the commitment is another"
    return AESGCM(material[:32]).decrypt(material[32:44], ciphertext, header)


def main():
    text = PAGE.read_text(encoding="utf-8")
    vectors = {
        name: bytes.fromhex(digits)
        for name, digits in re.findall(r"^```vector (\S+)\n([0-9a-f\n]*)^```$", text, re.MULTILINE)
    }
    file, key = vectors["file"], vectors["key"]
    magic, version, method = file[:4], struct.unpack(">H", file[4:6])[0], file[46]
    assert (magic, version, method) == (b"ZMKB", 1, 1)
    assert struct.unpack(">III", file[47:59]) == (262144, 3, 1)
    header, at = file[:91], 91
    digest, plain, number, last = hashlib.sha256(header).digest(), b"", 0, 0
    while not last:
        (mark,) = struct.unpack(">I", file[at : at + 4])
        length, last = mark >> 1, mark & 1
        sealed = file[at + 4 : at + 4 + length]
        plain += unseal(key, digest + struct.pack(">QB", number, last), sealed)
        at, number = at + 4 + length, number + 1
    assert at == len(file), "something follows"
    assert plain == vectors["items"]

    at, items, before, counts = 0, [], hashlib.sha256(), {}
    while at < len(plain):
        (length,) = struct.unpack(">I", plain[at : at + 4])
        item = plain[at + 4 : at + 4 + length]
        if item[0] == 8:
            tables = item[1:-32]
            told = {t: c for t, c in struct.iter_unpack(">HQ", tables)}
            assert item[-32:] == before.digest() and told == counts
        before.update(plain[at : at + 4 + length])
        table = {3: None, 4: None, 5: None, 6: 19, 7: 17}.get(item[0], 0)
        table = struct.unpack(">H", item[1:3])[0] if table is None else table
        if table:
            counts[table] = counts.get(table, 0) + 1
        items.append(item)
        at += 4 + length
    assert [item[0] for item in items] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert b"a secret" in items[2]
    print(f"{number} chunks, {len(items)} items: all opened")


if __name__ == "__main__":
    sys.exit(main())

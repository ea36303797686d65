"""Reads shares as docs/formats/shares.md describes them and puts keys together with another implementation: the
interpolation over GF(256) of `shamir-mnemonic`, the reference implementation of SLIP-39.

Without an argument: the vectors of the page. With `-`: one set a line on standard input, as the vault's id, the key, both in
hexadecimal, and the texts of at least as many shares as are needed, separated by commas; prints `same` for each."""

import base64
import hashlib
import re
import sys
from pathlib import Path

from shamir_mnemonic.shamir import RawShare, _interpolate

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats" / "shares.md"


class Share:
    def __init__(self, text):
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        symbols = re.sub(r"[\s-]", "", "".join(lines)).upper()
        assert len(symbols) == 140, len(symbols)
        content = b""
        for at in range(0, 140, 28):
            bits = "".join(f"{int.from_bytes(base64.b32decode(s + 'AAAAAAA'), 'big') >> 35:05b}" for s in symbols[at : at + 28])
            content += int(bits[:120], 2).to_bytes(15, "big")
            digest = hashlib.sha256(b"zamok/share-line/v1" + content).digest()
            assert int(bits[120:], 2) == int.from_bytes(digest[:3], "big") >> 4, f"line {at // 28 + 1}"
        assert content[0] == 1 and len(content) == 75
        self.vault, self.set, self.threshold = content[1:17], content[17:25], content[25]
        self.commitment, self.index, self.value = content[26:42], content[42], content[43:]


def combine(vault, shares):
    first = shares[0]
    for share in shares:
        assert (share.vault, share.set, share.threshold) == (vault, first.set, first.threshold)
        assert share.commitment == first.commitment
    key = _interpolate([RawShare(share.index, share.value) for share in shares], 0)
    committed = b"zamok/share-set/v1" + vault + first.set + bytes([first.threshold]) + key
    assert hashlib.sha256(committed).digest()[:16] == first.commitment, "another key"
    return key


def main():
    if sys.argv[1:] == ["-"]:
        for line in sys.stdin.read().splitlines():
            vault, key, *texts = line.split(",")
            assert combine(bytes.fromhex(vault), [Share(text) for text in texts]) == bytes.fromhex(key)
            print("same")
        return
    text = PAGE.read_text(encoding="utf-8")
    vectors = dict(re.findall(r"^```vector (\S+)\n([0-9a-f\n]*)^```$", text, re.MULTILINE))
    vault, key = bytes.fromhex(vectors["vault"]), bytes.fromhex(vectors["key"])
    shares = [Share(share) for share in re.findall(r"^```share\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    assert [share.index for share in shares] == [1, 2, 3, 4, 5]
    triples = [(a, b, c) for a in shares for b in shares for c in shares if a.index < b.index < c.index]
    for triple in triples:
        assert combine(vault, triple) == key
    print(f"{len(shares)} shares, {len(triples)} ways to the key: all the same")


if __name__ == "__main__":
    sys.exit(main())

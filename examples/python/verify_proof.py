#!/usr/bin/env python3
"""Verifies a .tlog-proof of a Zamok journal (C2SP tlog-proof) offline, from the keys of those whom you trust.

    verify_proof.py PROOF LOG-VKEY [QUORUM WITNESS-VKEY...]

Prints what is proved and ends with 0, or says what is wrong and ends with 1. Needs Python 3.9 and the package
`cryptography`; shares no code with Zamok. Formats: docs/formats/journal.md and docs/formats/events.md.
"""
from __future__ import annotations

import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# Name, key id, type of signature, public key.
VerifierKey = tuple[str, bytes, int, Ed25519PublicKey]


def check(holds: bool, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)


def decode(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    check(b64encode(raw).decode() == text, "base64 has one form")
    return raw


def number(text: str) -> int:
    check(text.isascii() and text.isdigit() and str(int(text)) == text, "a number has one form")
    return int(text)


def vkey(text: str) -> VerifierKey:
    """C2SP signed-note: name+id+base64(type, public key)."""
    name, key_id, encoded = text.split("+", 2)
    key = decode(encoded)
    check(sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id and len(key) == 33, f"no vkey: {text}")
    return name, bytes.fromhex(key_id), key[0], Ed25519PublicKey.from_public_bytes(key[1:])


def is_name(text: str) -> bool:
    return text != "" and not any(letter.isspace() or letter < " " or letter == "+" for letter in text)


def signed_by(note: str, lines: list[str], key: VerifierKey) -> bool:
    """Whether this key signed: over the text, or (type 4, C2SP tlog-cosignature) over a time and the text."""
    name, key_id, kind, public = key
    found = False
    for line in lines:
        dash, who, encoded = line.split(" ")
        signature = decode(encoded)
        check(dash == "\u2014" and is_name(who) and len(signature) > 4, "a line below the note is no signature")
        if who != name or signature[:4] != key_id:
            continue
        signature, message = signature[4:], note.encode()
        if kind == 4:
            time, signature = struct.unpack(">Q", signature[:8])[0], signature[8:]
            check(time < 1 << 63, "a cosignature from beyond the time that the format has")
            message = f"cosignature/v1\ntime {time}\n{note}".encode()
        public.verify(signature, message)
        found = True
    return found


def root_from(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    check(index < size, "the index lies beyond the tree")
    node, position, last = sha256(b"\0" + leaf).digest(), index, size - 1
    for sibling in path:
        check(last > 0, "the path is too long")
        if position & 1 or position == last:
            node = sha256(b"\1" + sibling + node).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = sha256(b"\1" + node + sibling).digest()
        position, last = position >> 1, last >> 1
    check(last == 0, "the path is too short")
    return node


def verify(text: str, log: VerifierKey, quorum: int = 0, witnesses: Iterable[VerifierKey] = ()) -> str:
    head, body, signatures = text.split("\n\n")
    check(signatures.endswith("\n"), "it was cut")
    first, extra, place, *path = head.split("\n")
    check(first == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and place.startswith("index "), "no proof")
    note, lines = body + "\n", signatures[:-1].split("\n")
    check(len(lines) <= 64, "too many signatures")
    origin, leaves, root = body.split("\n")[:3]
    leaf, index, size = decode(extra[6:]), number(place[6:]), number(leaves)
    check(root_from(leaf, index, size, [decode(line) for line in path]) == decode(root), "it leads to another root")
    check(log[0] == origin and log[2] == 1 and signed_by(note, lines, log), "the log did not sign this root")
    keys = {key[3].public_bytes_raw(): key for key in witnesses if key[2] == 4}
    count = sum(signed_by(note, lines, key) for key in keys.values())
    check(count >= quorum, f"{count} of {quorum} witnesses cosigned this root")
    # docs/formats/events.md: version, kind, time, entry (writer, sequence), origin.
    version, kind, time, writer, sequence, length = struct.unpack(">BHQ16sQH", leaf[:37])
    check(version == 1 and leaf[37 : 37 + length].decode() == origin, "the leaf was written for another log")
    return f"entry {index} of {size} in {origin}: event {kind} at {time}, {sequence} of writer {writer.hex()}"


if __name__ == "__main__":
    try:
        proof, log, *rest = sys.argv[1:]
        quorum, witnesses = int(rest[0]) if rest else 0, [vkey(key) for key in rest[1:]]
        with open(proof, encoding="utf-8", newline="") as file:
            print(verify(file.read(), vkey(log), quorum, witnesses))
    except (ValueError, IndexError, struct.error, InvalidSignature, OSError) as wrong:
        sys.exit(f"not proved: {wrong or 'a signature is wrong'}")

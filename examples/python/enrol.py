#!/usr/bin/env python3
"""Enrols a generator app: registers an account, shows the QR code in the terminal, and ends with a test code (R12).

    enrol.py STORE LOGIN

STORE is a URL such as sqlite:bank.db; one that does not exist is made. The vault's passphrase, the account's new password and the
test code are asked for, or read from standard input, one a line.
"""

from __future__ import annotations

import argparse
import sys

import zamok
from login import ask
from zamok import qr


def opened(store: str, passphrase: bytearray) -> zamok.Cabinet:
    """The cabinet that is there, or a new one."""
    try:
        return zamok.Cabinet.open(store, passphrase)
    except zamok.errors.StoreMissing:
        return zamok.Cabinet.create(store, passphrase, issuer="Example Bank")


def enrol(store: str, login: str) -> None:
    """Registers, shows, tests."""
    with opened(store, ask("Passphrase of the vault")) as cabinet:
        password = ask("New password, or that of an earlier run")
        try:
            cabinet.register(login, password)
        except zamok.errors.LoginTaken:
            pass  # An earlier run came this far: its password opens an enrolment, while there is no factor.
        enrolment = cabinet.begin_enrolment(login, password)
        offer = cabinet.offer_generator(enrolment)
        print(qr.terminal(offer.uri, colour=sys.stdout.isatty()))
        print(f"Scan this, or type it: {offer.uri}", flush=True)
        for _ in range(3):
            try:
                cabinet.confirm_generator(enrolment, ask("Code that the app shows").decode())
            except zamok.Rejected:
                print("That was not it.", flush=True)
                continue
            print(f"{login} is enrolled. The next code logs in.")
            return
        raise SystemExit("Not enrolled: begin again.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Enrol a generator app.")
    parser.add_argument("store", help="such as sqlite:bank.db")
    parser.add_argument("login")
    arguments = parser.parse_args()
    try:
        enrol(arguments.store, arguments.login)
    except zamok.ZamokError as error:
        raise SystemExit(f"{error} (error {error.code})") from None


if __name__ == "__main__":
    main()

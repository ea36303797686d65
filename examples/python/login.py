#!/usr/bin/env python3
"""Logs in to a Zamok cabinet, as a service does it: a password, a code, a session, an access token.

    login.py STORE LOGIN [--audience NAME]

STORE is a URL such as sqlite:bank.db. The vault's passphrase, the password and the code are asked for, or read from standard input,
one a line. Prints the access token and ends with 0; ends with 1 when the login was rejected, with 2 for anything else. Any number of
these, of the program `zamok` and of services in other languages may have the store open at the same time.
"""

from __future__ import annotations

import argparse
import getpass
import sys

import zamok


def ask(what: str) -> bytearray:
    """What a person types, unseen; in a buffer that can be wiped, as far as Python allows."""
    text = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return bytearray(text, "utf-8")


def log_in(store: str, login: str, audience: str) -> str:
    """The access token of a new session."""
    passphrase = ask("Passphrase of the vault")
    with zamok.Cabinet.open(store, passphrase) as cabinet:
        passphrase[:] = bytes(len(passphrase))
        password = ask("Password")
        begun = cabinet.begin_login(login, password, client="login.py")
        password[:] = bytes(len(password))
        if not isinstance(begun, zamok.Challenge):
            raise zamok.errors.NothingOffered("the account has no second factor yet: see enrol.py")
        # Each attempt has a name. Whoever lost the answer asks again under it, and is told the same without being charged.
        request = cabinet.request_id()
        session = cabinet.answer(begun, ask("Code").decode(), request=request)
        cabinet.integrate()
        return cabinet.issue_token(session, audience=audience)


def main() -> int:
    parser = argparse.ArgumentParser(description="Log in to a Zamok cabinet.")
    parser.add_argument("store", help="such as sqlite:bank.db")
    parser.add_argument("login")
    parser.add_argument("--audience", default="zamok", help="the service that the token is for")
    arguments = parser.parse_args()
    try:
        print(log_in(arguments.store, arguments.login, arguments.audience))
    except zamok.Rejected:
        # A wrong login, password or code, a code that was used, a delay: nobody is told which.
        print("rejected", file=sys.stderr)
        return 1
    except zamok.ZamokError as error:
        print(f"{error} (error {error.code})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The package http-message-signatures beside our signed requests, in both directions."""
import base64, datetime, json, sys
from types import SimpleNamespace
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from http_message_signatures.structures import CaseInsensitiveDict

asked = json.load(sys.stdin)
ALGORITHMS = {
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
    "hmac-sha256": algorithms.HMAC_SHA256,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "ed25519": algorithms.ED25519,
}


class One:
    """A resolver that knows one key."""

    def __init__(self, private=None, public=None):
        self.private, self.public = private, public

    def resolve_private_key(self, key_id):
        return self.private

    def resolve_public_key(self, key_id):
        return self.public


def message(order):
    return SimpleNamespace(method=order["method"], url=order["url"], headers=CaseInsensitiveDict(order["headers"]))


answer = {}
if "verify" in asked:
    answer["verified"] = []
    for order in asked["verify"]:
        key = order["key"].encode()
        if order["alg"] == "hmac-sha256":
            key = base64.b64decode(key)
        else:
            key = serialization.load_pem_public_key(key)
        verifier = HTTPMessageVerifier(signature_algorithm=ALGORITHMS[order["alg"]], key_resolver=One(public=key))
        try:
            results = verifier.verify(
                message(order), expect_tag=order["tag"], body=order["body"].encode(),
                require_components=("@method", "@target-uri", "content-digest"),
            )
            answer["verified"].append(len(results) == 1)
        except HTTPMessageSignaturesException:
            answer["verified"].append(False)
if "keys" in asked:
    keys = {
        "rsa-pss-sha512": rsa.generate_private_key(65537, 2048),
        "rsa-v1_5-sha256": rsa.generate_private_key(65537, 2048),
        "ecdsa-p256-sha256": ec.generate_private_key(ec.SECP256R1()),
        "ecdsa-p384-sha384": ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    private = lambda key: key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = lambda key: key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    answer["keys"] = {name: {"private": private(key), "public": public(key)} for name, key in keys.items()}
if "sign" in asked:
    answer["signed"] = []
    for order in asked["sign"]:
        if order["alg"] == "hmac-sha256":
            key = base64.b64decode(order["private"])
        else:
            key = serialization.load_pem_private_key(order["private"].encode(), None)
        signer = HTTPMessageSigner(signature_algorithm=ALGORITHMS[order["alg"]], key_resolver=One(private=key))
        made = message(order)
        signer.sign(
            made, key_id=order["keyid"], nonce=order["nonce"], tag=order["tag"], label="peer",
            created=datetime.datetime.fromtimestamp(order["created"], datetime.timezone.utc),
            include_alg=order["include_alg"], body=order["body"].encode(),
            covered_component_ids=("@method", "@target-uri", "@authority", "content-type"),
        )
        answer["signed"].append(dict(made.headers.items()))
json.dump(answer, sys.stdout)

"""PyJWT beside our tokens: what it accepts of ours, and what it makes that we must accept or refuse."""
import json, sys
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

asked = json.load(sys.stdin)


def accepted(token, jwks):
    try:
        header = jwt.get_unverified_header(token)
        key = jwt.PyJWKSet.from_dict(jwks)[header["kid"]]
        claims = jwt.decode(
            token, key, algorithms=["ES256", "ES384", "EdDSA", "RS256", "PS256"], audience=asked["audience"],
            issuer=asked["issuer"], options={"require": ["exp", "iat", "sub", "jti", "aud", "iss"]},
        )
        return claims["jti"]
    except (jwt.InvalidTokenError, KeyError) as error:
        return None


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


answer = {}
if "ours" in asked:
    answer["ours"] = [accepted(token, asked["jwks"]) for token in asked["ours"]]
if "make" in asked:
    # Keys that are ours as well: the vault takes them in.
    keys = {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "RS256": rsa.generate_private_key(65537, 2048),
        "PS256": rsa.generate_private_key(65537, 2048),
    }
    answer["keys"] = {name: pem(key) for name, key in keys.items()}
if "sign" in asked:
    made = []
    for order in asked["sign"]:
        if order["alg"] in ("none",):
            key = None
        elif order["alg"].startswith("HS"):
            key = order["key"].encode()
            # PyJWT refuses to use a public key as a secret; the attacker has no such scruples.
            jwt.algorithms.HMACAlgorithm.prepare_key = lambda self, key: key
        else:
            key = order["key"]
        made.append(jwt.encode(order["claims"], key, algorithm=order["alg"], headers=order["header"]))
    answer["signed"] = made
json.dump(answer, sys.stdout)

// npm `jose` beside our tokens and proofs: what it accepts of ours, and what it makes that we must accept or refuse.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';

const packages = createRequire(`${process.env.ZAMOK_NPM}/package.json`);
const jose = await import(pathToFileURL(packages.resolve('jose')));
const asked = JSON.parse(readFileSync(0, 'utf8'));
const answer = {};

if (asked.ours) {
  const keys = jose.createLocalJWKSet(asked.jwks);
  answer.ours = [];
  for (const token of asked.ours) {
    try {
      const options = { audience: asked.audience, issuer: asked.issuer, typ: 'at+jwt', requiredClaims: ['sub', 'jti', 'exp'] };
      const { payload } = await jose.jwtVerify(token, keys, options);
      answer.ours.push(payload.jti);
    } catch (error) {
      if (!(error instanceof jose.errors.JOSEError)) throw error;
      answer.ours.push(null);
    }
  }
  answer.thumbprints = await Promise.all(asked.jwks.keys.map((key) => jose.calculateJwkThumbprint(key)));
}

if (asked.proofs) {
  answer.proofs = [];
  for (const { alg, claims } of asked.proofs) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    const jwk = await jose.exportJWK(publicKey);
    const proof = await new jose.SignJWT(claims).setProtectedHeader({ alg, typ: 'dpop+jwt', jwk }).sign(privateKey);
    answer.proofs.push({ alg, proof, thumbprint: await jose.calculateJwkThumbprint(jwk) });
  }
}
process.stdout.write(JSON.stringify(answer));

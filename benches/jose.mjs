// npm `jose` verifying one access token again and again, as audit/jsonwebtoken does.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createInterface } from 'node:readline';

const packages = createRequire(`${process.env.ZAMOK_NPM}/package.json`);
const jose = await import(pathToFileURL(packages.resolve('jose')));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);
const key = await jose.importJWK(asked.jwk, 'ES256');
const options = {
  audience: asked.audience, issuer: asked.issuer, typ: 'at+jwt', algorithms: ['ES256'],
  currentDate: new Date(asked.now * 1000),
};
await jose.jwtVerify(asked.token, key, options);
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const count = Number(line);
  const begun = process.hrtime.bigint();
  for (let done = 0; done < count; done += 1) await jose.jwtVerify(asked.token, key, options);
  console.log(Number(process.hrtime.bigint() - begun) / count);
}

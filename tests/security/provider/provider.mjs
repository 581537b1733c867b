// A real OpenID Connect provider on loopback, for the tests of sign-in.
//
//   node provider.mjs PORT ALG:KID
//
// Signs access tokens of the grant client_credentials with one fresh key. The resource
// urn:NAME gives a token for the audience NAME; the client's id is the user's name.

import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, key] = process.argv.slice(2);
const [alg, kid] = key.split(':');

const { privateKey } = alg.startsWith('RS')
  ? generateKeyPairSync('rsa', { modulusLength: 2048 })
  : generateKeyPairSync('ec', { namedCurve: 'P-256' });

const client = (client_id) => ({
  client_id,
  client_secret: 'a-secret-of-the-test',
  grant_types: ['client_credentials'],
  id_token_signed_response_alg: alg,
  redirect_uris: [],
  response_types: [],
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client('alice'), client('mallory')],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }] },
  extraTokenClaims: (_context, token) => ({ preferred_username: token.clientId }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: 'ingest',
        audience: resource.replace(/^urn:/, ''),
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));

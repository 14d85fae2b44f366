// An OpenID provider for tests: a real one, whose people, groups and moods a test sets by POST /control. It shows no form: whoever comes is
// signed in as the person that was set. Prints its port.
// usage: node server.mjs; THIN=1 keeps claims out of ID tokens, as some providers do
import http from 'node:http';
import { Provider } from 'oidc-provider';

// The one line that is read is the port.
console.info = console.warn = console.error;

const people = {}; // id: { groups, name, email, extra }
const mood = { login: undefined, silent: false };
const clients = {};

// What the provider keeps, in memory.
const kept = new Map();
const grants = new Map();
class Memory {
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    kept.set(this.key(id), payload);
    if (payload.uid) kept.set(`uid:${payload.uid}`, this.key(id));
    if (payload.grantId) grants.set(payload.grantId, [...(grants.get(payload.grantId) ?? []), this.key(id)]);
  }
  async find(id) {
    return this.model === 'Client' ? clients[id] : kept.get(this.key(id));
  }
  async findByUid(uid) {
    return kept.get(kept.get(`uid:${uid}`));
  }
  async findByUserCode() {}
  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    kept.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) kept.delete(key);
  }
}

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: Memory,
  cookies: { keys: ['a key for tests'] },
  claims: { openid: ['sub', 'preferred_username', 'email', 'email_verified', 'groups', 'hasgroups', '_claim_names'], profile: [], email: [] },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  conformIdTokenClaims: process.env.THIN === '1',
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: async (ctx, id) =>
    people[id] && {
      accountId: id,
      claims: async () => ({
        sub: id,
        preferred_username: people[id].name ?? id,
        email: people[id].email ?? `${id}@example.com`,
        email_verified: true,
        groups: people[id].groups,
        ...people[id].extra,
      }),
    },
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile email offline_access');
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();

const read = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
};

server.on('request', async (request, response) => {
  try {
    if (request.url === '/control') {
      const said = await read(request);
      Object.assign(people, said.people);
      for (const id of said.removed ?? []) delete people[id];
      Object.assign(mood, said.mood);
      Object.assign(clients, said.clients);
      response.end('{}');
    } else if (mood.silent) {
      request.socket.destroy();
    } else if (request.url.startsWith('/interaction/')) {
      await provider.interactionFinished(request, response, mood.login ? { login: { accountId: mood.login } } : { error: 'access_denied' });
    } else {
      await answer(request, response);
    }
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end(String(error));
  }
});
console.log(server.address().port);

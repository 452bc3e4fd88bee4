// npm `rpc-websockets`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Client } from "rpc-websockets";
import { bearer, drive, fact, failure, token, url } from "./facts.mjs";

async function connect(options, nextId) {
  const client = new Client(url, { reconnect: false, ...options }, nextId);
  await once(client, "open");
  return client;
}

async function close(client) {
  const closed = once(client, "close");
  client.close();
  assert.equal((await closed)[0], 1000);
}

const client = await connect({ headers: bearer });
await drive("rpcws", {
  call: (method, params) => client.call(method, params),
  notify: (method, params) => client.notify(method, params),
});
await fact("rpcws: what its own servers add is an unknown method here", async () => {
  assert.equal((await failure(client.listMethods())).code, -32601);
  assert.equal((await failure(client.subscribe("news"))).code, -32601);
});
await fact("rpcws: closes with 1000", () => close(client));

await fact("rpcws: logs in with its own `login`", async () => {
  const late = await connect({});
  assert.equal((await failure(late.call("user.list"))).code, -32001);
  assert.equal((await failure(late.login({ token: "wrong" }))).code, -32001);
  assert.deepEqual(await late.login({ token }), { server: "Users", version: "1.0.0" });
  assert(Array.isArray(await late.call("user.list")));
  await close(late);
});
await fact("rpcws: one string is the id of every call", async () => {
  const same = await connect({ headers: bearer }, () => "same");
  for (const limit of [1, 2, 3]) {
    assert.equal((await same.call("user.list", { limit })).length, limit);
  }
  await close(same);
});

// npm `@open-rpc/client-js` with two of its transports. Its ids are strings, and it always sends `params`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Client, HTTPTransport, RequestManager, WebSocketTransport } from "@open-rpc/client-js";
import { bearer, drive, fact, failure, httpUrl, token, url, user } from "./facts.mjs";

// Its own timeout keeps the program alive after the answer has come.
const noTimeout = null;

function actions(client) {
  return {
    call: (method, params) => client.request({ method, params }, noTimeout),
    notify: (method, params) => client.notify({ method, params }),
  };
}

async function batch(client, name) {
  client.startBatch();
  const calls = [
    client.request({ method: "user.create", params: user(name) }),
    client.request({ method: "user.get", params: [404404] }),
    client.request({ method: "user.create", params: {} }),
  ];
  // The calls join the batch after they have seen that the client is connected.
  await client.requestManager.connectPromise;
  client.stopBatch();
  return Promise.allSettled(calls);
}

async function driveBatch(client, name) {
  const [created, missing, bad] = await batch(client, name);
  assert.equal(created.value.username, name);
  assert.deepEqual([missing.reason.code, missing.reason.data], [404, { id: 404404 }]);
  assert.equal(bad.reason.code, -32602);
}

const transport = new WebSocketTransport(url);
const client = new Client(new RequestManager([transport]));
await fact("openrpc_ws: logs in by a call, for the transport has no headers", async () => {
  assert.equal((await failure(client.request({ method: "user.list" }, noTimeout))).code, -32001);
  assert.deepEqual(await client.request({ method: "rpc.login", params: [token] }, noTimeout), { server: "Users", version: "1.0.0" });
});
const unexpected = [];
client.onNotification((notification) => unexpected.push(notification));
client.onError((error) => unexpected.push(error));
await drive("openrpc_ws", actions(client));
await fact("openrpc_ws: a batch", () => driveBatch(client, "batch_ws"));
await fact("openrpc_ws: reads the document", async () => {
  const document = await client.request({ method: "rpc.discover" }, noTimeout);
  assert.equal(document.info.title, "Users");
});
await fact("openrpc_ws: closes, and received nothing that it did not ask for", async () => {
  const closed = once(transport.connection, "close");
  client.close();
  assert.equal((await closed)[0], 1005);
  assert.deepEqual(unexpected, []);
});

const overHttp = new Client(new RequestManager([new HTTPTransport(httpUrl, { headers: bearer })]));
await drive("openrpc_http", actions(overHttp));
await fact("openrpc_http: a batch", () => driveBatch(overHttp, "batch_http"));
await fact("openrpc_http: a wrong token is an error", async () => {
  const transport = new HTTPTransport(httpUrl, { headers: { authorization: "Bearer wrong" } });
  const stranger = new Client(new RequestManager([transport]));
  const told = [];
  stranger.onError((error) => told.push(error.code));
  assert.equal((await failure(stranger.request({ method: "user.list" }))).code, -32001);
  assert.deepEqual(told, [-32001]);
});

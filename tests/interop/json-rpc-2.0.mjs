// npm `json-rpc-2.0`, which leaves the transport to its user: here `ws`, and `fetch`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { JSONRPCClient } from "json-rpc-2.0";
import { WebSocket } from "ws";
import { bearer, drive, fact, httpUrl, url, user } from "./facts.mjs";

function actions(client) {
  return {
    call: async (method, params) => client.request(method, params),
    notify: async (method, params) => client.notify(method, params),
  };
}

function batch(client, name) {
  const request = (id, method, params) => ({ jsonrpc: "2.0", method, params, id });
  return client.requestAdvanced([
    request(`${name} 1`, "user.create", user(name)),
    { jsonrpc: "2.0", method: "user.list" },
    request(`${name} 2`, "user.get", { id: 404404 }),
    request(`${name} 3`, "user.create", {}),
    request(`${name} 4`, "nothing"),
  ]);
}

function checkBatch(answers, name) {
  assert.deepEqual(answers.map((answer) => answer.id), [1, 2, 3, 4].map((n) => `${name} ${n}`));
  assert.equal(answers[0].result.username, name);
  assert.deepEqual(answers.slice(1).map((answer) => answer.error.code), [404, -32602, -32601]);
}

const socket = new WebSocket(url, { headers: bearer });
await once(socket, "open");
let [calls, answers] = [0, 0];
const overSocket = new JSONRPCClient((request) => socket.send(JSON.stringify(request)), () => `call ${++calls}`);
socket.on("message", (text) => {
  answers++;
  overSocket.receive(JSON.parse(text));
});

await drive("jsonrpc2_ws", actions(overSocket));
await fact("jsonrpc2_ws: notifications were not answered", () => assert.equal(answers, calls));
await fact("jsonrpc2_ws: a batch", async () => checkBatch(await batch(overSocket, "batch_ws"), "batch_ws"));
await fact("jsonrpc2_ws: closes with 1000", async () => {
  const closed = once(socket, "close");
  socket.close(1000, "done");
  assert.equal((await closed)[0], 1000);
});

const overHttp = new JSONRPCClient(async (request) => {
  const headers = { "content-type": "application/json", ...bearer };
  const response = await fetch(httpUrl, { method: "POST", headers, body: JSON.stringify(request) });
  if (response.status === 204) return;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  overHttp.receive(await response.json());
});

await drive("jsonrpc2_http", actions(overHttp));
await fact("jsonrpc2_http: a batch", async () => checkBatch(await batch(overHttp, "batch_http"), "batch_http"));

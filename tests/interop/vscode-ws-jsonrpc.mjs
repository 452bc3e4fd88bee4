// npm `vscode-ws-jsonrpc`, which is the `vscode-jsonrpc` of editors over a WebSocket.

import assert from "node:assert/strict";
import { once } from "node:events";
import rpc from "vscode-jsonrpc";
import { createWebSocketConnection, toSocket } from "vscode-ws-jsonrpc";
import { WebSocket } from "ws";
import { bearer, drive, fact, url } from "./facts.mjs";

const webSocket = new WebSocket(url, { headers: bearer });
await once(webSocket, "open");
const sent = [];
const send = webSocket.send.bind(webSocket);
webSocket.send = (text) => (sent.push(JSON.parse(text)), send(text));

const complaints = [];
const complain = (...complaint) => complaints.push(complaint);
const logger = { error: complain, warn: complain, info: complain, log: complain };
const connection = createWebSocketConnection(toSocket(webSocket), logger);
connection.onError(complain);
connection.onUnhandledNotification(complain);
connection.listen();

/** The arguments as this client wants them: one object is by name, several values are by position. */
function spread(params) {
  if (params === undefined) return [];
  return Array.isArray(params) ? [rpc.ParameterStructures.byPosition, ...params] : [params];
}

await drive("vscode", {
  call: (method, params) => connection.sendRequest(method, ...spread(params)),
  notify: (method, params) => connection.sendNotification(method, ...spread(params)),
});
await fact("vscode: `$/cancelRequest` is ignored and its call completes", async () => {
  for (let n = 0; n < 20; n++) {
    const source = new rpc.CancellationTokenSource();
    const list = connection.sendRequest("user.list", { limit: 1 }, source.token);
    source.cancel();
    assert.equal((await list).length, 1);
  }
  const cancels = sent.filter((message) => message.method === "$/cancelRequest");
  assert.equal(cancels.length, 20);
  assert(cancels.every((message) => message.id === undefined && message.params.id !== undefined));
});
await fact("vscode: `$/setTrace` is ignored", async () => {
  await connection.trace(rpc.Trace.Messages, { log: () => {} }, true);
  assert.equal((await connection.sendRequest("user.list", { limit: 1 })).length, 1);
  assert(sent.some((message) => message.method === "$/setTrace"));
});
await fact("vscode: closes with 1000, and had nothing to complain of", async () => {
  const closed = once(webSocket, "close");
  webSocket.close(1000);
  assert.equal((await closed)[0], 1000);
  assert.deepEqual(complaints, []);
});

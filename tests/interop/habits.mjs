// What clients do that the specification does not forbid, message by message over `ws`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";
import { bearer, fact, url, user } from "./facts.mjs";

/** Connects, and gives the socket with the headers that the server upgraded with. */
async function connect(protocols, options) {
  const socket = new WebSocket(url, protocols, { headers: bearer, ...options });
  const [[response]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
  return { socket, headers: response.headers };
}

const { socket, headers } = await connect([], { perMessageDeflate: true });

/** The next `count` messages that answer `texts`. */
async function ask(count, ...texts) {
  const answers = [];
  const all = new Promise((resolve) => {
    socket.on("message", (data) => answers.push(JSON.parse(data)) === count && resolve());
  });
  texts.forEach((text) => socket.send(text));
  await all;
  socket.removeAllListeners("message");
  return answers;
}

await fact("compression that was offered is declined", async () => {
  assert.equal(headers["sec-websocket-extensions"], undefined);
  assert.equal(socket.extensions, "");
});
await fact("large messages go both ways uncompressed", async () => {
  const nickname = "n".repeat(1_000_000);
  const params = user("ada", { nickname });
  const [answer] = await ask(1, JSON.stringify({ jsonrpc: "2.0", method: "user.create", params, id: 1 }));
  assert.equal(answer.result.nickname, nickname);
});
await fact("`method` stands before `jsonrpc`", async () => {
  const [answer] = await ask(1, '{"method":"user.get","params":[404],"id":2,"jsonrpc":"2.0"}');
  assert.equal(answer.error.code, 404);
});
await fact("members that JSON-RPC does not know are ignored", async () => {
  const [answer] = await ask(1, '{"trace":{"span":[1]},"jsonrpc":"2.0","method":"user.get","params":[404],"id":3,"auth":null}');
  assert.equal(answer.error.code, 404);
});
await fact("ids of every kind come back as they went", async () => {
  for (const id of ["a", "", "7", 0, -1, 1.5, "\u{1F980}", null]) {
    const request = { jsonrpc: "2.0", method: "user.get", params: [404], id };
    assert.deepEqual((await ask(1, JSON.stringify(request)))[0].id, id);
  }
});
await fact("calls at once under one id are all answered", async () => {
  const requests = [1, 2, 3, 4, 5].map((n) => ({ jsonrpc: "2.0", method: "user.get", params: [1000 + n], id: "same" }));
  const answers = await ask(5, ...requests.map((request) => JSON.stringify(request)));
  assert(answers.every((answer) => answer.id === "same"));
  assert.deepEqual(answers.map((answer) => answer.error.data.id).sort(), [1001, 1002, 1003, 1004, 1005]);
});
await fact("params are left out, null, or empty", async () => {
  for (const params of ["", ',"params":null', ',"params":[]', ',"params":{}']) {
    const [answer] = await ask(1, `{"jsonrpc":"2.0","method":"user.list"${params},"id":4}`);
    assert.equal(answer.result.length, 1);
  }
});
await fact("a call in a binary message", async () => {
  const [answer] = await ask(1, Buffer.from('{"jsonrpc":"2.0","method":"user.get","params":[404],"id":5}'));
  assert.equal(answer.error.code, 404);
});
await fact("a call in many fragments", async () => {
  for (const byte of '{"jsonrpc":"2.0","method":"user.get","params":[404],"id":') socket.send(byte, { fin: false });
  const [answer] = await ask(1, "6}");
  assert.deepEqual([answer.id, answer.error.code], [6, 404]);
});
await fact("white space around a call", async () => {
  const [answer] = await ask(1, ' \r\n\t{ "jsonrpc" : "2.0" , "method":"user.get", "params" :\n[ 404 ], "id":7 }\n');
  assert.deepEqual([answer.id, answer.error.code], [7, 404]);
});
await fact("an answer to no call, and unknown notifications, are ignored", async () => {
  const [answer] = await ask(
    1,
    '{"jsonrpc":"2.0","result":true,"id":99}',
    '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":8}}',
    '{"jsonrpc":"2.0","method":"$/progress","params":{"token":1,"value":{}}}',
    '{"jsonrpc":"2.0","method":"user.get","params":[404],"id":8}',
  );
  assert.deepEqual([answer.id, answer.error.code], [8, 404]);
});
await fact("a batch is answered in the order of its calls", async () => {
  const requests = Array.from({ length: 100 }, (_, id) => ({ jsonrpc: "2.0", method: "user.get", params: [404], id }));
  const [answers] = await ask(1, JSON.stringify(requests));
  assert.deepEqual(answers.map((answer) => answer.id), requests.map((request) => request.id));
});
await fact("a ping is answered", async () => {
  const pong = once(socket, "pong");
  socket.ping("here?");
  assert.equal(String((await pong)[0]), "here?");
});
await fact("a close is answered with its code", async () => {
  const closed = once(socket, "close");
  socket.close(4321, "bye");
  assert.equal((await closed)[0], 4321);
});

await fact("a subprotocol that is known is taken", async () => {
  for (const offer of [["jsonrpc"], ["jsonrpc-2.0"], ["chat", "jsonrpc"]]) {
    const { socket } = await connect(offer);
    assert.equal(socket.protocol, offer.at(-1));
    socket.close();
    await once(socket, "close");
  }
});
await fact("a subprotocol that is unknown is not taken, which `ws` gives up on", async () => {
  const socket = new WebSocket(url, ["chat"], { headers: bearer });
  const [[response], [error]] = await Promise.all([once(socket, "upgrade"), once(socket, "error")]);
  assert.equal(response.statusCode, 101);
  assert.equal(response.headers["sec-websocket-protocol"], undefined);
  assert.equal(error.message, "Server sent no subprotocol");
});
await fact("a wrong token is answered with 401", async () => {
  const socket = new WebSocket(url, { headers: { authorization: "Bearer wrong" } });
  const [request, response] = await once(socket, "unexpected-response");
  assert.equal(response.statusCode, 401);
  request.destroy();
});

// What every client can do with the `users` example, whatever library drives it.

import assert from "node:assert/strict";

/** Where the server is, and the token that it wants. */
export const [url, token] = process.argv.slice(2);
export const httpUrl = url.replace(/^ws/, "http");
export const bearer = { authorization: `Bearer ${token}` };

/** Runs one check and prints the fact that it has shown. */
export async function fact(text, check) {
  await check();
  console.log(text);
}

/** The error of a call that must fail. */
export async function failure(call) {
  const [outcome] = await Promise.allSettled([call]);
  assert.equal(outcome.status, "rejected", `the call was answered with ${JSON.stringify(outcome.value)}`);
  return outcome.reason;
}

/** Checks that the error is one of JSON-RPC and has these members, and gives its `data`. */
export async function refused(call, code, message) {
  const error = await failure(call);
  assert.deepEqual({ code: error.code, message: error.message }, { code, message });
  return error.data;
}

export function user(username, more = {}) {
  return { username, email: `${username}@example.org`, age: 36, ...more };
}

/**
 * Drives the example with a client: `call(method, params)` and `notify(method, params)`, both of which leave
 * `params` out when it is undefined. Names of users begin with `prefix`, so that several clients can share a server.
 */
export async function drive(prefix, { call, notify }) {
  const ada = user(`${prefix}_ada`);
  let id;

  await fact(`${prefix}: calls by name`, async () => {
    const created = await call("user.create", ada);
    id = created.id;
    assert.deepEqual(created, { id, ...ada, active: true, role: "member", nickname: null });
  });
  await fact(`${prefix}: calls by position`, async () => {
    const grace = await call("user.create", [`${prefix}_grace`, "grace@example.org", 85, false, "admin", "amazing"]);
    assert.deepEqual([grace.age, grace.active, grace.role, grace.nickname], [85, false, "admin", "amazing"]);
    assert.deepEqual((await call("user.get", [id])).username, ada.username);
  });
  await fact(`${prefix}: params left out`, async () => {
    const names = (await call("user.list")).map((user) => user.username);
    assert(names.includes(ada.username), names.join());
    assert((await call("listall")).some((method) => method.name === "user.create"));
  });
  await fact(`${prefix}: a typed error carries code, message and data`, async () => {
    assert.deepEqual(await refused(call("user.get", { id: 404404 }), 404, "user 404404 not found"), { id: 404404 });
    const taken = await refused(call("user.create", ada), 409, `the name \`${ada.username}\` is taken`);
    assert.deepEqual(taken, { username: ada.username });
  });
  await fact(`${prefix}: argument errors come all at once`, async () => {
    const bad = call("user.create", { username: "x", email: "nobody", age: 200, colour: "red" });
    const { errors } = await refused(bad, -32602, "invalid params for `user.create`");
    assert.deepEqual(errors.map((error) => error.path).sort(), ["/age", "/colour", "/email", "/username"]);
    const short = await refused(call("user.create", [ada.username]), -32602, "invalid params for `user.create`");
    assert.deepEqual(short.errors.map((error) => error.keyword), ["required", "required"]);
  });
  await fact(`${prefix}: an unknown method is an error`, async () => {
    assert.equal((await failure(call("user.creat", ada))).code, -32601);
  });
  await fact(`${prefix}: a notification takes effect`, async () => {
    await notify("user.rename", { id, username: `${prefix}_lovelace` });
    while ((await call("user.get", { id })).username !== `${prefix}_lovelace`);
  });
  await fact(`${prefix}: calls at once get their own answers`, async () => {
    const names = Array.from({ length: 50 }, (_, n) => `${prefix}_${n}`);
    const users = await Promise.all(names.map((name) => call("user.create", user(name))));
    assert.deepEqual(users.map((user) => user.username), names);
    const found = await Promise.all(Array.from({ length: 500 }, (_, n) => call("user.get", [users[n % 50].id])));
    found.forEach((user, n) => assert.deepEqual(user, users[n % 50]));
  });
  await fact(`${prefix}: a result of null`, async () => {
    assert.equal(await call("user.delete", { id }), null);
    assert.equal((await failure(call("user.delete", { id }))).code, 404);
  });
}

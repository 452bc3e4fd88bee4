// The document that `rpc.discover` gives, and what OpenRPC's and JSON Schema's own tools say of it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { MethodCallValidator, parseOpenRPCDocument, validateOpenRPCDocument } from "@open-rpc/schema-utils-js";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Client } from "rpc-websockets";
import { bearer, fact, url } from "./facts.mjs";

const client = new Client(url, { headers: bearer, reconnect: false });
await once(client, "open");
const document = await client.call("rpc.discover");
const methods = await client.call("listall");

const ajv = addFormats(new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }));

/** Every schema of an OpenRPC document, by where it stands. */
function* schemas({ methods, components }) {
  for (const { name, params, result, errors, "x-params-schema": whole } of methods) {
    for (const param of params) yield [`${name} ${param.name}`, param.schema];
    yield [`${name} result`, result.schema];
    for (const error of errors) if (error.data) yield [`${name} error ${error.code}`, error.data];
    if (whole) yield [`${name} params`, whole];
  }
  yield* Object.entries(components.schemas);
}

/** The schema of every payload, by its event and where the document lists it. */
function* payloads(document) {
  for (const list of ["x-events", "x-sent-events"]) {
    for (const { name, payload } of document[list]) yield [`${list} ${name}`, payload];
  }
}

/** Every schema of `listall`. */
function* listed() {
  for (const { name, params, result, errors } of methods) {
    yield [`${name} params`, params];
    yield [`${name} result`, result];
    for (const error of errors) if (error.data) yield [`${name} error ${error.code}`, error.data];
  }
}

function checkAgainstMetaSchema(where, schema) {
  assert(ajv.validateSchema(schema), `${where}: ${ajv.errorsText()}`);
}

await fact("the document is valid OpenRPC", () => {
  assert.equal(validateOpenRPCDocument(document), true);
  assert.match(document.openrpc, /^1\.4\./);
});
await fact("the document names every method, as `listall` does", () => {
  const names = ["listall", "rpc.cancel", "rpc.discover", "rpc.login"];
  names.push(...["create", "delete", "get", "list", "rename"].map((name) => `user.${name}`));
  assert.deepEqual(document.methods.map((method) => method.name), names);
  assert.deepEqual(methods.map((method) => method.name), names);
});
await fact("each schema of the document passes the meta-schema", () => {
  const all = [...schemas(document)];
  assert(all.length > 20, `${all.length} schemas`);
  all.forEach(([where, schema]) => checkAgainstMetaSchema(where, schema));
});
await fact("each schema of `listall` passes the meta-schema and stands alone", () => {
  for (const [where, schema] of listed()) {
    checkAgainstMetaSchema(where, schema);
    assert.doesNotThrow(() => ajv.compile(schema), where);
  }
});

const resolved = await parseOpenRPCDocument(structuredClone(document), { dereference: true });
await fact("the document's references resolve", () => {
  assert(JSON.stringify(document).includes('"$ref"'));
  assert(!JSON.stringify(resolved.methods).includes('"$ref"'));
  for (const [where, schema] of schemas(resolved)) assert.doesNotThrow(() => ajv.compile(schema), where);
});
await fact("a call that the document allows is answered, and the answer is what it says", async () => {
  const create = resolved.methods.find((method) => method.name === "user.create");
  const check = ajv.compile(create.result.schema);
  const user = await client.call("user.create", ["ada", "ada@example.org", 36, true, "admin"]);
  assert(check(user), ajv.errorsText(check.errors));
});
await fact("a validator made from the document refuses what the server refuses", () => {
  const validator = new MethodCallValidator(resolved);
  const faults = (params) => validator.validate("user.create", params).length;
  assert.equal(faults({ username: "ada", email: "ada@example.org", age: 36 }), 0);
  assert.equal(faults(["ada", "ada@example.org", 36, false, "member", null]), 0);
  assert.equal(faults({ username: "x", email: "ada@example.org", age: 200 }), 2);
  assert.equal(faults({ username: "ada", age: 36 }), 1);
});

// The example has no events; the server of the tests of `import!` has many, of both ways.
const saved = JSON.parse(await readFile(new URL("../import/service.json", import.meta.url), "utf8"));
await fact("a document with events both ways is valid OpenRPC", () => {
  assert.equal(validateOpenRPCDocument(saved), true);
});
await fact("each payload of an event passes the meta-schema", () => {
  const all = [...payloads(saved)];
  assert(all.length > 8, `${all.length} payloads`);
  all.forEach(([where, schema]) => checkAgainstMetaSchema(where, schema));
});

client.close();

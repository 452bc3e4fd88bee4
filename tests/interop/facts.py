"""What every client can do with the `users` example, whatever library drives it."""

import asyncio
import sys

URL, TOKEN = sys.argv[1:3]
HTTP_URL = URL.replace("ws", "http", 1)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def user(username, **more):
    return {"username": username, "email": f"{username}@example.org", "age": 36, **more}


async def refused(call):
    """The error of a call that must fail."""
    try:
        result = await call
    except Exception as error:
        return error
    raise AssertionError(f"the call was answered with {result}")


async def drive(prefix, call, notify, failure):
    """Drives the example with a client.

    `call` and `notify` take the method and then its arguments, by position or by name; `failure` makes (code,
    message, data) of the client's own error.
    """

    def fact(text):
        print(f"{prefix}: {text}")

    async def error(method, *args, **kwargs):
        return failure(await refused(call(method, *args, **kwargs)))

    ada = user(f"{prefix}_ada")
    created = await call("user.create", **ada)
    id = created["id"]
    assert created == {"id": id, **ada, "active": True, "role": "member", "nickname": None}, created
    fact("calls by name")

    grace = await call("user.create", f"{prefix}_grace", "grace@example.org", 85, False, "admin", "amazing")
    assert (grace["age"], grace["active"], grace["role"], grace["nickname"]) == (85, False, "admin", "amazing")
    assert (await call("user.get", id))["username"] == ada["username"]
    fact("calls by position")

    assert ada["username"] in [user["username"] for user in await call("user.list")]
    fact("params left out")

    assert await error("user.get", id=404404) == (404, "user 404404 not found", {"id": 404404})
    code, _, data = await error("user.create", **ada)
    assert (code, data) == (409, {"username": ada["username"]})
    fact("a typed error carries code, message and data")

    code, message, data = await error("user.create", username="x", email="nobody", age=200, colour="red")
    assert (code, message) == (-32602, "invalid params for `user.create`")
    assert sorted(fault["path"] for fault in data["errors"]) == ["/age", "/colour", "/email", "/username"]
    code, _, data = await error("user.create", ada["username"])
    assert (code, [fault["keyword"] for fault in data["errors"]]) == (-32602, ["required", "required"])
    fact("argument errors come all at once")

    assert (await error("user.creat", **ada))[0] == -32601
    fact("an unknown method is an error")

    await notify("user.rename", id=id, username=f"{prefix}_lovelace")
    while (await call("user.get", id))["username"] != f"{prefix}_lovelace":
        pass
    fact("a notification takes effect")

    names = [f"{prefix}_{n}" for n in range(50)]
    users = await asyncio.gather(*(call("user.create", **user(name)) for name in names))
    assert [user["username"] for user in users] == names
    found = await asyncio.gather(*(call("user.get", users[n % 50]["id"]) for n in range(500)))
    assert all(found[n] == users[n % 50] for n in range(500))
    fact("calls at once get their own answers")

    assert await call("user.delete", id) is None
    assert (await error("user.delete", id))[0] == 404
    fact("a result of null")

"""PyPI `pjrpc`, over HTTP with its aiohttp backend. It gives every call id 1, and no `params` when they are empty."""

import asyncio

import aiohttp
from facts import BEARER, HTTP_URL, drive, refused, user
from pjrpc.client.backend.aiohttp import Client
from pjrpc.client.exceptions import InvalidParamsError, JsonRpcError, MethodNotFoundError


def failure(error):
    assert isinstance(error, JsonRpcError), error
    return error.code, error.message, error.data


async def main():
    async with aiohttp.ClientSession(headers=BEARER) as session:
        client = Client(HTTP_URL, session=session)
        await drive("pjrpc", client.call, client.notify, failure)

        assert isinstance(await refused(client.call("nothing")), MethodNotFoundError)
        assert isinstance(await refused(client.call("user.get", "one")), InvalidParamsError)
        print("pjrpc: standard errors are of the client's own types")

        async with client.batch() as batch:
            batch("user.create", **user("batch"))
            batch.notify("user.list")
            batch("user.get", 404404)
            batch("user.create")
        created, missing, bad = batch.get_response()
        assert created.result["username"] == "batch"
        assert [missing.error.code, bad.error.code] == [404, -32602]
        print("pjrpc: a batch")

        async with client.batch() as batch:
            batch.notify("user.list")
            batch.notify("user.list", 1, 2)
        assert batch.get_response() is None
        print("pjrpc: a batch of notifications is not answered")

    client = Client(HTTP_URL)
    error = await refused(client.call("user.list"))
    assert isinstance(error, aiohttp.ClientResponseError) and error.status == 401
    await client.close()
    print("pjrpc: without a token the answer is 401")


asyncio.run(main())

"""PyPI `jsonrpc-websocket`, over aiohttp. Its ids are UUIDs, and it leaves `params` out when they are empty."""

import asyncio

from facts import BEARER, TOKEN, URL, drive, refused
from jsonrpc_websocket import Server


def failure(error):
    code, message, answer = error.args
    return code, message, answer["error"].get("data")


def method(server, name):
    for part in name.split("."):
        server = getattr(server, part)
    return server


async def main():
    # Compression and a subprotocol are offered: both are declined, and this client goes on.
    server = Server(URL, headers=dict(BEARER), compress=15, protocols=("chat",))
    listener = await server.ws_connect()
    assert (server._client.compress, server._client.protocol) == (0, None)
    print("py_ws: compression and a subprotocol that were offered are declined")

    await drive(
        "py_ws",
        lambda name, *args, **kwargs: method(server, name)(*args, **kwargs),
        lambda name, **kwargs: method(server, name)(_notification=True, **kwargs),
        failure,
    )
    await server.close()
    await listener
    print("py_ws: closes")

    server = Server(URL, protocols=("chat", "jsonrpc"))
    listener = await server.ws_connect()
    assert server._client.protocol == "jsonrpc"
    assert failure(await refused(server.user.list()))[0] == -32001
    assert await server.rpc.login(TOKEN) == {"server": "Users", "version": "1.0.0"}
    assert await server.user.list(limit=1)
    await server.close()
    await listener
    print("py_ws: logs in by a call, under the subprotocol that is known")


asyncio.run(main())

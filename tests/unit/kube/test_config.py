"""The way to the API server, where a proxy stands between."""

import asyncio

import pytest
from kubernetes.aio.client import Configuration

from environment_operator.kube.client import Cluster
from environment_operator.kube.config import by_proxy
from environment_operator.kube.errors import ApiError

# Nobody listens there.
SERVER = "https://127.0.0.1:1"


async def _asked_of_the_proxy(monkeypatch: pytest.MonkeyPatch, no_proxy: str) -> list[bytes]:
    """Return the first lines that a proxy, which lets nobody through, hears of one request."""
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("no_proxy", no_proxy)
        cluster = Cluster(by_proxy(Configuration(host=SERVER)))
        with pytest.raises(ApiError):
            await cluster.get("/version")
        await cluster.close()
    return heard


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go through the proxy that the process environment names."""
    assert [b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n"] == asyncio.run(_asked_of_the_proxy(monkeypatch, ""))


def test_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that the environment exempts is asked without the proxy."""
    assert [] == asyncio.run(_asked_of_the_proxy(monkeypatch, "127.0.0.1"))

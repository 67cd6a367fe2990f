"""The laptop's end of a line: the port that stays, whatever becomes of the line behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import localports, probe
from jupyter_remote_kit.host.forwarder import Forwarder
from jupyter_remote_kit.plan.localname import LocalName
from jupyter_remote_kit.plan.ssh import Near

MIB = 1 << 20
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def far_end(path: Path, serve: Serve = echo) -> AsyncIterator[Near]:
    """What ssh makes: a UNIX socket that leads to a server."""
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield Near(path=str(path))
    finally:
        server.close()


@asynccontextmanager
async def listening(local: LocalName | None = None) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(localports.free(), local)
    await forwarder.listen()
    try:
        yield forwarder
    finally:
        await forwarder.close()


async def connect(forwarder: Forwarder, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(address, forwarder.port)


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, 30)

    asyncio.run(bounded())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_bytes_go_there_and_back_and_are_counted(tmp_path: Path, address: str) -> None:
    async def work() -> None:
        async with listening() as forwarder, far_end(tmp_path / "far") as near:
            forwarder.line_is_up(near)
            reader, writer = await connect(forwarder, address)
            sent = bytes(range(256)) * (4 * MIB // 256)
            writer.write(sent)
            writer.write_eof()
            assert await reader.read(-1) == sent
            assert (forwarder.traffic.up, forwarder.traffic.down) == (len(sent), len(sent))
            writer.close()

    run(work())


def test_what_comes_before_the_line_waits_for_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening() as forwarder, far_end(tmp_path / "far") as near:
            reader, writer = await connect(forwarder)
            writer.write(b"early")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading := asyncio.ensure_future(reader.readexactly(5))), 0.2)
            forwarder.line_is_up(near)
            assert await reading == b"early"
            writer.close()

    run(work())


def test_a_line_that_is_cut_closes_what_is_open_and_keeps_the_port(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening() as forwarder:
            async with far_end(tmp_path / "first") as near:
                forwarder.line_is_up(near)
                reader, writer = await connect(forwarder)
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
                forwarder.line_is_down()
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
            assert not localports.is_free(forwarder.port)
            waiting_reader, waiting_writer = await connect(forwarder)
            waiting_writer.write(b"again")
            # One that has not got through yet is not closed by the next drop either.
            forwarder.line_is_down()
            async with far_end(tmp_path / "second") as near:
                forwarder.line_is_up(near)
                assert await waiting_reader.readexactly(5) == b"again"
            waiting_writer.close()
            writer.close()

    run(work())


def test_a_server_that_closes_is_seen_to_close(tmp_path: Path) -> None:
    async def close_after_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"y" * MIB)
        writer.close()

    async def work() -> None:
        async with listening() as forwarder, far_end(tmp_path / "far", close_after_an_answer) as near:
            forwarder.line_is_up(near)
            reader, writer = await connect(forwarder)
            writer.write(b"x")
            assert len(await reader.read(-1)) == MIB
            writer.close()

    run(work())


def test_a_reader_that_stops_is_not_read_ahead_of(tmp_path: Path) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with_everything = b"z" * MIB
        try:
            while sent < 256 * MIB:
                writer.write(with_everything)
                await writer.drain()
                sent += MIB
        except ConnectionError:
            return

    async def work() -> None:
        async with listening() as forwarder, far_end(tmp_path / "far", pour) as near:
            forwarder.line_is_up(near)
            idle = socket.create_connection(("127.0.0.1", forwarder.port))
            before = -1
            while before != sent or not sent:
                before = sent
                await asyncio.sleep(0.3)
            assert sent < 64 * MIB
            idle.close()

    run(work())


OWN = LocalName("gpu.localhost", "old.gpu.localhost", 21000)
PAGE = b"Accept: application/xhtml+xml\r\n"


@pytest.mark.parametrize("line_first", [True, False])
def test_what_is_asked_by_another_hosts_name_does_not_reach_this_one(tmp_path: Path, line_first: bool) -> None:
    """Its cookies come with it."""
    reached = b""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += await reader.read(-1)
        writer.close()

    async def answers(forwarder: Forwarder) -> list[bytes]:
        told = []
        for kind in (PAGE, b"Accept: */*\r\n"):
            reader, writer = await connect(forwarder)
            for part in (b"GET /lab HTTP/1.1\r\nHo", b"st: cpu.localhost\r\nCookie: secret\r\n", kind + b"\r\n"):
                writer.write(part)
                await asyncio.sleep(0.05)
            told.append((await reader.read(-1)).partition(b"\r\n")[0])
            writer.close()
        return told

    async def work() -> None:
        async with listening(OWN) as forwarder, far_end(tmp_path / "far", listen) as near:
            if line_first:
                forwarder.line_is_up(near)
            assert await answers(forwarder) == [b"HTTP/1.1 307 Temporary Redirect", b"HTTP/1.1 421 Misdirected Request"]
            forwarder.line_is_up(near)
            while forwarder.open_connections:
                await asyncio.sleep(0.02)
            assert (reached, forwarder.traffic.up) == (b"", 0)

    run(work())


@pytest.mark.parametrize("line_first", [True, False])
@pytest.mark.parametrize("sent", [b"POST / HTTP/1.1\r\nHost: gpu.localhost\r\n\r\n" + b"x" * MIB, b"GET / HTTP", b""])
def test_what_is_asked_by_its_own_name_is_the_same_at_the_other_end(tmp_path: Path, sent: bytes, line_first: bool) -> None:
    async def work() -> None:
        async with listening(OWN) as forwarder, far_end(tmp_path / "far") as near:
            if line_first:
                forwarder.line_is_up(near)
            reader, writer = await connect(forwarder)
            writer.write(sent[:10])
            await asyncio.sleep(0.05)
            writer.write(sent[10:])
            writer.write_eof()
            await asyncio.sleep(0.05)
            forwarder.line_is_up(near)
            assert await reader.read(-1) == sent
            assert (forwarder.traffic.up, forwarder.traffic.down) == (len(sent), len(sent))
            writer.close()

    run(work())


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_port_that_another_holds_on_either_family_is_refused(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        assert not localports.is_free(port)

        async def work() -> None:
            with pytest.raises(Failed) as refused:
                await Forwarder(port).listen()
            assert refused.value.problems[0].code == "local-port-taken"
            assert str(port) in str(refused.value.problems[0].message)

        run(work())


def test_what_finds_ssh_gone_before_anybody_has_told_waits_for_the_next_line(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening() as forwarder:
            forwarder.line_is_up(Near(path=str(tmp_path / "gone")))
            reader, writer = await connect(forwarder)
            writer.write(b"patient")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading := asyncio.ensure_future(reader.readexactly(7))), 0.2)
            async with far_end(tmp_path / "next") as near:
                forwarder.line_is_up(near)
                assert await reading == b"patient"
            writer.close()

    run(work())


def test_hundreds_of_connections_leave_nothing_behind(tmp_path: Path) -> None:
    async def one(forwarder: Forwarder, number: int) -> bytes:
        reader, writer = await connect(forwarder)
        writer.write(b"%04d" % number)
        answer = await reader.readexactly(4)
        writer.close()
        return answer

    async def work() -> None:
        async with listening() as forwarder, far_end(tmp_path / "far") as near:
            forwarder.line_is_up(near)
            # More at once than may wait at the near end, and in all more than may be open.
            for _ in range(3):
                answers = await asyncio.gather(*(one(forwarder, number) for number in range(250)))
                assert answers == [b"%04d" % number for number in range(250)]
                while forwarder.open_connections:
                    await asyncio.sleep(0.02)

    run(work())


@pytest.mark.parametrize(("answer", "healthy"), [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 404 No\r\n\r\n", False), (b"", False)])
def test_a_server_is_asked_whether_it_is_there(tmp_path: Path, answer: bytes, healthy: bool) -> None:
    asked = b""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def work() -> None:
        async with far_end(tmp_path / "far", say) as near:
            assert await probe.healthy(near, "/base/") is healthy
        assert asked.startswith(b"GET /base/remotekit/api/health HTTP/1.1\r\n")
        assert not await probe.healthy(Near(path=str(tmp_path / "nothing")), "/")

    run(work())

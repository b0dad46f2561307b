"""A TCP proxy between the broker and whoever connects to it, which does to the connections what
networks do. Each fault is one method; heal() ends those that last. Everything runs on a thread of
its own.
"""

import asyncio
import socket
import struct
import threading

# The two ways through a connection, as a fault names them.
TO_BROKER = "to the broker"
TO_CLIENT = "to the client"


class Pair:
    """One connection through the proxy: the client's side of it and the broker's."""

    def __init__(self, client, broker):
        self.writers = (client, broker)
        self.is_dead = False  # both ends believe in it, and nothing gets through any more

    def close(self, abruptly):
        """With a FIN, or abruptly with a RST."""
        for writer in self.writers:
            if abruptly and (connected := writer.get_extra_info("socket")) is not None:
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()  # what it still had to send is lost


class Proxy:
    """Use as a context; thread-safe."""

    def __init__(self, broker):
        self._broker_port = broker.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._pairs = set()
        self._pumps = set()
        self._accepted = 0
        self._delay = 0.0
        self._trickle = None  # bytes at a time, and seconds between them
        self._swallows_new = False
        self._cut = None  # the way whose next bytes are cut, and after how many

    def __enter__(self):
        self._thread.start()
        self.port = self._on_loop(self._listen())
        self.url = f"mqtt://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self._on_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def accepted(self):
        """How many connections came until now."""
        return self._accepted

    # The faults --------------------------------------------------------------------------------

    def drop(self, abruptly=True):
        """Ends every connection: with a RST, or else with a FIN."""
        async def fault():
            for pair in list(self._pairs):
                pair.close(abruptly)
        self._on_loop(fault())

    def last_words(self, packet):
        """Ends every connection, after having told the client so in the broker's name."""
        async def fault():
            for pair in list(self._pairs):
                pair.writers[0].write(packet)
                pair.close(abruptly=False)
        self._on_loop(fault())

    def drop_mid_packet(self, way, after=5):
        """The next bytes that go this way end after so many, and their connection with them."""
        async def fault():
            self._cut = (way, after)
        self._on_loop(fault())

    def has_cut(self):
        return self._cut is None

    def blackhole(self, new_ones_too=False):
        """Every connection stays open, and nothing gets through it again, ever. Half-open: one
        end can lose interest, and the other will not hear of it. With `new_ones_too`, connections
        are accepted but lead nowhere, until heal()."""
        async def fault():
            for pair in self._pairs:
                pair.is_dead = True
            self._swallows_new = new_ones_too
        self._on_loop(fault())

    def delay(self, seconds):
        """From now on everything takes so much longer, each way."""
        async def fault():
            self._delay = seconds
        self._on_loop(fault())

    def trickle(self, count, every):
        """From now on at most `count` bytes get through, each way, `every` so many seconds."""
        async def fault():
            self._trickle = (count, every)
        self._on_loop(fault())

    def heal(self):
        async def end_faults():
            self._delay, self._trickle, self._swallows_new, self._cut = 0.0, None, False, None
        self._on_loop(end_faults())

    # Forwarding --------------------------------------------------------------------------------

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _listen(self):
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _stop(self):
        self._server.close()
        for pump in list(self._pumps):
            pump.cancel()
        for pair in list(self._pairs):
            pair.close(abruptly=True)
        if self._pumps:
            await asyncio.wait(self._pumps)

    async def _connect(self, from_client, to_client):
        self._accepted += 1
        try:
            from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            to_client.transport.abort()
            return
        for writer in (to_client, to_broker):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(to_client, to_broker)
        pair.is_dead = self._swallows_new
        self._pairs.add(pair)
        for way, reader, writer in ((TO_BROKER, from_client, to_broker),
                                    (TO_CLIENT, from_broker, to_client)):
            other = to_broker if writer is to_client else to_client
            pump = asyncio.create_task(
                self._pump(pair, way, reader, writer, other.get_extra_info("socket")))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, pair, way, reader, writer, read_from):
        """Forwards one way. Delayed bytes stay in order, and do not wait for one another."""
        sending = asyncio.Queue()
        sender = asyncio.create_task(self._send(pair, way, sending, writer))
        try:
            while data := await reader.read(65536):
                # Else the broker, which does not set TCP_NODELAY, waits 40 ms for us.
                read_from.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                sending.put_nowait((self._loop.time() + self._delay, data))
            if not pair.is_dead:
                sending.put_nowait((self._loop.time() + self._delay, b""))
                await sender
        except OSError:
            pass
        finally:
            sender.cancel()
            if not pair.is_dead:
                self._pairs.discard(pair)
                pair.close(abruptly=False)

    async def _send(self, pair, way, sending, writer):
        while True:
            due, data = await sending.get()
            if due > self._loop.time():
                await asyncio.sleep(due - self._loop.time())
            if not data:
                return
            if pair.is_dead:
                continue
            if self._cut is not None and self._cut[0] == way:
                writer.write(data[:self._cut[1]])
                self._cut = None
                pair.close(abruptly=False)
                return
            while self._trickle is not None and data and not pair.is_dead:
                count, every = self._trickle
                writer.write(data[:count])
                data = data[count:]
                await asyncio.sleep(every)
            if not pair.is_dead:
                writer.write(data)

"""An MQTT broker for one client, in this process, that misbehaves when and as a test asks for it.

By itself it is a good broker and a good responder at once: it accepts every connection and every
subscription, acknowledges what is published, answers pings, and answers each request itself, in
upper case. A test scripts what it says instead, once, at one of STAGES; after that it behaves
again. It speaks MQTT 5 and 3.1.1, QoS 1 at most, whichever the client asks for.

The functions at the top write packets, good ones and bad ones: nothing in them checks anything.
"""

import collections
import contextlib
import itertools
import socket
import threading

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, \
    UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)

# When it has something to say: on a new connection, and in reply to CONNECT, SUBSCRIBE, PUBLISH
# (the acknowledgement first, then the answer of the responder that it also is) and PINGREQ.
STAGES = ("accept", "connack", "suback", "puback", "answer", "pingresp")


# Writing packets -----------------------------------------------------------------------------

def number(value, size):
    return value.to_bytes(size, "big")


def variable(value):
    """A Variable Byte Integer (MQTT 5.0 1.5.5), of more than four bytes if need be."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded + bytes([value]))


def prefixed(data):
    """A UTF-8 string or binary data: its length in two bytes, and itself."""
    data = data.encode() if isinstance(data, str) else data
    return number(len(data), 2) + data


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + variable(len(body)) + body


def properties(*encoded):
    """Properties (MQTT 5.0 2.2.2), each one already encoded: b"\\x23\\x00\\x01"."""
    together = b"".join(encoded)
    return variable(len(together)) + together


def correlation_data(data):
    return b"\x09" + prefixed(data)


def user_property(name, value):
    return b"\x26" + prefixed(name) + prefixed(value)


def connack(code=0, *encoded, v5=True, flags=0):
    return packet(CONNACK, bytes([flags, code]) + (properties(*encoded) if v5 else b""))


def suback(packet_id, codes, *encoded, v5=True):
    body = number(packet_id, 2) + (properties(*encoded) if v5 else b"")
    return packet(SUBACK, body + bytes(codes))


def puback(packet_id):
    return packet(PUBACK, number(packet_id, 2))


def publish(topic, payload, *encoded, v5=True, qos=0, packet_id=None, retained=False):
    """Has a packet identifier when given one, whatever the QoS is; `encoded` are its properties."""
    payload = payload.encode() if isinstance(payload, str) else payload
    body = prefixed(topic) + (b"" if packet_id is None else number(packet_id, 2))
    return packet(PUBLISH, body + (properties(*encoded) if v5 else b"") + payload,
                  flags=qos << 1 | retained)


def disconnect(code, *encoded):
    return packet(DISCONNECT, bytes([code]) + properties(*encoded))


# Reading packets -----------------------------------------------------------------------------

class Packet:
    """One packet of the client, which is believed to be well-formed."""

    def __init__(self, kind, flags, body, v5):
        self.kind = kind
        self.flags = flags
        self.v5 = v5
        self._rest = body
        self.correlation = self.response_topic = None
        if kind == CONNECT:
            self._take_prefixed()
            self.v5 = self._take_number(1) == 5
            self.is_clean = bool(self._take_number(1) & 2)
        elif kind == PUBLISH:
            self.topic = self._take_prefixed().decode()
            self.packet_id = self._take_number(2) if flags & 6 else 0
            self._take_properties()
            self.payload = self._rest
        elif kind == SUBSCRIBE:
            self.packet_id = self._take_number(2)
            self._take_properties()
            self.filters = []
            self.options = []
            while self._rest:
                self.filters.append(self._take_prefixed().decode())
                self.options.append(self._take_number(1))
        elif kind in (PUBACK, PUBREC):
            self.packet_id = self._take_number(2)

    def _take(self, size):
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _take_number(self, size):
        return int.from_bytes(self._take(size), "big")

    def _take_prefixed(self):
        return self._take(self._take_number(2))

    def _take_variable(self):
        value = shift = 0
        while True:
            byte = self._take_number(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _take_properties(self):
        if not self.v5:
            return
        size = self._take_variable()
        after = self._rest[size:]
        while len(self._rest) > len(after):
            kind = self._take_variable()
            if kind == 0x26:
                self._take_prefixed(), self._take_prefixed()
            elif kind == 0x09:
                self.correlation = self._take_prefixed()
            elif kind == 0x08:
                self.response_topic = self._take_prefixed().decode()
            elif kind == 0x02:
                self._take(4)
            else:
                raise AssertionError(f"the daemon sent a property that it has no use for: {kind}")


class Connection:
    """One connection of the client. Thread-safe."""

    def __init__(self, connected):
        self.v5 = None
        self.subscriptions = 0  # SUBACKs of our own
        self.has_ended = threading.Event()
        self.is_silent = False
        self._socket = connected
        self._sending = threading.Lock()
        self._acknowledged = set()
        self._changed = threading.Condition()

    def send(self, data):
        with self._sending, contextlib.suppress(OSError):  # the client may be gone
            if not self.is_silent:
                self._socket.sendall(data)

    def fall_silent(self):
        """Nothing is said from now on, and the connection stays."""
        with self._sending:
            self.is_silent = True

    def say_no_more(self):
        """The client reads to the end of what was sent, and then that this is the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def cut(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def packets(self):
        """What the client says, until it goes."""
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            while head := stream.read(1):
                size = shift = 0
                while True:
                    byte = stream.read(1)
                    if not byte:
                        return
                    size |= (byte[0] & 127) << shift
                    shift += 7
                    if byte[0] < 128:
                        break
                body = stream.read(size)
                if len(body) < size:
                    return
                received = Packet(head[0] >> 4, head[0] & 15, body, self.v5)
                if received.kind == CONNECT:
                    self.v5 = received.v5
                yield received

    def acknowledged(self, packet_id):
        with self._changed:
            self._acknowledged.add(packet_id)
            self._changed.notify_all()

    def wait_for_acknowledgement(self, packet_id, patience):
        """True once the client acknowledged this, False when the connection ended before."""
        def settled():
            return packet_id in self._acknowledged or self.has_ended.is_set()
        with self._changed:
            if not self._changed.wait_for(settled, patience):
                raise AssertionError(f"neither PUBACK {packet_id} nor an end within {patience} s")
            return packet_id in self._acknowledged

    def end(self):
        self.cut()
        self._socket.close()
        with self._changed:
            self.has_ended.set()
            self._changed.notify_all()


# What may follow what is played.
END = Connection.say_no_more
SILENCE = Connection.fall_silent


# For the response topics of one NetID's five actions, and the presence of responders. It sends a
# SUBSCRIBE for each.
FILTERS_OF_A_DAEMON = 6


class ScriptedBroker:
    """Listens on a free port of 127.0.0.1 from its construction on, until close(). Thread-safe.
    `tls`: an ssl.SSLContext, for TLS."""

    def __init__(self, tls=None):
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"mqtt://{self.address}"
        self._lock = threading.Lock()
        self._script = {stage: collections.deque() for stage in STAGES}
        self._packet_ids = itertools.cycle(range(1, 65536))
        self.remembers = True  # it says that it does; there is nothing that it would have to
        self.connections = []  # all there were
        self.requests = []     # likewise, as packets
        self.subscribes = []   # likewise
        self.links = []        # the connections on which each SUBSCRIBE got a SUBACK of our own
        self._is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.cut()

    def play(self, stage, data, then=None):
        """The next time that it would say what belongs to `stage`, it says `data` instead: bytes,
        or what data(request, good) gives, where `good` is what it would have said. After that it
        does `then` with the connection, END or SILENCE. What is played for one stage comes in turn.
        """
        with self._lock:
            self._script[stage].append((data, then))

    def is_played(self):
        """Whether it said all that it was asked to."""
        with self._lock:
            return not any(self._script.values())

    def forget(self):
        with self._lock:
            for waiting in self._script.values():
                waiting.clear()

    def next_packet_id(self):
        with self._lock:
            return next(self._packet_ids)

    # The broker's own threads: one that accepts, and one for each connection.

    def _accept(self):
        with contextlib.suppress(OSError):
            while not self._is_closed:
                connected, _ = self._listener.accept()
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls:  # the handshake comes with the first read, on the connection's thread
                    connected = self._tls.wrap_socket(connected, server_side=True,
                                                      do_handshake_on_connect=False)
                connection = Connection(connected)
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._say(connection, "accept", None, b"")
            for received in connection.packets():
                self._reply(connection, received)
        finally:
            connection.end()

    def _reply(self, connection, received):
        if received.kind == CONNECT:
            is_known = self.remembers and not received.is_clean
            self._say(connection, "connack", received, connack(v5=received.v5, flags=is_known))
        elif received.kind == SUBSCRIBE:
            self.subscribes.append(received)
            granted = suback(received.packet_id, [1] * len(received.filters), v5=received.v5)
            if self._say(connection, "suback", received, granted):
                connection.subscriptions += 1
                if connection.subscriptions == FILTERS_OF_A_DAEMON:
                    self.links.append(connection)
        elif received.kind == PUBLISH:
            self.requests.append(received)
            if received.flags & 6:
                self._say(connection, "puback", received, puback(received.packet_id))
            self._say(connection, "answer", received, self.answer(received))
        elif received.kind == PUBACK:
            connection.acknowledged(received.packet_id)
        elif received.kind == PUBREC:
            connection.send(packet(PUBREL, number(received.packet_id, 2), flags=2))
        elif received.kind == PINGREQ:
            self._say(connection, "pingresp", received, packet(PINGRESP))

    def _say(self, connection, stage, request, good):
        """Whether its own good word was among it."""
        with self._lock:
            script = self._script[stage]
            data, then = script.popleft() if script else (good, None)
        said = data(request, good) if callable(data) else data
        connection.send(said)
        if then is not None:
            then(connection)
        return good in said and then is None

    def answer(self, request, *encoded, payload=None, topic=None, **keywords):
        """The right answer to a request, but for what is given otherwise."""
        if payload is None:
            payload = request.payload.decode().upper()
        if request.correlation is not None:
            encoded = (correlation_data(request.correlation), *encoded)
        topic = topic or request.topic.removesuffix("/request") + "/response"
        keywords = {"qos": 1, "packet_id": self.next_packet_id(), **keywords}
        return publish(topic, payload, *encoded, v5=request.v5, **keywords)

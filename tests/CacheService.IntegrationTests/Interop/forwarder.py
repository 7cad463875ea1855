"""A way to the service that can be cut."""

import contextlib
import socket
import struct
import threading


class Forwarder:
    """Passes TCP connections on to an address, until they are cut. Connections after that are passed on again."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self._target = host, int(port)
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Resets both sides of all connections."""
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            # On, for no time: what is left unsent is dropped, and the other side is told of a reset.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Wakes up the thread that reads it, as close() alone does not. Those of earlier clients have ended.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RD)
            each.close()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            service = socket.create_connection(self._target)
            self._sockets += [client, service]
            for source, sink in (client, service), (service, client):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # Cut, or ended by the other side.
            pass

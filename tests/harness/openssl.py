# SPDX-License-Identifier: MIT
"""OpenSSL's own face of a TLS client, for what Python's ssl has no words for: suites of TLS 1.3,
new keys in the middle, asking to negotiate again, one's own end alone. Passes for an ssl context:

    with Client(address, host, tls=OpenSsl(suite="TLS_AES_256_GCM_SHA384")) as c:
        c.sock.change_keys()
        c.get("/a")

The server's certificate is not looked at."""

import ctypes
import socket
import struct

TLS1_2, TLS1_3 = 0x0303, 0x0304
NAME, VERSION_MIN, VERSION_MAX = 55, 123, 124    # SSL_ctrl's numbers of what are macros in C
WANTS_READ, WANTS_WRITE, ENDED = 2, 3, 6
RECORD = 1 << 14

_crypto = ctypes.CDLL("libcrypto.so.3")
_lib = ctypes.CDLL("libssl.so.3", use_errno=True)
for _name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_lib.SSL_CTX_ctrl.argtypes = _lib.SSL_ctrl.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long,
                                                       ctypes.c_void_p)
_lib.SSL_CTX_set_ciphersuites.argtypes = _lib.SSL_CTX_set_cipher_list.argtypes = (ctypes.c_void_p,
                                                                                  ctypes.c_char_p)
_lib.SSL_set_fd.argtypes = _lib.SSL_key_update.argtypes = _lib.SSL_get_error.argtypes = (
    ctypes.c_void_p, ctypes.c_int)
_lib.SSL_read.argtypes = _lib.SSL_write.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_lib.SSL_CTX_set_alpn_protos.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint)
for _name in ("SSL_CTX_new", "SSL_CTX_free", "SSL_new", "SSL_free", "SSL_connect", "SSL_shutdown",
              "SSL_do_handshake", "SSL_renegotiate"):
    getattr(_lib, _name).argtypes = (ctypes.c_void_p,)


class OpenSsl:
    def __init__(self, version=TLS1_3, suite=None, alpn=None):
        self.context = _lib.SSL_CTX_new(_lib.TLS_client_method())
        for what in (VERSION_MIN, VERSION_MAX):
            assert _lib.SSL_CTX_ctrl(self.context, what, version, None) == 1
        if suite:
            choose = (_lib.SSL_CTX_set_ciphersuites if version == TLS1_3
                      else _lib.SSL_CTX_set_cipher_list)
            assert choose(self.context, suite.encode()) == 1
        if alpn:
            wire = bytes([len(alpn)]) + alpn.encode()
            assert _lib.SSL_CTX_set_alpn_protos(self.context, wire, len(wire)) == 0

    def __del__(self):
        _lib.SSL_CTX_free(self.context)

    def wrap_socket(self, sock, server_hostname):
        return Stream(self.context, sock, server_hostname)


class Stream:
    """A connection, with the methods of a socket that the harness uses."""

    def __init__(self, context, sock, name):
        self.sock = sock
        bound = struct.pack("ll", int(sock.gettimeout() or 60), 0)
        sock.settimeout(None)      # Python's own time-outs make the socket non-blocking
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, option, bound)
        self.ssl = _lib.SSL_new(context)
        _lib.SSL_set_fd(self.ssl, sock.fileno())
        _lib.SSL_ctrl(self.ssl, NAME, 0, ctypes.c_char_p(name.encode()))
        self._judge(_lib.SSL_connect(self.ssl))

    def _judge(self, result):
        """What OpenSSL returned, where that is no failure; 0 at the peer's end."""
        if result > 0:
            return result
        why = _lib.SSL_get_error(self.ssl, result)
        _crypto.ERR_clear_error()
        if why == ENDED:
            return 0
        if why in (WANTS_READ, WANTS_WRITE):
            raise TimeoutError("nothing moved")
        raise ConnectionError(f"TLS is broken: {why}, errno {ctypes.get_errno()}")

    def recv(self, limit):
        """b"": the peer said close_notify; an end without it is a ConnectionError."""
        limit = min(limit, RECORD)
        room = ctypes.create_string_buffer(limit)
        n = self._judge(_lib.SSL_read(self.ssl, room, limit))
        return room.raw[:n]

    def sendall(self, data):
        if data:
            self._judge(_lib.SSL_write(self.ssl, bytes(data), len(data)))

    def change_keys(self, both=True):
        """KeyUpdate; both: asks for the peer's too."""
        assert _lib.SSL_key_update(self.ssl, int(both)) == 1
        self._judge(_lib.SSL_do_handshake(self.ssl))

    def negotiate_again(self):
        """TLS 1.2; refused with a ConnectionError where the peer does not."""
        assert _lib.SSL_renegotiate(self.ssl) == 1
        self._judge(_lib.SSL_do_handshake(self.ssl))

    def end(self):
        """close_notify: we say nothing more, and still listen."""
        _lib.SSL_shutdown(self.ssl)

    def setsockopt(self, *arguments):
        self.sock.setsockopt(*arguments)

    def close(self):
        """Without a goodbye."""
        if self.ssl:
            _lib.SSL_free(self.ssl)
            self.ssl = None
        self.sock.close()

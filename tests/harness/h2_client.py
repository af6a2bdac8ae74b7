# SPDX-License-Identifier: MIT
"""One request over HTTP/2 by prior knowledge or on TLS, with python-h2, which judges what comes.

    with H2Client(address, tls=None) as c:
        r, interim, is_cut = c.request("GET", "/a", [("range", "bytes=0-9")], host="test.example")

Responses are those of the HTTP/1.1 client: status, fields, body, trailers."""

import socket

import h2.config
import h2.connection
import h2.events

from tests.harness.client import BOUND_S, Response


class H2Client:
    def __init__(self, address, host="test.example", tls=None):
        self.sock = socket.create_connection(address, timeout=BOUND_S)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.scheme = "https" if tls else "http"
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def request(self, method, target, fields=(), body=None, host="test.example", trailers=()):
        """(answer, statuses of interim answers, whether the stream broke off)"""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", self.scheme), (":authority", host),
                (":path", target), *((n.lower(), v) for n, v in fields)]
        if body is not None:
            head.append(("content-length", str(len(body))))
        self.h2.send_headers(stream, head, end_stream=not body and not trailers)
        self.flush()
        answer = Answer(stream)
        if body or trailers:
            self.send_body(answer, body or b"", trailers)
        while not answer.is_over:
            self.receive(answer)
        return answer.response, tuple(answer.interim), answer.is_cut

    def send_body(self, answer, body, trailers):
        while body and not answer.is_over:
            room = min(self.h2.local_flow_control_window(answer.stream),
                       self.h2.max_outbound_frame_size)
            if room == 0:
                self.receive(answer)
                continue
            self.h2.send_data(answer.stream, body[:room])
            body = body[room:]
            self.flush()
        if not answer.is_over and trailers:
            self.h2.send_headers(answer.stream, trailers, end_stream=True)
        elif not answer.is_over:
            self.h2.end_stream(answer.stream)
        self.flush()

    def receive(self, answer):
        data = self.sock.recv(1 << 16)
        if not data:
            answer.cut()
        for event in self.h2.receive_data(data) if data else ():
            answer.take(event)
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()


class Answer:
    """What one stream brings."""

    def __init__(self, stream):
        self.stream, self.response, self.interim = stream, Response("", [], 0), []
        self.is_over = self.is_cut = False

    def cut(self):
        self.is_over = self.is_cut = True

    def take(self, event):
        fields = [(n, v) for n, v in getattr(event, "headers", None) or () if n[0] != ":"]
        status = [int(v) for n, v in getattr(event, "headers", None) or () if n == ":status"]
        if isinstance(event, h2.events.InformationalResponseReceived):
            self.interim.append(status[0])
        elif isinstance(event, h2.events.ResponseReceived):
            self.response = Response(f"HTTP/2 {status[0]}", fields, status[0])
        elif isinstance(event, h2.events.DataReceived):
            self.response.body += event.data
        elif isinstance(event, h2.events.TrailersReceived):
            self.response.trailers = fields
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            self.cut()
        elif isinstance(event, h2.events.StreamEnded):
            self.is_over = True

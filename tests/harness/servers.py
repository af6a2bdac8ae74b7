# SPDX-License-Identifier: MIT
"""Servers of others that consist of several processes on loopback: launched by name, each with its
log, killed and started again one by one."""

import signal
import socket
import subprocess


class Servers:
    """ports: by name, of those that listen. commands: filled by who derives from this."""

    def __init__(self, folder):
        self.folder = folder
        self.ports, self.commands, self.running = {}, {}, {}

    def start_one(self, name):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(self.commands[name], stdout=log, stderr=log,
                                                  stdin=subprocess.DEVNULL)

    def start(self):
        try:
            self.bring_up()
        except BaseException:
            self.stop()
            raise
        return self

    def listens(self, name):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.ports[name])) == 0

    def kill(self, name):
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for name in list(self.running):
            self.kill(name)

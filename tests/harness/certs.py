# SPDX-License-Identifier: MIT
"""A private authority and certificates signed by it, made by the openssl program."""

import ssl
import subprocess
from pathlib import Path


def _openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


class Authority:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.file = self.folder / "ca.crt"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "ca.key", "-out", "ca.crt", "-days", "30",
                 "-subj", "/CN=test authority", cwd=self.folder)

    def certificate(self, stem, names, days=30, key="ec:P-256"):
        """Signed for these DNS names or addresses; returns (chain file, key file). key: "ec:CURVE"
        or "rsa:BITS"."""
        kind, _, size = key.partition(":")
        option = "ec_paramgen_curve" if kind == "ec" else "rsa_keygen_bits"
        kinds = [("IP" if n.replace(".", "").isdigit() else "DNS") + ":" + n for n in names]
        (self.folder / f"{stem}.ext").write_text(f"subjectAltName={','.join(kinds)}\n")
        _openssl("req", "-new", "-newkey", kind, "-pkeyopt", f"{option}:{size}", "-nodes",
                 "-keyout", f"{stem}.key", "-out", f"{stem}.csr", "-subj", f"/CN={names[0]}",
                 cwd=self.folder)
        _openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                 "-CAcreateserial", "-out", f"{stem}.crt", "-days", str(days),
                 "-extfile", f"{stem}.ext", cwd=self.folder)
        return self.folder / f"{stem}.crt", self.folder / f"{stem}.key"

    def staple(self, pair, file):
        """An OCSP response that calls the certificate of pair good for a day, into file."""
        shown = subprocess.run(["openssl", "x509", "-in", pair[0], "-noout", "-serial"], check=True,
                               capture_output=True, text=True).stdout
        serial = shown.strip().split("=")[1]
        (self.folder / "index").write_text(f"V\t991231235959Z\t\t{serial}\tunknown\t/CN=x\n")
        _openssl("ocsp", "-index", "index", "-CA", "ca.crt", "-rsigner", "ca.crt", "-rkey",
                 "ca.key", "-issuer", "ca.crt", "-cert", str(pair[0]), "-ndays", "1",
                 "-respout", str(file), cwd=self.folder)

    def server_context(self, stem, names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate(stem, names))
        return context

    def client_context(self, alpn=("http/1.1",)):
        context = ssl.create_default_context(cafile=str(self.file))
        context.set_alpn_protocols(list(alpn))
        return context

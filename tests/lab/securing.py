# SPDX-License-Identifier: BSD-3-Clause
"""What the cases of TLS share: certificates of an authority of their own, and listeners that serve them."""

import contextlib
import ipaddress
import select
import ssl

from harness import ECHO, GATEWAY_C4, LISTEN, LabError, check, connect, echo, run
from terminating import one

NAME = "www.example.org"
OTHER = "shop.example.net"


def is_address(host):
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


class Certificates:
    """An authority, and for each name a certificate and key as `nexpath` takes them."""

    def __init__(self, lab):
        self.folder = lab.folder / "keys"
        self.folder.mkdir(mode=0o700)
        self.authority = self.sign_own("ca", "lab authority")

    def sign_own(self, name, common):
        """An authority's certificate; its path."""
        path = self.folder / f"{name}.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={common}", "-keyout", self.folder / f"{name}.key", "-out", path)
        return path

    def openssl(self, *argv):
        run("openssl", *argv)

    def make(self, name, *hosts, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """A credential of this name for these hosts, names or addresses; its text for the configuration."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        certificate, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        extensions.write_text("subjectAltName=" + ",".join(f"{'IP' if is_address(h) else 'DNS'}:{h}" for h in hosts))
        self.openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", secret, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.folder / "ca.key",
                     "-days", "2", "-extfile", extensions, "-out", certificate)
        secret.chmod(0o600)
        return f'{{ name = "{name}"; kind = "tls"; certificate = "file:{certificate}"; key = "file:{secret}"; }}'

    def joined(self, name):
        """Certificate and key in one file, as HAProxy takes them; its path."""
        path = self.folder / f"{name}.both"
        path.touch(mode=0o600)
        path.write_text("".join((self.folder / f"{name}.{kind}").read_text() for kind in ("pem", "key")))
        return path

    def staple(self, name):
        """An OCSP response about a certificate that was made, by the authority; its path."""
        index, response = self.folder / f"{name}.index", self.folder / f"{name}.ocsp"
        certificate = self.folder / f"{name}.pem"
        serial = run("openssl", "x509", "-in", certificate, "-noout", "-serial").stdout.strip().partition("=")[2]
        index.write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN={name}\n")
        self.openssl("ocsp", "-index", index, "-CA", self.authority, "-rsigner", self.authority, "-rkey",
                     self.folder / "ca.key", "-issuer", self.authority, "-cert", certificate, "-ndays", "1",
                     "-respout", response)
        return response


def transport(*names):
    listed = ", ".join(f'"{n}"' for n in names)
    return f'transport = {{ security = "tls"; credentials = [{listed}]; }};'


def secured(lab, credentials, port=ECHO, names=("www",), more=""):
    """A configuration with one listener that serves these credentials before one port of the server."""
    listeners, upstreams = one(port, more=f"{transport(*names)} {more}")
    extra = f"credentials = ( {', '.join(credentials)} );"
    return lab.configuration(listeners, upstreams, extra=extra).replace(
        "management = {", f'management = {{ key_dir = "{lab.folder}/keys";')


def secured_lab(t, handler=echo, **options):
    """A lab whose listener serves TLS for NAME before a server on the echo port, and its certificates."""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, handler)
    lab.start(secured(lab, [certificates.make("www", NAME)], **options))
    return lab, certificates


def context(certificates, version=None, alpn=()):
    c = ssl.create_default_context(cafile=certificates.authority)
    if version:
        c.minimum_version = c.maximum_version = version
    if alpn:
        c.set_alpn_protocols(list(alpn))
    return c


def connect_secured(lab, certificates, name=NAME, timeout=5.0, **options):
    """A TLS connection from the client's namespace, the certificate checked."""
    return context(certificates, **options).wrap_socket(
        connect(lab, GATEWAY_C4, LISTEN, timeout), server_hostname=name)


def exchange(s, data=b"is anybody there?"):
    """Sends data through an echo and checks that it comes back, on one thread: an SSL object has no lock."""
    left, got = memoryview(data), bytearray()
    s.setblocking(False)
    while len(got) < len(data):
        moved = False
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if left:
                left = left[s.send(left[:65536]):]
                moved = True
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            piece = s.recv(65536)
            check(piece, "the connection ended early")
            got += piece
            moved = True
        if len(got) < len(data) and not moved and not any(select.select([s], [s] if left else [], [], 10)):
            raise LabError(f"nothing moved for 10 s, {len(data) - len(got)} bytes to come")
    s.settimeout(10)
    check(got == data, "what came back is not what was sent")

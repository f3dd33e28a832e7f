# SPDX-License-Identifier: BSD-3-Clause
"""REALITY at a listener: who has the keys reaches the upstream, everybody else the target and nothing but the target."""

import base64
import subprocess
from pathlib import Path

from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, case, check, check_equal, echo, listener,
                     payload, upstream)
from securing import Certificates
from terminating import MODE, at, ending_clean, nginx_of

NAME = "target.example"
SHORT_ID = "0102030405060708"
PRIVATE = bytes(range(1, 33))
# Of that key, as protocols have it on paper.
PUBLIC = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
WEB = 8443
DIRECT = LISTEN + 10
PAGE = "the page of the target\n"


def nginx_target(lab, certificates):
    """nginx with TLS 1.3 as the target, with a certificate for NAME."""
    certificates.make("target", NAME)
    (lab.folder / "page").write_text(PAGE)
    nginx_of(lab, f"""server {{
        listen {WEB} ssl; listen [::]:{WEB} ssl; server_name {NAME}; root {lab.folder};
        ssl_certificate {certificates.folder}/target.pem; ssl_certificate_key {certificates.folder}/target.key;
        ssl_protocols TLSv1.3; }}""", WEB)


def credential(lab, target=at(SERVER4, WEB), more=""):
    """A server's, its key in a file."""
    key = lab.folder / "keys" / "reality.key"
    key.write_text(base64.urlsafe_b64encode(PRIVATE).rstrip(b"=").decode() + "\n")
    key.chmod(0o600)
    return (f'{{ name = "front"; kind = "reality"; private_key = "file:{key}"; target = "{target}"; '
            f'server_names = ["{NAME}"]; short_ids = ["{SHORT_ID}"]; {more} }}')


def guarded(lab, target=at(SERVER4, WEB), more=""):
    """REALITY before an echo on both families, and the target itself on DIRECT."""
    security = 'transport = { security = "reality"; credentials = ["front"]; };'
    listeners = ", ".join([
        listener("in4", "tcp", at(GATEWAY_C4, LISTEN), "echo", f"{MODE} {security}"),
        listener("in6", "tcp", at(GATEWAY_C6, LISTEN), "echo", f"{MODE} {security}"),
        listener("direct", "tcp", at(GATEWAY_C4, DIRECT), "web")])
    upstreams = ", ".join([upstream("echo", at(SERVER4, ECHO)), upstream("web", at(SERVER4, WEB))])
    extra = f"credentials = ( {credential(lab, target, more)} );"
    return lab.configuration(listeners, upstreams, extra=extra).replace(
        "management = {", f'management = {{ key_dir = "{lab.folder}/keys";')


def guarded_lab(t, **options):
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_target(lab, certificates)
    t.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab, **options))
    return lab, certificates


def through(t, lab, data, address=GATEWAY_C4, short_id=SHORT_ID, name=NAME, public=PUBLIC, browser="chrome"):
    """What our own REALITY client gets back for data and an end, and what it says of its handshake."""
    done = subprocess.run(["ip", "netns", "exec", lab.namespace("client"),
                           Path(t.build) / "tests/interop/xray/reality-peer", "client", f"{address}/{LISTEN}", name,
                           public, short_id, browser], input=data, capture_output=True, timeout=30, check=False)
    return done.stdout, done.stderr.decode()


def curl(lab, certificates, address=GATEWAY_C4, port=LISTEN):
    return lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "--cacert", certificates.authority,
                  "--resolve", f"{NAME}:{port}:{address}", f"https://{NAME}:{port}/page", check=False)


@case
def reality_strangers_see_the_target(t):
    """curl without the keys gets the target's certificate and page, over both families"""
    lab, certificates = guarded_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            done = curl(lab, certificates, address)
            check_equal((done.returncode, done.stdout), (0, PAGE), f"curl: {done.stderr}")


@case
def reality_clients_reach_the_upstream(t):
    """a client with the keys gets through to the upstream, over both families, with 4 MiB there and back"""
    lab, _ = guarded_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            for data in (b"is anybody there?", payload(4 << 20)):
                got, said = through(t, lab, data, address)
                check(got == data, f"{len(got)} of {len(data)} bytes came back; {said}")

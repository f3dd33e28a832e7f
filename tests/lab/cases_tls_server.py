# SPDX-License-Identifier: BSD-3-Clause
"""What a TLS listener does for clients of every kind: their certificates, OCSP, headers before the hello, reloads."""

import contextlib
import os
import ssl
import threading
import time

from cases_proxy_protocol import SENDS, line, nginx_that_tells
from cases_terminate_peers import haproxy, shell
from harness import (CLIENT4, ECHO, GATEWAY_C4, LISTEN, case, check, check_equal, connect, echo, payload, wait_for)
from securing import NAME, Certificates, connect_secured, context, exchange, secured, secured_lab
from terminating import ending_clean, nginx_of

WEB, FRONT = 8080, 7000
HELLO = "is anybody there?"
GNUTLS = {"1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}


class Clients:
    """openssl s_client, gnutls-cli and curl, with a client's certificate or none."""

    def __init__(self, lab, certificates):
        self.lab, self.certificates = lab, certificates

    def files(self, own):
        return self.certificates.folder / f"{own}.pem", self.certificates.folder / f"{own}.key"

    def openssl(self, version, own=None, *more):
        options = ["-cert", self.files(own)[0], "-key", self.files(own)[1]] if own else []
        return self.piped("openssl", "s_client", "-connect", f"{GATEWAY_C4}:{LISTEN}", "-servername", NAME, "-CAfile",
                          self.certificates.authority, "-verify_return_error", f"-tls{version.replace('.', '_')}",
                          *options, *more)

    def gnutls(self, version, own=None, *more):
        options = ["--x509certfile", self.files(own)[0], "--x509keyfile", self.files(own)[1]] if own else []
        return self.piped("gnutls-cli", "--port", LISTEN, "--x509cafile", self.certificates.authority,
                          "--sni-hostname", NAME, "--verify-hostname", NAME, "--priority", GNUTLS[version], *options,
                          *more, GATEWAY_C4)

    def curl(self, version, own=None, *more):
        options = ["--cert", self.files(own)[0], "--key", self.files(own)[1]] if own else []
        done = self.lab.at("client", "curl", "--silent", "--show-error", "--max-time", "10", "--cacert",
                           self.certificates.authority, "--resolve", f"{NAME}:{LISTEN}:{GATEWAY_C4}",
                           f"--tlsv{version}", "--tls-max", version, *options, *more, f"https://{NAME}:{LISTEN}/page",
                           check=False)
        return done.stdout

    def piped(self, *argv):
        """A client that says something and waits for its echo; what it printed."""
        done = self.lab.at("client", "sh", "-c", f'(echo "{HELLO}"; sleep 1) | exec timeout 10 "$@"', "sh", *argv,
                           check=False)
        return done.stdout + done.stderr


def web(lab):
    nginx_of(lab, f'server {{ listen {WEB}; location / {{ return 200 "{HELLO}\\n"; }} }}', WEB)


def with_keys(credential, more):
    return credential.replace("}", f"{more} }}")


@case
def tls_client_certificates(t):
    """curl, s_client and gnutls-cli: none, a good and a strange certificate, where one is optional and required"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, lambda s: s.sendall(s.recv(100)))
    credential = certificates.make("www", NAME)
    certificates.make("good", "client.example.org")
    # Of itself, not of the authority.
    certificates.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                         "2", "-subj", "/CN=stranger", "-keyout", certificates.folder / "strange.key", "-out",
                         certificates.folder / "strange.pem")

    def text(word, port):
        keys = f'client_ca = "file:{certificates.authority}"; client_certificate = "{word}";'
        return secured(lab, [with_keys(credential, keys)], port=port)

    clients = Clients(lab, certificates)
    lab.start(text("optional", ECHO))
    with ending_clean(lab):
        for word, allowed in (("optional", (None, "good")), ("required", ("good",))):
            lab.apply(text(word, ECHO))
            for version in ("1.2", "1.3"):
                for own in (None, "good", "strange"):
                    for client in (clients.openssl, clients.gnutls):
                        printed = client(version, own)
                        check_equal(HELLO in printed, own in allowed, f"{word}, {version}, {own}, {client.__name__}: {printed[-300:]}")
        web(lab)
        for word, allowed in (("optional", (None, "good")), ("required", ("good",))):
            lab.apply(text(word, WEB))
            for version in ("1.2", "1.3"):
                for own in (None, "good", "strange"):
                    check_equal(clients.curl(version, own).strip() == HELLO, own in allowed,
                                f"{word}, {version}, {own}, curl")


@case
def tls_ocsp_staple(t):
    """s_client -status sees the response of the file; one about another certificate is an event and not sent"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    credential = certificates.make("www", NAME)
    certificates.make("other", "other.example.org")
    staple = certificates.staple("www")
    text = secured(lab, [with_keys(credential, f'ocsp = "file:{staple}";')])
    clients = Clients(lab, certificates)

    def refusals():
        return [e for e in lab.query("events")["events"] if e["kind"] == "staple_refused"]

    lab.start(text)
    with ending_clean(lab):
        for version in ("1.2", "1.3"):
            printed = clients.openssl(version, None, "-status")
            check("Cert Status: good" in printed, f"{version}: {printed[:600]}")
            check("OCSP" not in clients.openssl(version), f"{version}: who does not ask")
        check_equal(refusals(), [], "events")
        staple.write_bytes(certificates.staple("other").read_bytes())
        # Only a reload reads the file.
        check("Cert Status: good" in clients.openssl("1.3", None, "-status"), "before the reload")
        lab.apply(text + "# again\n")
        for version in ("1.2", "1.3"):
            printed = clients.openssl(version, None, "-status")
            check("OCSP response: no response sent" in printed, f"{version}: {printed[:600]}")
        told = refusals()
        check(len(told) == 1 and str(staple) in told[0]["message"] and "not about this" in told[0]["message"],
              f"events: {told}")


@case
def tls_gnutls_every_suite(t):
    """gnutls-cli gets an echo with every suite, of certificates with EC and RSA keys"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, lambda s: s.sendall(s.recv(100)))
    keys = {"ECDSA": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "RSA": ("rsa:2048",)}
    clients = Clients(lab, certificates)
    lab.start(secured(lab, [certificates.make("www", NAME)]))
    ciphers = ("AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305")
    with ending_clean(lab):
        for kind, key in keys.items():
            lab.apply(secured(lab, [certificates.make("www", NAME, key=key)]) + f"# {kind}\n")
            for cipher in ciphers:
                for version in ("1.2", "1.3"):
                    priority = f"{GNUTLS[version]}:-CIPHER-ALL:+{cipher}:-KX-ALL:+ECDHE-{kind}"
                    printed = clients.gnutls(version, None, "--priority", priority)
                    check(HELLO in printed and cipher in printed, f"{kind}, {cipher}, {version}: {printed[-400:]}")
                for name in (f"ECDHE-{kind}-{cipher.replace('-1', '1').replace('-2', '2')}",):
                    name = f"{name}{'-SHA256' if '128' in name else '-SHA384' if '256' in name else ''}"
                    name = name if "CHACHA" not in name else f"ECDHE-{kind}-CHACHA20-POLY1305"
                    printed = clients.openssl("1.2", None, "-cipher", name)
                    check(HELLO in printed and "Extended master secret: yes" in printed, f"{name}: {printed[-600:]}")


@case
def tls_haproxy_and_nginx_as_clients(t):
    """HAProxy's `server ... ssl` and nginx's proxy_ssl fetch pages through the node, anew and with tickets"""
    lab = t.lab()
    certificates = Certificates(lab)
    (lab.folder / "page").write_bytes(payload(1 << 20))
    nginx_of(lab, f"server {{ listen {WEB}; root {lab.folder}; }}", WEB)
    lab.start(secured(lab, [with_keys(certificates.make("www", NAME), 'alpn = ["http/1.1"];')], port=WEB))
    target = f"{GATEWAY_C4}:{LISTEN}"
    for i, version in enumerate(("1.2", "1.3")):
        nginx = f"""server {{ listen 127.0.0.1:{FRONT + i}; location / {{ proxy_pass https://{target};
            proxy_ssl_protocols TLSv{version}; proxy_ssl_verify on; proxy_ssl_server_name on; proxy_ssl_name {NAME};
            proxy_ssl_trusted_certificate {certificates.authority}; }} }}"""
        (lab.folder / f"front-{i}").write_text(nginx)
    nginx_of(lab, "".join((lab.folder / f"front-{i}").read_text() for i in range(2)), FRONT, FRONT + 1, role="client")
    haproxy(lab, "client", "".join(f"""
listen f{i}
    bind 127.0.0.1:{FRONT + 2 + i}
    server s {target} ssl verify required ca-file {certificates.authority} sni str({NAME}) verifyhost {NAME} \
        ssl-min-ver TLSv{version} ssl-max-ver TLSv{version} alpn http/1.1
""".replace("\\\n        ", "") for i, version in enumerate(("1.2", "1.3"))), FRONT + 2)
    with ending_clean(lab):
        for port in range(FRONT, FRONT + 4):
            for visit in range(5):
                got = shell(lab, "client", f"curl -sS --max-time 20 http://127.0.0.1:{port}/page | sha256sum")
                check_equal(got, shell(lab, "client", f"sha256sum < {lab.folder}/page"), f"port {port}, visit {visit}")


@case
def tls_behind_a_proxy_header(t):
    """a PROXY header before the hello is taken off, and its address told to the server behind; without it, an end"""
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_that_tells(lab)
    text = secured(lab, [certificates.make("www", NAME)], port=WEB, more='proxy_protocol = "required";')
    lab.start(text.replace('targets', f'{SENDS[2]} targets', 1))
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ending_clean(lab):
        for together in (False, True):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                raw = connect(lab)
                header = line("192.0.2.7", 4711, "192.0.2.8", 443)
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context(certificates, version).wrap_bio(incoming, outgoing, server_hostname=NAME)
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                hello = outgoing.read()
                if together:
                    raw.sendall(header + hello)
                else:
                    raw.sendall(header)
                    time.sleep(0.1)
                    raw.sendall(hello)
                answer = b""
                sent = False
                while True:
                    try:
                        if not sent:
                            tls.do_handshake()
                            tls.write(request)
                            sent = True
                            raw.sendall(outgoing.read())
                        piece = tls.read(65536)
                        if not piece:
                            break
                        answer += piece
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(65536))
                    except ssl.SSLZeroReturnError:
                        break
                raw.close()
                check_equal(answer.partition(b"\r\n\r\n")[2].split(), [b"192.0.2.7", b"4711", b"443"],
                            f"{version}, in one segment: {together}")
        with contextlib.suppress(OSError):
            connect_secured(lab, certificates).close()
            check(False, "without a header")


@case
def tls_proxy_header_of_haproxy(t):
    """HAProxy sends a header of version 2 and TLS behind it"""
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_that_tells(lab)
    text = secured(lab, [certificates.make("www", NAME)], port=WEB, more='proxy_protocol = "required";')
    lab.start(text.replace('targets', f'{SENDS[1]} targets', 1))
    haproxy(lab, "client", f"""
listen f
    bind {CLIENT4}:{FRONT}
    server s {GATEWAY_C4}:{LISTEN} send-proxy-v2 ssl verify required ca-file {certificates.authority} sni str({NAME})
""", FRONT)
    with ending_clean(lab):
        told = shell(lab, "client", f"curl -sS --max-time 10 http://{CLIENT4}:{FRONT}/").split()
        check_equal((told[0], told[2]), (CLIENT4, str(FRONT)), "what nginx heard")


@case
def tls_renegotiation_is_refused(t):
    """a client of TLS 1.2 that asks for another handshake gets none"""
    lab, certificates = secured_lab(t)
    clients = Clients(lab, certificates)
    with ending_clean(lab):
        done = lab.at("client", "sh", "-c", '(echo one; sleep 1; echo R; sleep 1; echo two; sleep 1) | '
                      'exec timeout 10 "$@"', "sh", "openssl", "s_client", "-connect", f"{GATEWAY_C4}:{LISTEN}",
                      "-servername", NAME, "-CAfile", certificates.authority, "-tls1_2", check=False)
        printed = done.stdout + done.stderr
        check("one" in printed and "RENEGOTIATING" in printed, printed[-600:])
        check("no renegotiation" in printed or done.returncode != 0, printed[-600:])
        # Others notice nothing.
        check(HELLO in clients.openssl("1.2"), "another client")


@case
def tls_certificate_replaced_under_load(t):
    """50 reloads of new certificates while clients come without a pause: no handshake fails"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    text = secured(lab, [certificates.make("www", NAME)])
    lab.start(text)
    over, faults, serials = threading.Event(), [], set()

    def come(version):
        while not over.is_set():
            try:
                with connect_secured(lab, certificates, version=version) as s:
                    exchange(s)
                    serials.add(s.getpeercert()["serialNumber"])
            except (OSError, ssl.SSLError) as fault:
                faults.append(fault)

    with ending_clean(lab):
        threads = [threading.Thread(target=come, args=(version,))
                   for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
        for thread in threads:
            thread.start()
        for number in range(50):
            if number % 5 == 0:
                certificates.make("next", NAME)
                # Both files change their names at once, as far as two can.
                for kind in ("pem", "key"):
                    (certificates.folder / f"next.{kind}").rename(certificates.folder / f"www.{kind}")
            lab.apply(text + f"# {number}\n")
        over.set()
        for thread in threads:
            thread.join()
        check_equal(faults, [], "handshakes that failed")
        check(len(serials) >= 5, f"certificates that clients saw: {len(serials)}")
        wait_for("old sessions to end", lambda: lab.query("session", "list")["total"] == 0)


@case
def tls_key_log(t):
    """NEXPATH_KEY_LOG has nexpathd write secrets to a file of its owner's, and an event says so"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    log = lab.folder / "secrets"
    os.environ["NEXPATH_KEY_LOG"] = str(log)
    try:
        lab.start(secured(lab, [certificates.make("www", NAME)]))
    finally:
        del os.environ["NEXPATH_KEY_LOG"]
    with ending_clean(lab):
        with connect_secured(lab, certificates, version=ssl.TLSVersion.TLSv1_3) as s:
            exchange(s)
        lines = log.read_text().splitlines()
        check(any(line.startswith("CLIENT_TRAFFIC_SECRET_0 ") for line in lines), f"lines: {len(lines)}")
        check_equal(log.stat().st_mode & 0o777, 0o600, "the file's mode")
        told = [e for e in lab.query("events")["events"] if e["kind"] == "key_log_on"]
        check(len(told) == 1 and told[0]["severity"] == "error" and str(log) in told[0]["message"], f"events: {told}")

# SPDX-License-Identifier: BSD-3-Clause
"""TLS that ends at a listener: handshakes by the slow path, records by the workers."""

import base64
import socket
import ssl

from harness import (ECHO, GATEWAY_C4, LISTEN, case, check, check_equal, connect, echo, expect_error, payload,
                     receive_exactly, reset, wait_for)
from securing import NAME, OTHER, Certificates, connect_secured, context, exchange, secured, secured_lab
from terminating import ending_clean, nginx_of

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
WEB = 8080


def nginx_raw(lab, size):
    """nginx without TLS behind the node: a page of this size."""
    (lab.folder / "page").write_bytes(payload(size))
    nginx_of(lab, f"server {{ listen {WEB}; root {lab.folder}; }}", WEB)


def curl(lab, certificates, *more, name=NAME, out="-"):
    return lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "--cacert", certificates.authority,
                  "--resolve", f"{name}:{LISTEN}:{GATEWAY_C4}", "-o", out, *more, f"https://{name}:{LISTEN}/page",
                  check=False)


@case
def tls_curl_to_nginx(t):
    """curl fetches 8 MiB over TLS 1.2 and 1.3 from an nginx that speaks none, and refuses another name's page"""
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_raw(lab, 8 << 20)
    lab.start(secured(lab, [certificates.make("www", NAME)], port=WEB))
    with ending_clean(lab):
        for version in ("1.2", "1.3"):
            got = lab.folder / f"got-{version}"
            done = curl(lab, certificates, f"--tlsv{version}", "--tls-max", version, out=got)
            check_equal(done.returncode, 0, f"curl over TLS {version}: {done.stderr}")
            check(got.read_bytes() == (lab.folder / "page").read_bytes(), f"TLS {version}: the page differs")
        # 60: the peer's certificate cannot be authenticated.
        check_equal(curl(lab, certificates, name=OTHER).returncode, 60, "curl for another name")


@case
def tls_openssl_every_suite(t):
    """openssl s_client gets an echo with every suite of TLS 1.2 and 1.3 that is served"""
    lab, certificates = secured_lab(t, lambda s: s.sendall(s.recv(100)))
    with ending_clean(lab):
        for options in (("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
                        ("-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"),
                        ("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
                        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                        ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305")):
            done = lab.at("client", "sh", "-c", 'echo "is anybody there?" | exec openssl s_client "$@"', "sh",
                          "-connect", f"{GATEWAY_C4}:{LISTEN}", "-servername", NAME,
                          "-CAfile", str(certificates.authority), "-verify_return_error", "-verify_hostname", NAME,
                          "-quiet", *options, check=False)
            check("is anybody there?" in done.stdout, f"{options}: {done.stdout!r} {done.stderr[-300:]!r}")


@case
def tls_payload_both_ways(t):
    """8 MiB there and back, one byte at a time, and 50 connections at once, with both versions"""
    lab, certificates = secured_lab(t)
    with ending_clean(lab):
        for version in VERSIONS:
            with connect_secured(lab, certificates, version=version, timeout=30) as s:
                exchange(s, payload(8 << 20))
                for i in range(300):
                    s.sendall(bytes([i & 255]))
                    check_equal(s.recv(2), bytes([i & 255]), f"byte {i}")
            many = [connect_secured(lab, certificates, version=version) for _ in range(50)]
            for s in many:
                exchange(s, payload(10000))
            for s in many:
                s.close()


@case
def tls_names_choose_certificates(t):
    """an exact name goes before a wildcard, another name and none get the first; ALPN is answered by preference"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    credentials = [certificates.make("www", NAME).replace("}", 'alpn = ["h2", "http/1.1"]; }'),
                   certificates.make("wild", "*.example.net", key=("rsa:2048",)), certificates.make("shop", OTHER)]
    lab.start(secured(lab, credentials, names=("www", "wild", "shop")))
    with ending_clean(lab):
        for asked, common in ((NAME, "www"), (OTHER, "shop"), ("any.example.net", "wild"), (OTHER.upper(), "shop")):
            with connect_secured(lab, certificates, asked) as s:
                check_equal(dict(x[0] for x in s.getpeercert()["subject"])["commonName"], common, asked)
                exchange(s)
        for asked in ("example.net", "a.b.example.net", "www.example.com"):
            expect_error(ssl.SSLCertVerificationError, lambda n=asked: connect_secured(lab, certificates, n), asked)
        for offered, chosen in ((("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), ((), None)):
            with connect_secured(lab, certificates, alpn=offered) as s:
                check_equal(s.selected_alpn_protocol(), chosen, f"offered {offered}")
        expect_error(ssl.SSLError, lambda: connect_secured(lab, certificates, alpn=("ftp",)), "no common protocol")


@case
def tls_sessions_resume(t):
    """a client that comes back with a ticket resumes, over TLS 1.2 and 1.3"""
    lab, certificates = secured_lab(t)
    with ending_clean(lab):
        for version in VERSIONS:
            c = context(certificates, version)
            session = None
            for visit in range(3):
                with c.wrap_socket(connect(lab), server_hostname=NAME, session=session) as s:
                    exchange(s)
                    check_equal(s.session_reused, visit > 0, f"{version}: visit {visit}")
                    session = s.session
                    s.unwrap().close()


def elements(der):
    """Elements of DER one behind another, each as its tag, and its content."""
    at = 0
    while at < len(der):
        more = der[at + 1] & 0x7f if der[at + 1] > 0x7f else 0
        length = int.from_bytes(der[at + 2:at + 2 + more], "big") if more else der[at + 1]
        begin = at + 2 + more
        yield der[at], der[begin:begin + length]
        at = begin + length


def element(tag, content):
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def as_if_it_took_early_data(pem):
    """A session that OpenSSL has kept, as if 16 KiB of early data had come as allowed with its ticket."""
    head, *lines, end = pem.strip().splitlines()
    (tag, body), = elements(base64.b64decode("".join(lines)))
    fields = [field for field in elements(body) if field[0] != 0xaf] + [(0xaf, b"\2\2\x40\0")]
    fields.sort(key=lambda field: field[0] if field[0] > 0x9f else 0)
    der = element(tag, b"".join(element(*field) for field in fields))
    return "\n".join((head, base64.encodebytes(der).decode().strip(), end, ""))


@case
def tls_early_data_is_refused(t):
    """early data under a ticket that is taken goes nowhere: the session is resumed, and what comes behind it is served"""
    heard = []

    def handler(s):
        heard.append(s.recv(100))
        s.sendall(b"an answer")

    lab, certificates = secured_lab(t, handler)
    kept, early = lab.folder / "session", lab.folder / "early"

    def client(line, *more):
        return lab.at("client", "sh", "-c", f'echo {line} | exec openssl s_client "$@"', "sh",
                      "-connect", f"{GATEWAY_C4}:{LISTEN}", "-servername", NAME, "-CAfile", str(certificates.authority),
                      "-verify_return_error", "-ign_eof", "-tls1_3", *more, check=False).stdout
    with ending_clean(lab):
        check("an answer" in client("first", "-sess_out", str(kept)), "the first visit")
        kept.write_text(as_if_it_took_early_data(kept.read_text()))
        for size in (1, 100, 16000):
            early.write_bytes(b"e" * size)
            said = client("behind", "-sess_in", str(kept), "-early_data", str(early))
            for word in ("Reused, TLSv1.3", "Early data was rejected", "an answer"):
                check(word in said, f"{size} bytes, no {word!r}: {said[-600:]}")
        check_equal(heard, [b"first\n"] + [b"behind\n"] * 3, "what the server behind has heard")


@case
def tls_ends(t):
    """close_notify is a half close, a cut stream and a reset are resets, both ways"""
    seen = []

    def handler(connection):
        connection.sendall(b"hello")
        try:
            data = b"".join(iter(lambda: connection.recv(65536), b""))
            seen.append(data)
            connection.sendall(b"answer after the end")
        except ConnectionResetError:
            seen.append("reset")

    lab, certificates = secured_lab(t, handler)
    with ending_clean(lab):
        for version in VERSIONS:
            # The client's close_notify alone: the answer still comes, and then the server's.
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            with connect(lab) as s:
                tls = context(certificates, version).wrap_bio(incoming, outgoing, server_hostname=NAME)
                drive(s, tls.do_handshake, incoming, outgoing)
                check_equal(drive(s, lambda t=tls: t.read(100), incoming, outgoing), b"hello", f"{version}: greeting")
                tls.write(b"question")
                flush(s, outgoing)
                expect_error(ssl.SSLWantReadError, tls.unwrap, "close_notify is sent")
                flush(s, outgoing)
                check_equal(drive(s, lambda t=tls: t.read(100), incoming, outgoing), b"answer after the end",
                            f"{version}: after the client's close_notify")
                expect_error(ssl.SSLZeroReturnError,
                             lambda t=tls, i=incoming, o=outgoing: drive(s, lambda: t.read(1), i, o), "close_notify")
                check_equal(s.recv(1), b"", f"{version}: the end behind the server's close_notify")
            check_equal(seen.pop(), b"question", f"{version}: what the server saw")
            # A FIN without close_notify, and a reset.
            for how in (lambda s: s.shutdown(socket.SHUT_WR), reset):
                s = connect_secured(lab, certificates, version=version)
                check_equal(receive_exactly(s, 5), b"hello", f"{version}: greeting")
                s.sendall(b"half a")
                how(s)
                wait_for("the server to see a reset", lambda: seen)
                check_equal(seen.pop(), "reset", f"{version}: what the server saw of a cut")
                s.close()


def flush(s, outgoing):
    s.sendall(outgoing.read())


def drive(s, step, incoming, outgoing):
    """Runs a step of a TLS object over a socket until it is done."""
    while True:
        try:
            result = step()
            flush(s, outgoing)
            return result
        except ssl.SSLWantReadError:
            flush(s, outgoing)
            data = s.recv(65536)
            check(data, "the connection ended")
            incoming.write(data)


@case
def tls_server_ends(t):
    """the server's end reaches the client as close_notify, its reset as a reset"""
    lab, certificates = secured_lab(t, lambda s: s.sendall(b"bye") if s.recv(1) == b"e" else reset(s))
    with ending_clean(lab):
        for version in VERSIONS:
            with connect_secured(lab, certificates, version=version) as s:
                s.sendall(b"e")
                check_equal(receive_exactly(s, 3), b"bye", f"{version}: payload")
                # Without close_notify Python's ssl raises.
                s.suppress_ragged_eofs = False
                check_equal(s.recv(1), b"", f"{version}: the end")
            with connect_secured(lab, certificates, version=version) as s:
                s.sendall(b"r")
                with bare(s) as raw:
                    # Tickets of TLS 1.3 come before it.
                    expect_error(ConnectionResetError, lambda s=raw: list(iter(lambda: s.recv(1), b"")),
                                 f"{version}: the reset")


@case
def tls_byte_by_byte(t):
    """10,000 single bytes of a hello that never ends hold no more than a few packet buffers; another client is served"""
    lab, certificates = secured_lab(t)
    with ending_clean(lab):
        def used():
            return sum(pool["used"] for pool in lab.query("pool", "list")["pools"] if pool["name"].startswith("nexpath_"))
        before = used()
        slow = connect(lab)
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        slow.sendall(b"\x16\x03\x01\x40\x00")
        for _ in range(10000):
            slow.send(b"\x01")
        held = used() - before
        check(held < 10, f"{held} buffers are held")
        with connect_secured(lab, certificates) as other:
            exchange(other)
        slow.close()


@case
def tls_garbage(t):
    """what is no TLS, half a hello, and a broken record end that connection and no other"""
    lab, certificates = secured_lab(t)
    with ending_clean(lab):
        good = connect_secured(lab, certificates)
        with connect(lab) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            check_ended(s, "no TLS")
        with connect(lab) as s:
            s.sendall(b"\x16\x03\x01\x02\x00" + b"\x01\x00\x01\xfc\x03\x03")
        for version in VERSIONS:
            raw = connect(lab)
            c = context(certificates, version).wrap_socket(raw, server_hostname=NAME)
            exchange(c)
            with bare(c) as s:
                s.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))
                check_ended(s, f"{version}: a broken record")
        exchange(good)
        good.close()
        drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
        check(drops.get("tls_record") == 2, f"drops: {drops}")


def bare(s):
    """The TCP connection under a TLS one."""
    connection = socket.socket(fileno=s.detach())
    connection.settimeout(5)
    return connection


def check_ended(s, what):
    """The peer ends the connection, an alert before it or none."""
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        check(False, f"{what}: the connection stays")


@case
def tls_refusals(t):
    """a key that others can read, one outside the folder for keys, and a raw listener with credentials are refused"""
    lab, certificates = secured_lab(t)
    with ending_clean(lab):
        good = certificates.make("good", NAME)
        (certificates.folder / "good.key").chmod(0o640)
        for credentials, names, fault in (([good], ("good",), "chmod 600"), ([good], ("other",), "no credential"),
                                          ([good.replace("/keys/good.key", "/elsewhere.key")], ("good",), "elsewhere")):
            text = secured(lab, credentials, names=names)
            (lab.folder / "refused.conf").write_text(text)
            done = lab.nexpath("config", "apply", lab.folder / "refused.conf", check=False)
            check(done.returncode == 1 and fault in done.stdout + done.stderr,
                  f"{fault}: {done.returncode} {done.stdout} {done.stderr}")
        with connect_secured(lab, certificates) as s:
            exchange(s)


@case
def tls_certificate_replaced(t):
    """applying the same configuration over new files serves the new certificate; a live session goes on"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    text = secured(lab, [certificates.make("www", NAME)])
    lab.start(text)
    with ending_clean(lab):
        with connect_secured(lab, certificates) as live:
            serial = live.getpeercert()["serialNumber"]
            certificates.make("www", NAME)
            lab.apply(text + "# again\n")

            def replaced():
                with connect_secured(lab, certificates) as s:
                    return s.getpeercert()["serialNumber"] != serial
            wait_for("the new certificate", replaced)
            exchange(live)


@case
def tls_sessions_outlive_a_reload(t):
    """a ticket from before new certificates were read resumes after it, over TLS 1.2 and 1.3, on any thread"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    text = secured(lab, [certificates.make("www", NAME)])
    lab.start(text)
    with ending_clean(lab):
        contexts = {version: context(certificates, version) for version in VERSIONS}

        def visit(version, session=None):
            with contexts[version].wrap_socket(connect(lab), server_hostname=NAME, session=session) as s:
                exchange(s)
                reused, session = s.session_reused, s.session
                s.unwrap().close()
                return reused, session
        sessions = {version: visit(version)[1] for version in VERSIONS}
        certificates.make("www", NAME)
        lab.apply(text + "# again\n")
        for version in VERSIONS:
            check_equal(visit(version, sessions[version])[0], True, f"{version}: resumed")


@case
def tls_least_version_of_each_name(t):
    """min_version is that of the credential a client asks for, whichever is the first"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    new = certificates.make("www", NAME).replace("}", 'min_version = "1.3"; }')
    lab.start(secured(lab, [new, certificates.make("shop", OTHER)], names=("www", "shop")))
    with ending_clean(lab):
        for name, version, good in ((NAME, VERSIONS[0], False), (NAME, VERSIONS[1], True), (OTHER, VERSIONS[0], True),
                                    (OTHER, VERSIONS[1], True)):
            if good:
                with connect_secured(lab, certificates, name, version=version) as s:
                    exchange(s)
            else:
                expect_error(ssl.SSLError, lambda n=name, v=version: connect_secured(lab, certificates, n, version=v),
                             f"{name} with {version}")

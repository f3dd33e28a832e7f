# SPDX-License-Identifier: BSD-3-Clause
"""TLS toward targets: handshakes begun by the slow path, records by the workers."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import time

from cases_http import ask, gateway
from cases_terminate_peers import haproxy
from harness import (GATEWAY_C4, LISTEN, SERVER4, SERVER6, Skip, case, check, check_equal, connect, echo, exchange,
                     expect_error, payload, receive_exactly, reset, upstream, wait_for)
from securing import NAME, OTHER, Certificates, context, transport
from securing import exchange as exchange_secured
from terminating import WAYS, at, ending_clean, nginx_of, one, service

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
WEB = 8443
PLAIN = 8080


def client_credential(certificates, name="out", more="", roots=True):
    pinned = f'roots = "file:{certificates.authority}"; ' if roots else ""
    return f'{{ name = "{name}"; kind = "tls-client"; {pinned}{more} }}'


def named(name=NAME):
    return f'server_name = "{name}"; '


def configured(lab, credentials, ways, more=""):
    listeners, upstreams = ways
    extra = f"credentials = ( {', '.join(credentials)} );"
    return lab.configuration(listeners, upstreams, extra=extra).replace(
        "management = {", f'management = {{ key_dir = "{lab.folder}/keys";')


def originating(lab, credential, port=WEB, more=""):
    """One listener in the clear before targets under TLS, IPv4."""
    return configured(lab, [credential], one(port, upstream_more=f"{transport('out')} {more}"))


def server_context(certificates, name="www", version=None, client_ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(certificates.folder / f"{name}.pem", certificates.folder / f"{name}.key")
    if version:
        c.minimum_version = c.maximum_version = version
    return c


def tls_server(t, lab, certificates, handler, port=WEB, **options):
    """A server thread that speaks TLS; handler gets the secured socket, failed handshakes are noted."""
    failures = []

    def serve(connection):
        c = server_context(certificates, **options)
        try:
            secured = c.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError) as error:
            failures.append(str(error))
            return
        with contextlib.suppress(ssl.SSLError, OSError):
            handler(secured)

    t.tcp_server(lab, port, serve)
    return failures


def echo_tls(s):
    """Echoes until close_notify, and answers it with the same."""
    for data in iter(lambda: s.recv(65536), b""):
        s.sendall(data)
    with contextlib.suppress(ssl.SSLError, OSError):
        s.unwrap()


def origin_lab(t, handler=echo_tls, hosts=(NAME, SERVER4, SERVER6), more="", **options):
    """A lab whose targets speak TLS behind a listener in the clear."""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", *hosts)
    failures = tls_server(t, lab, certificates, handler, **options)
    lab.start(originating(lab, client_credential(certificates, more=more)))
    return lab, certificates, failures


def drops(lab, name):
    return next((d["packets"] for d in lab.query("drops")["drops"] if d["reason"] == name), 0)


def events(lab, kind):
    return [e["message"] for e in lab.query("events")["events"] if e["kind"] == kind]


def refused(lab, what, timeout=5.0):
    """A client that is accepted, and then reset before any byte."""
    def say_and_listen():
        # Whichever of the three asks first is told of the reset.
        with connect(lab, timeout=timeout) as s:
            s.sendall(b"for nobody but the target")
            s.recv(1)

    expect_error(ConnectionResetError, say_and_listen, what)


def nginx_tls(lab, more=""):
    return f"""server {{ listen {WEB} ssl; listen [::]:{WEB} ssl; root {lab.folder};
        ssl_certificate {lab.folder}/keys/www.pem; ssl_certificate_key {lab.folder}/keys/www.key;
        client_max_body_size 100m; {more} }}"""


def curl(lab, *more, out="-", path="page"):
    return lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "-o", out, *more,
                  f"http://{GATEWAY_C4}:{LISTEN}/{path}", check=False)


@case
def tls_upstream_curl_to_nginx(t):
    """curl fetches 8 MiB in the clear from an nginx that speaks TLS 1.2 and 1.3 alone, and uploads as much"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    page = payload(8 << 20)
    (lab.folder / "page").write_bytes(page)
    upload = "location /put { dav_methods PUT; create_full_put_path on; }"
    nginx_of(lab, nginx_tls(lab, f"ssl_protocols TLSv1.2; {upload}")
             + nginx_tls(lab, f"ssl_protocols TLSv1.3; {upload}").replace(str(WEB), str(WEB + 1)), WEB, WEB + 1)
    curl_both_ways(lab, certificates, page)


@case
def tls_upstream_curl_to_haproxy(t):
    """curl fetches 8 MiB in the clear from a HAProxy that speaks TLS 1.2 and 1.3 alone, and uploads as much"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    page = payload(8 << 20)
    (lab.folder / "page").write_bytes(page)
    nginx_of(lab, f"""server {{ listen {PLAIN}; root {lab.folder}; client_max_body_size 100m;
        location /put {{ dav_methods PUT; create_full_put_path on; }} }}""", PLAIN)
    haproxy(lab, "server", f"""
listen web
    mode http
    bind :{WEB} ssl crt {certificates.joined("www")} ssl-max-ver TLSv1.2
    bind :{WEB + 1} ssl crt {certificates.joined("www")} ssl-min-ver TLSv1.3
    server s 127.0.0.1:{PLAIN}
""", WEB)
    curl_both_ways(lab, certificates, page)


def curl_both_ways(lab, certificates, page):
    """The page down and up again, from a target at each of two ports."""
    lab.start(originating(lab, client_credential(certificates, more=named())))
    with ending_clean(lab):
        for port in (WEB, WEB + 1):
            lab.apply(originating(lab, client_credential(certificates, more=named()), port=port))
            got = lab.folder / f"got-{port}"
            done = curl(lab, out=got)
            check_equal(done.returncode, 0, f"curl at {port}: {done.stderr}")
            check(got.read_bytes() == page, f"{port}: the page differs")
            done = curl(lab, "-T", lab.folder / "page", path=f"put/{port}")
            check_equal(done.returncode, 0, f"upload at {port}: {done.stderr}")
            check((lab.folder / "put" / str(port)).read_bytes() == page, f"{port}: what was uploaded differs")


@case
def tls_upstream_every_way(t):
    """both families on both sides, 1 MiB there and back, the target's address verified as such"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", SERVER4, SERVER6)
    tls_server(t, lab, certificates, echo_tls)
    lab.start(configured(lab, [client_credential(certificates)], service(WEB, upstream_more=transport("out"))))
    with ending_clean(lab):
        for way in WAYS:
            with connect(lab, *WAYS[way], timeout=20) as s:
                exchange(s, payload(1 << 20))


@case
def tls_upstream_openssl_every_suite(t):
    """openssl s_server is met with every suite of TLS 1.2 and 1.3"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    suites = (("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
              ("-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"),
              ("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
              ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
              ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
              ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"))
    for i, options in enumerate(suites):
        lab.spawn("server", "openssl", "s_server", "-accept", str(WEB + i), "-rev", "-cert",
                  certificates.folder / "www.pem", "-key", certificates.folder / "www.key", *options)
    wait_for("openssl s_server", lambda: all(lab.listening("server", WEB + i) for i in range(len(suites))))
    lab.start(originating(lab, client_credential(certificates, more=named())))
    with ending_clean(lab):
        for i, options in enumerate(suites):
            lab.apply(originating(lab, client_credential(certificates, more=named()), port=WEB + i))
            with connect(lab) as s:
                s.sendall(b"is anybody there?\n")
                check_equal(receive_exactly(s, 18), b"?ereht ydobyna si\n", f"{options}")


@case
def tls_upstream_comes_back(t):
    """connections after the first resume its session, of TLS 1.2 and 1.3; a credential read anew begins anew"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    resumed = []
    for i, version in enumerate(VERSIONS):
        c = server_context(certificates, version=version)

        def serve(connection, c=c):
            secured = c.wrap_socket(connection, server_side=True)
            resumed.append(secured.session_reused)
            echo_tls(secured)

        t.tcp_server(lab, WEB + i, serve)
    texts = [originating(lab, client_credential(certificates, more=named()), port=WEB + i) for i in range(2)]
    lab.start(texts[0])
    with ending_clean(lab):
        for text, version in zip(texts, VERSIONS):
            lab.apply(text)
            for _ in range(2):
                with open(certificates.authority, "a", encoding="ascii") as roots:
                    roots.write("\n")
                check_equal(lab.query("credential", "reload", "out")["changed"], 1, "credentials read anew")
                # What came back was behind the tickets, and they are handed over before the next hello is asked for.
                for _ in range(4):
                    with connect(lab) as s:
                        exchange(s, payload(100000))
                check_equal(resumed, [False, True, True, True], f"{version.name}: who came back")
                resumed.clear()


@case
def tls_upstream_gnutls_serv(t):
    """gnutls-serv answers through the node"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    if lab.at("server", "sh", "-c", "command -v gnutls-serv", check=False).returncode:
        raise Skip("gnutls-serv is not installed")
    lab.spawn("server", "gnutls-serv", "--echo", "--port", str(WEB), "--x509certfile", certificates.folder / "www.pem",
              "--x509keyfile", certificates.folder / "www.key")
    wait_for("gnutls-serv", lambda: lab.listening("server", WEB))
    lab.start(originating(lab, client_credential(certificates, more=named())))
    with ending_clean(lab), connect(lab) as s:
        exchange(s, b"is anybody there?\n")


@case
def tls_upstream_names_and_roots(t):
    """a wrong name and an unknown authority are refused and told, insecure takes both and warns, pinned roots suffice"""
    lab, certificates, failures = origin_lab(t, hosts=(NAME,), more=named())
    with ending_clean(lab):
        with connect(lab) as s:
            exchange(s)
        for more, roots, reason in ((named(OTHER), True, "hostname mismatch"),
                                    ("", True, "IP address mismatch"),
                                    (named(), False, "unable to get local issuer certificate")):
            before = drops(lab, "tls_target_untrusted")
            lab.apply(originating(lab, client_credential(certificates, more=more, roots=roots)))
            refused(lab, reason)
            check_equal(drops(lab, "tls_target_untrusted"), before + 1, f"{reason}: drops")
            wait_for(f"the event about {reason}",
                     lambda r=reason: any(r in m and "upstream in: " in m and f"{SERVER4}:{WEB}" in m
                                          for m in events(lab, "tls_upstream_untrusted")))
            wait_for("the target to hear of it", lambda: failures)
            failures.clear()
        lab.apply(originating(lab, client_credential(certificates, more="insecure = true;", roots=False)))
        check_equal(len(events(lab, "tls_upstream_insecure")), 1, "warnings of insecure")
        with connect(lab) as s:
            exchange(s)
        # The certificate itself may be pinned.
        lab.apply(originating(lab, client_credential(certificates, roots=False, more=named()
                                                     + f'roots = "file:{certificates.folder}/www.pem";')))
        with connect(lab) as s:
            exchange(s)


@contextlib.contextmanager
def environment(**more):
    """Programs that start meanwhile have this in their environment, too."""
    os.environ.update(more)
    try:
        yield
    finally:
        for name in more:
            del os.environ[name]


@case
def tls_upstream_roots_of_the_system(t):
    """without roots the machine's authorities count, in one file or a folder by their hashes, and no others"""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        lab = t.lab()
        certificates = Certificates(lab)
        certificates.make("www", NAME)
        certificates.sign_own("other", NAME)
        tls_server(t, lab, certificates, echo_tls)
        tls_server(t, lab, certificates, echo_tls, port=WEB + 1, name="other")
        folders = {name: lab.folder / name for name in ("authorities", "nothing")}
        for folder in folders.values():
            folder.mkdir()
        known = folders["authorities"] / "one.pem"
        shutil.copy(certificates.authority, known)
        lab.at("server", "openssl", "rehash", known.parent)
        paths = {"SSL_CERT_FILE": folders["nothing"] / "none.pem", "SSL_CERT_DIR": folders["nothing"]}
        paths[variable] = known if variable == "SSL_CERT_FILE" else known.parent
        out = client_credential(certificates, more=named(), roots=False)
        with environment(**{name: str(path) for name, path in paths.items()}):
            lab.start(originating(lab, out))
        with ending_clean(lab):
            with connect(lab) as s:
                exchange(s, payload(10000))
            lab.apply(originating(lab, out, port=WEB + 1))
            refused(lab, f"{variable}: another authority")
            check_equal(drops(lab, "tls_target_untrusted"), 1, f"{variable}: drops")


@case
def tls_upstream_client_certificate(t):
    """nginx that requires a client certificate gets it, and refuses a session without"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    certificates.make("me", "client.example.org")
    nginx_of(lab, nginx_tls(lab, f"""ssl_client_certificate {certificates.authority}; ssl_verify_client on;
        location / {{ return 200 "$ssl_client_s_dn\\n"; }}"""), WEB)
    mine = f'certificate = "file:{certificates.folder}/me.pem"; key = "file:{certificates.folder}/me.key"; '
    lab.start(originating(lab, client_credential(certificates, more=named() + mine)))
    with ending_clean(lab):
        done = curl(lab)
        check_equal(done.stdout, "CN=me\n", f"who nginx saw; {done.stderr}")
        lab.apply(originating(lab, client_credential(certificates, more=named())))
        check("400" in curl(lab, "-i").stdout, "nginx without a client certificate")


@case
def tls_upstream_both_legs(t):
    """TLS toward the client and toward the target, of different certificates and versions"""
    lab = t.lab()
    certificates = Certificates(lab)
    front = certificates.make("front", OTHER)
    certificates.make("www", NAME)
    for i, version in enumerate(VERSIONS):
        tls_server(t, lab, certificates, echo_tls, port=WEB + i, version=version)
    texts = [configured(lab, [front, client_credential(certificates, more=named())],
                        one(WEB + i, more=transport("front"), upstream_more=transport("out"))) for i in range(2)]
    lab.start(texts[0])
    with ending_clean(lab):
        for text in texts:
            lab.apply(text)
            for version in VERSIONS:
                c = context(certificates, version)
                with c.wrap_socket(connect(lab, timeout=20), server_hostname=OTHER) as s:
                    exchange_secured(s, payload(4 << 20))
                    s.unwrap().close()


@case
def tls_upstream_ends(t):
    """ends go both ways as close_notify and FIN, cut streams and resets as resets"""
    seen = []

    def handler(s):
        kind = s.recv(1)
        if kind == b"c":  # our client's half close, and an answer after it
            seen.append(b"".join(iter(lambda: s.recv(65536), b"")))
            s.sendall(b"answer after the end")
            s.unwrap()
        elif kind == b"e":
            s.sendall(b"bye")
            s.unwrap()
        elif kind == b"f":  # a FIN without close_notify
            s.sendall(b"half")
            socket.socket.shutdown(s, socket.SHUT_WR)
            time.sleep(0.5)
        else:
            reset(s)

    for version in VERSIONS:
        lab, _, _ = origin_lab(t, handler, version=version)
        with ending_clean(lab):
            with connect(lab) as s:
                s.sendall(b"cquestion")
                s.shutdown(socket.SHUT_WR)
                if version == ssl.TLSVersion.TLSv1_3:  # of 1.2 OpenSSL answers close_notify at once
                    check_equal(b"".join(iter(lambda s=s: s.recv(100), b"")), b"answer after the end", "answer")
                wait_for("the target's end", lambda: seen)
                check_equal(seen.pop(), b"question", f"{version}: what the target saw")
            with connect(lab) as s:
                s.sendall(b"e")
                check_equal(b"".join(iter(lambda s=s: s.recv(100), b"")), b"bye", f"{version}: the target's end")
            for how in (b"f", b"r"):
                with connect(lab) as s:
                    s.sendall(how)
                    expect_error(ConnectionResetError, lambda s=s: list(iter(lambda: s.recv(100), b"")),
                                 f"{version}: {how}")


def bare_fin(s):
    """Ends as a server does that knows no close_notify."""
    socket.socket.shutdown(s, socket.SHUT_WR)
    time.sleep(1)


@case
def tls_upstream_bare_fin(t):
    """a client of TLS gets what a target sent before a FIN without close_notify, then a reset, and no end of the stream"""
    lab = t.lab()
    certificates = Certificates(lab)
    front = certificates.make("front", OTHER)
    certificates.make("www", NAME)

    def handler(s):
        s.recv(1)
        s.sendall(b"half an answer")
        time.sleep(0.3)
        bare_fin(s)

    tls_server(t, lab, certificates, handler)
    lab.start(configured(lab, [front, client_credential(certificates, more=named())],
                         one(WEB, more=transport("front"), upstream_more=transport("out"))))
    with ending_clean(lab):
        for version in VERSIONS:
            c = context(certificates, version)
            with c.wrap_socket(connect(lab), server_hostname=OTHER) as s:
                s.sendall(b"?")
                check_equal(s.recv(100), b"half an answer", f"{version}: what came before")
                # Below its TLS, which says no more than that the stream broke.
                expect_error(ConnectionResetError, lambda s=s: check(False, socket.socket.recv(s, 100)), f"{version}: the end")
        check_equal(drops(lab, "tls_cut"), len(VERSIONS), "streams cut")


# What a target answers before a FIN without close_notify, and what the client gets: all of it, all that came and a
# reset, or an answer of ours.
CUT_ANSWERS = (
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", b"4\r\nbody\r\n0\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody", ConnectionResetError),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", ConnectionResetError),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", ConnectionResetError),
    (b"", 502),
)


@case
def tls_upstream_bare_fin_http(t):
    """an HTTP client takes no answer for whole that a FIN without close_notify ended; one whose length was known stands"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    answers = []

    def handler(s):
        s.recv(65536)
        if answers[0]:
            s.sendall(answers[0])
            time.sleep(0.3)
        bare_fin(s)

    tls_server(t, lab, certificates, handler)
    # By source: no connection is kept for the next request, which would meet the end that this one's target has in hand.
    web = upstream("web", at(SERVER4, WEB), more=transport("out") + ' balance = "source-hash";')
    text = gateway(lab, ['{ upstream = "web"; }'], upstreams=web,
                   extra=f"credentials = ( {client_credential(certificates, more=named())} );")
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys";'))
    with ending_clean(lab):
        for answer, wanted in CUT_ANSWERS:
            answers[:] = [answer]
            request = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            if wanted is ConnectionResetError:
                expect_error(wanted, lambda request=request: ask(lab, request), f"{answer}")
                continue
            got = ask(lab, request)
            if wanted == 502:
                check(got.startswith("HTTP/1.1 502 "), f"{answer}: {got}")
            else:
                check(got.startswith("HTTP/1.1 200 ") and re.search(rb"\r\n\r\n(.*)$", got.encode(), re.S)[1] == wanted,
                      f"{answer}: {got}")


@case
def tls_upstream_waits_and_retries(t):
    """targets that say nothing, something else or close are passed over for the next, within connect_timeout_s"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    tls_server(t, lab, certificates, echo_tls)
    t.tcp_server(lab, WEB + 1, lambda s: s.recv(1 << 20) and time.sleep(5))  # never answers
    t.tcp_server(lab, WEB + 2, lambda s: s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n") or s.recv(1 << 20))
    t.tcp_server(lab, WEB + 3, lambda s: None)  # closes at once
    reasons = {WEB + 1: "no TLS handshake in time", WEB + 2: "not a TLS record", WEB + 3: ""}

    def text(*ports):
        listeners, _ = one(WEB, more="connect_timeout_s = 1;")
        return configured(lab, [client_credential(certificates, more=named())],
                          (listeners, upstream("in", *(at(SERVER4, p) for p in ports), more=transport("out"))))

    lab.start(text(WEB))
    with ending_clean(lab):
        for port, reason in reasons.items():
            lab.apply(text(port))
            began = time.monotonic()
            refused(lab, f"the target at {port}")
            check(time.monotonic() - began < 4, f"{port}: took too long")
            wait_for(f"the event about {port}", lambda p=port, r=reason: any(
                r in m and f":{p}" in m for m in events(lab, "tls_upstream_failed")))
            lab.apply(text(port, WEB))
            for _ in range(4):
                with connect(lab) as s:
                    exchange(s, payload(10000))
        check(drops(lab, "tls_target_timeout") > 0, "drops of handshakes without answer")
        check(drops(lab, "tls_target_handshake") > 0, "drops of failed handshakes")


@case
def tls_upstream_untrusted_is_not_passed_over(t):
    """a session whose target has a wrong certificate ends, though another target would do"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    certificates.make("bad", OTHER)
    tls_server(t, lab, certificates, echo_tls)
    tls_server(t, lab, certificates, echo_tls, port=WEB + 1, name="bad")
    listeners, _ = one(WEB)
    lab.start(configured(lab, [client_credential(certificates, more=named())], (listeners, upstream(
        "in", at(SERVER4, WEB), at(SERVER4, WEB + 1), more=transport("out")))))
    with ending_clean(lab):
        outcomes = []
        for _ in range(10):
            with connect(lab) as s:
                try:
                    exchange(s)
                    outcomes.append(True)
                except OSError:
                    outcomes.append(False)
        check(True in outcomes and False in outcomes, f"sessions that came through: {outcomes}")


@case
def tls_upstream_proxy_protocol(t):
    """the PROXY protocol header goes before the TLS hello, with every try, and what the client sent at once behind it"""
    heard = []

    def handler(connection):
        line = b""
        while not line.endswith(b"\r\n"):
            line += connection.recv(1)
        heard.append(line.split()[2].decode())
        if len(heard) == 1:
            connection.close()
            return
        with contextlib.suppress(OSError):
            echo_tls(server_context(certificates).wrap_socket(connection, server_side=True))

    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("www", NAME)
    t.tcp_server(lab, WEB, handler)
    listeners, _ = one(WEB, more='proxy_protocol = "required";')
    lab.start(configured(lab, [client_credential(certificates, more=named())], (listeners, upstream(
        "in", at(SERVER4, WEB), at(SERVER6, WEB), more=f'{transport("out")} proxy_protocol = "v1";'))))
    with ending_clean(lab):
        with connect(lab) as s:
            s.sendall(b"PROXY TCP4 10.9.9.9 10.1.0.2 4000 9000\r\nis anybody there?")
            check_equal(receive_exactly(s, 17), b"is anybody there?", "the echo")
        check_equal(heard, ["10.9.9.9", "10.9.9.9"], "whom the target heard of")


@case
def tls_upstream_many(t):
    """100 sessions at once, 64 KiB each way, both versions"""
    for version in VERSIONS:
        lab, _, _ = origin_lab(t, version=version)
        with ending_clean(lab):
            many = [connect(lab, timeout=20) for _ in range(100)]
            for s in many:
                exchange(s, payload(1 << 16))
            for s in many:
                s.close()

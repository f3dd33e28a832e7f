# SPDX-License-Identifier: BSD-3-Clause
"""HTTP listeners: requests routed one by one over kept connections."""

import json
import re
import signal
import time

from harness import GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, SERVER6, case, check, check_equal, connect, payload, upstream, wait_for
from securing import NAME, Certificates, transport
from terminating import at, ending_clean, nginx_of

WEB, API, SECURE = 8080, 8081, 8443


def gateway(lab, routes, more="", http_more="", upstreams=None, listen=f"*:{LISTEN}", extra=""):
    """A configuration with one HTTP listener of these routes."""
    upstreams = upstreams or ", ".join([upstream("web", at(SERVER4, WEB)), upstream("api", at(SERVER4, API)),
                                        upstream("gone", at(SERVER4, 9)), upstream("six", at(SERVER6, WEB))])
    entry = (f'{{ name = "in"; protocol = "http"; listen = "{listen}"; {more} '
             f'http = {{ {http_more} routes = ( {", ".join(routes)} ); }}; }}')
    return lab.configuration(entry, upstreams, extra=extra)


def nginx_web(lab, size=1 << 20, more="", ports=()):
    """nginx with a page, and one that says what it was asked; more: servers, on these ports."""
    (lab.folder / "page").write_bytes(payload(size))
    (lab.folder / "upload").mkdir(exist_ok=True)
    said = ('"$request|$http_host|$http_x_forwarded_for|$http_x_forwarded_proto|$http_x_forwarded_host|$http_connection|'
            '$http_x_own|$http_forwarded|"')
    servers = "".join(f"server {{ listen {port}; listen [::]:{port}; client_max_body_size 1g; root {lab.folder};"
                      f"  location /say {{ return 200 {said}; }}"
                      f"  location = /none {{ return 204; }} location /upload/ {{ dav_methods PUT; }} }}"
                      for port in (WEB, API))
    nginx_of(lab, servers + more, WEB, API, *ports)


def curl(lab, path, *more, host=GATEWAY_C4, port=LISTEN, scheme="http"):
    done = lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "--path-as-is", *more,
                  f"{scheme}://{at(host, port)}{path}", check=False)
    check_equal(done.returncode, 0, f"curl {path}: {done.stderr}")
    return done.stdout


@case
def http_curl_to_nginx(t):
    """curl fetches 1 MiB from nginx through a route, twice on one connection, IPv4 to IPv6 too"""
    lab = t.lab()
    nginx_web(lab)
    lab.start(gateway(lab, ['{ upstream = "web"; }', '{ path = "/six"; upstream = "six"; strip_prefix = true; }']))
    with ending_clean(lab):
        for path in ("/page", "/six/page"):
            got = lab.folder / "got"
            curl(lab, path, "-o", got)
            check(got.read_bytes() == (lab.folder / "page").read_bytes(), f"{path} differs")


def ask(lab, request, timeout=5.0, address=GATEWAY_C4):
    """What comes back for these bytes, to the end of the connection."""
    with connect(lab, address, timeout=timeout) as s:
        s.sendall(request)
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
        except TimeoutError:
            check(False, f"{request[:60]!r}: the connection stays, {got[:200]!r}")
        return got.decode()


def status(lab, request):
    found = re.match(r"HTTP/1.1 (\d{3}) ", ask(lab, request))
    return int(found[1]) if found else 0


ROUTES = ['{ upstream = "web"; }', '{ path = "/api"; upstream = "api"; strip_prefix = true; }',
          '{ host = "*.example.org"; path = "/say"; upstream = "api"; }',
          '{ host = "old.example.org"; redirect = "https"; status = "308"; }',
          '{ host = "old.example.org"; path = "/to"; redirect = "http://new.example/at/"; strip_prefix = true; '
          'keep_query = false; status = "301"; }',
          '{ host = "moved.example.org"; redirect = "http://new.example/at"; keep_path = false; }',
          '{ host = "moved.example.org"; path = "/in"; redirect = "http://new.example/"; keep_query = false; status = "307"; }',
          '{ host = "moved.example.org"; path = "/bare"; redirect = "https:8443"; keep_path = false; keep_query = false; '
          'status = "303"; }',
          '{ path = "/gone"; upstream = "gone"; }', '{ path = "/far"; upstream = "far"; }']
UPSTREAMS = ", ".join([upstream("web", at(SERVER4, WEB)), upstream("api", at(SERVER4, API)),
                       upstream("gone", at(SERVER4, 9)), upstream("far", "10.2.0.77:80")])


@case
def http_routes_and_heads(t):
    """hosts and paths choose upstreams and redirections, prefixes go, X-Forwarded is ours; IPv6 too"""
    lab = t.lab()
    nginx_web(lab)
    lab.start(gateway(lab, ROUTES, more="connect_timeout_s = 1;", upstreams=UPSTREAMS))
    with ending_clean(lab):
        for host, name in ((GATEWAY_C4, "10.1.0.1"), (GATEWAY_C6, "fd00:1::1")):
            said = curl(lab, "/api/say?x=1", "-H", "X-Forwarded-For: 6.6.6.6", "-H", "Forwarded: for=6.6.6.6",
                        "-H", "X-Own: 1", "-H", "Connection: X-Own", host=host)
            check_equal(said, f"GET /say?x=1 HTTP/1.1|{at(host, LISTEN)}|{name}|http|{at(host, LISTEN)}||||", "what nginx saw")
        for asked, path, code, to in (
                ("old.example.org", "/a?b=c", "308", "https://old.example.org/a?b=c"),
                ("OLD.example.org.", "/to/x?y", "301", "http://new.example/at/x"),
                ("moved.example.org", "/a/b?c=d", "302", "http://new.example/at?c=d"),
                ("moved.example.org", "/in/x?y", "307", "http://new.example/in/x"),
                ("moved.example.org", "/bare/x?y", "303", "https://moved.example.org:8443"),
                ("sub.example.org", "/say", "200", ""), ("old.example.org", "/say", "308", "https://old.example.org/say"),
                ("x", "/gone", "502", ""), ("x", "/far", "504", ""), ("x", "/missing", "404", ""), ("x", "/none", "204", "")):
            got = curl(lab, path, "-H", f"Host: {asked}", "-o", "/dev/null", "-w", "%{http_code} %header{location}")
            check_equal(got, f"{code} {to}", f"{asked}{path}")


@case
def http_bodies(t):
    """uploads and downloads of 16 MiB, by length and chunked, Expect and HEAD, on kept connections"""
    lab = t.lab()
    nginx_web(lab, 16 << 20)
    lab.start(gateway(lab, ['{ upstream = "web"; }']))
    with ending_clean(lab):
        page = lab.folder / "page"
        for how in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect:"), ("--http1.0",)):
            name = f"/upload/{len(how)}{how[-1:]}".replace(" ", "").replace("'", "").replace("(", "").replace(")", "").replace(",", "")
            name = name.replace(":", "")
            code = curl(lab, name, "-T", page, *how, "-o", "/dev/null", "-w", "%{http_code}")
            check(code in ("201", "204"), f"{how}: {code}")
            check((lab.folder / name[1:]).read_bytes() == page.read_bytes(), f"{how}: the upload differs")
        done = lab.at("client", "curl", "--silent", "--max-time", "30", "-I", f"http://{at(GATEWAY_C4, LISTEN)}/page",
                      "--next", "--silent", "-o", "/dev/null", "-w", "%{num_connects} %{size_download}",
                      f"http://{at(GATEWAY_C4, LISTEN)}/page", check=False)
        check(f"Content-Length: {16 << 20}" in done.stdout and done.stdout.endswith(f"0 {16 << 20}"),
              f"HEAD and GET on one connection: {done.stdout!r}")


@case
def http_refusals(t):
    """smuggling, bad heads and slow ones are refused, and the connection closed"""
    lab = t.lab()
    nginx_web(lab)
    lab.start(gateway(lab, ['{ path = "/page"; upstream = "web"; }'],
                      http_more="head_timeout_s = 1; keepalive_timeout_s = 1; head_bytes = 1024; head_fields = 20;"))
    with ending_clean(lab):
        host = b"Host: a\r\n"
        for request, code in (
                (b"POST /page HTTP/1.1\r\n" + host + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                (b"POST /page HTTP/1.1\r\n" + host + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
                (b"POST /page HTTP/1.1\r\n" + host + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
                (b"POST /page HTTP/1.1\r\n" + host + b"Transfer-Encoding : chunked\r\n\r\n", 400),
                (b"GET /page HTTP/1.1\n" + host + b"\n", 400), (b"GET /page HTTP/1.1\r\n\r\n", 400),
                (b"GET /page/../x HTTP/1.1\r\n" + host + b"\r\n", 400),
                (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
                (b"GET /page HTTP/1.1\r\n" + host + b"A: b\r\n" * 30 + b"\r\n", 431),
                (b"GET /page HTTP/1.1\r\n" + host + b"A: " + b"b" * 2000 + b"\r\n\r\n", 431),
                (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405), (b"GET /page HTT", 408),
                (b"GET / HTTP/1.1\r\n" + host + b"\r\n", 404), (b"GET /page HTTP/3.0\r\n" + host + b"\r\n", 505)):
            check_equal(status(lab, request), code, repr(request[:80]))


@case
def http_pipelining(t):
    """ten requests in one segment are answered in their order; a byte at a time is as good"""
    lab = t.lab()
    nginx_web(lab, 1000)
    lab.start(gateway(lab, ['{ upstream = "web"; }', '{ path = "/api"; upstream = "api"; strip_prefix = true; }'],
                      http_more="keepalive_timeout_s = 2;"))
    with ending_clean(lab):
        requests = b"".join(b"GET %s/say?%d HTTP/1.1\r\nHost: a\r\n\r\n" % (b"/api" if i % 3 == 0 else b"", i)
                            for i in range(10))
        got = ask(lab, requests)
        check_equal(re.findall(r"GET /say\?(\d) HTTP/1.1\|a\|10.1.0.1", got), list("0123456789"), "answers")
        with connect(lab) as s:
            for byte in requests:
                s.send(bytes([byte]))
            slow = b""
            while slow.count(b"GET /say") < 10:
                slow += s.recv(65536)


@case
def http_over_tls(t):
    """16 MiB down and up over TLS, from a target over TLS too, and targets are told; ALPN of another protocol is refused"""
    lab = t.lab()
    certificates = Certificates(lab)
    credential = certificates.make("www", NAME)
    keys = certificates.folder
    nginx_web(lab, 16 << 20, f"server {{ listen {SECURE} ssl; ssl_certificate {keys}/www.pem; "
              f"ssl_certificate_key {keys}/www.key; root {lab.folder}; }}", [SECURE])
    credential += (f', {{ name = "out"; kind = "tls-client"; server_name = "{NAME}"; '
                   f'roots = "file:{certificates.authority}"; }}')
    text = gateway(lab, ['{ upstream = "web"; }', '{ path = "/far"; upstream = "far"; strip_prefix = true; }'],
                   more=transport("www"), extra=f"credentials = ( {credential} );",
                   upstreams=", ".join([upstream("web", at(SERVER4, WEB)),
                                        upstream("far", at(SERVER4, SECURE), more=transport("out"))]))
    text = text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys";')
    lab.start(text)
    with ending_clean(lab):
        resolve = ("--cacert", certificates.authority, "--resolve", f"{NAME}:{LISTEN}:{GATEWAY_C4}")
        said = curl(lab, "/say", *resolve, host=NAME, scheme="https")
        check(f"|10.1.0.1|https|{NAME}:{LISTEN}|" in said, said)
        got = lab.folder / "got"
        for path in ("/page", "/far/page"):
            curl(lab, path, *resolve, "-o", got, host=NAME, scheme="https")
            check(got.read_bytes() == (lab.folder / "page").read_bytes(), f"{path} differs")
        curl(lab, "/upload/secure", *resolve, "-T", lab.folder / "page", "-o", "/dev/null", host=NAME, scheme="https")
        check((lab.folder / "upload/secure").read_bytes() == got.read_bytes(), "the upload differs")
        (lab.folder / "refused.conf").write_text(text.replace('kind = "tls"; certificate', 'kind = "tls"; alpn = ["h3"]; certificate'))
        done = lab.nexpath("config", "apply", lab.folder / "refused.conf", check=False)
        check(done.returncode == 1 and "HTTP/1.1" in done.stdout + done.stderr, f"{done.stdout} {done.stderr}")


@case
def http_access_log(t):
    """each request is one JSON line with its status, route, target and bytes; metrics count them"""
    lab = t.lab()
    nginx_web(lab, 1000)
    text = gateway(lab, ROUTES, more="connect_timeout_s = 1;", http_more="access_log = true; requests_per_source = 2;", upstreams=UPSTREAMS)
    lab.start(text.replace("management = {", 'log = { format = "json"; };\nmanagement = {'))
    with ending_clean(lab):
        curl(lab, "/page", "-o", "/dev/null")
        curl(lab, "/gone", "-o", "/dev/null")

        def lines():
            found = [json.loads(line) for line in lab.daemon.log.read_text().splitlines() if '"http request"' in line]
            # Of two workers, either's may come first.
            return sorted(found, key=lambda line: line["began"])
        wait_for("two lines", lambda: len(lines()) == 2)
        first, second = lines()
        check(first["status"] == 200 and first["path"] == "/page" and first["method"] == "GET" and
              first["upstream"] == "web" and first["bytes_from_target"] == 1000, f"{first}")
        check(second["status"] == 502 and second["reason"] == "target_refused" and
              second["target"] == at(SERVER4, 9), f"{second}")
        time.sleep(1)  # the source's bound
        curl(lab, "/far", "-o", "/dev/null")
        wait_for("the line of a target that cannot be reached", lambda: len(lines()) == 3)
        third = lines()[2]
        check(third["status"] == 504 and third["upstream"] == "far" and third["target"] == "10.2.0.77:80", f"{third}")
        codes = [curl(lab, "/page", "-o", "/dev/null", "-w", "%{http_code}") for _ in range(40)]
        check("429" in codes, f"{codes}")


@case
def http_without_a_server(t):
    """where all of an upstream's targets are drained clients get 503 and its reason, which log and metrics name, and stay"""
    lab = t.lab()
    nginx_web(lab, 1000)
    text = gateway(lab, ['{ upstream = "web"; }'], http_more="access_log = true;", upstreams=upstream("web", at(SERVER4, WEB)))
    lab.start(text.replace("management = {", 'log = { format = "json"; };\nmanagement = { metrics = "127.0.0.1:9641";'))
    with ending_clean(lab), connect(lab) as s:
        check(asked(s, "/page").startswith(b"HTTP/1.1 200 "), "with a server")
        lab.nexpath("upstream", "drain", "web", at(SERVER4, WEB))
        got = asked(s, "/page")
        check(got.startswith(b"HTTP/1.1 503 ") and got.endswith(b"\r\n\r\n503 Service Unavailable: no server is available\n"), f"{got!r}")
        wait_for("the line of it", lambda: any(
            '"http request"' in line and json.loads(line)["status"] == 503 and json.loads(line)["reason"] == "no_target" and
            json.loads(line)["upstream"] == "web" for line in lab.daemon.log.read_text().splitlines()))
        metrics = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
        check('nexpath_http_answers_total{reason="no_target"} 1\n' in metrics, "its counter")
        lab.nexpath("config", "rollback", "1")
        check(asked(s, "/page").startswith(b"HTTP/1.1 200 "), "with a server again")


def naming(name):
    """A server that answers each request with its name, /slow after 1.5 s."""
    def serve(s):
        asked = b""
        while piece := s.recv(65536):
            asked += piece
            if not asked.endswith(b"\r\n\r\n"):
                continue
            if asked.startswith(b"GET /slow"):
                time.sleep(1.5)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)
            asked = b""
    return serve


def asked(s, path):
    """The answer on a connection that stays."""
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got or got.endswith(b"\r\n\r\n"):
        piece = s.recv(65536)
        check(piece, f"{path}: ended after {got!r}")
        got += piece
    return got


@case
def http_drains(t):
    """kept connections leave a drained target; a removed listener serves what is under way, and closes what is idle"""
    lab = t.lab()
    t.tcp_server(lab, WEB, naming(b"A"))
    t.tcp_server(lab, API, naming(b"B"))
    both = f'{{ name = "both"; targets = ["{at(SERVER4, WEB)}", "{at(SERVER4, API)}"]; }}'
    lab.start(gateway(lab, ['{ upstream = "both"; }'], upstreams=both))
    with ending_clean(lab), connect(lab) as kept, connect(lab) as idle, connect(lab) as busy:
        first = asked(kept, "/")[-1:]
        check_equal(asked(kept, "/")[-1:], first, "the kept target")
        lab.nexpath("upstream", "drain", "both", at(SERVER4, WEB if first == b"A" else API))
        check_equal(asked(kept, "/")[-1:], b"B" if first == b"A" else b"A", "the target after the drain")
        asked(idle, "/")
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        begun = time.monotonic()
        lab.nexpath("listener", "remove", "in", "--drain", "20")
        for s in (idle, kept):
            check_equal(s.recv(1), b"", "an idle connection of the removed listener")
        check(time.monotonic() - begun < 1.2, "idle connections waited for others")
        got = b""
        while piece := busy.recv(65536):
            got += piece
        check(b"HTTP/1.1 200 OK" in got and b"Connection: close" in got, f"the request under way: {got!r}")


@case
def http_stops(t):
    """told to stop, nexpathd serves the request that is under way, closes what is idle, and ends before drain_s"""
    lab = t.lab()
    t.tcp_server(lab, WEB, naming(b"A"))
    text = gateway(lab, ['{ upstream = "web"; }'])
    lab.start(re.sub(r"drain_s = \d+;", "drain_s = 6;", text))
    with connect(lab) as idle, connect(lab) as busy:
        asked(idle, "/")
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        begun = time.monotonic()
        lab.daemon.send_signal(signal.SIGTERM)
        check_equal(idle.recv(1), b"", "an idle connection of a node that stops")
        check(time.monotonic() - begun < 1, "the idle connection waited")
        got = b""
        while piece := busy.recv(65536):
            got += piece
        check(b"HTTP/1.1 200 OK" in got and b"Connection: close" in got, f"the request under way: {got!r}")
    check_equal(lab.daemon.wait(5), 0, "exit status")


@case
def http_load(t):
    """wrk over 50 kept connections: every request is answered with 200"""
    lab = t.lab()
    nginx_web(lab, 1000)
    lab.start(gateway(lab, ['{ upstream = "web"; }']))
    with ending_clean(lab):
        done = lab.at("client", "wrk", "-t1", "-c50", "-d3s", "--latency", f"http://{at(GATEWAY_C4, LISTEN)}/page", check=False)
        check("Requests/sec" in done.stdout and "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout)

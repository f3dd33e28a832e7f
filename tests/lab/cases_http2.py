# SPDX-License-Identifier: BSD-3-Clause
"""HTTP listeners whose clients speak HTTP/2 over TLS."""

import re
import threading

from cases_http import WEB, gateway, nginx_web
from harness import GATEWAY_C4, LISTEN, SERVER4, case, check, check_equal, upstream, wait_for
from securing import NAME, OTHER, Certificates, transport
from terminating import at, ending_clean


def start(lab, alpn='"h2", "http/1.1"', cpus="0-1"):
    """A listener that offers HTTP/2, and what curl is told to reach it by name."""
    certificates = Certificates(lab)
    credential = certificates.make("www", NAME).replace("}", f"alpn = [{alpn}]; }}")
    text = gateway(lab, ['{ upstream = "web"; }', '{ path = "/gone"; upstream = "gone"; }'], more=transport("www"),
                   upstreams=", ".join([upstream("web", at(SERVER4, WEB)), upstream("gone", at(SERVER4, 9))]),
                   extra=f"credentials = ( {credential} );")
    text = text.replace('cpus = "0-1"', f'cpus = "{cpus}"')
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";'))
    return ("--cacert", certificates.authority, "--resolve", f"{NAME}:{LISTEN}:{GATEWAY_C4}")


def curl(lab, resolve, *arguments):
    done = lab.at("client", "curl", "--silent", "--show-error", "--max-time", "30", "--http2", *resolve, *arguments, check=False)
    check_equal(done.returncode, 0, f"curl {arguments}: {done.stderr}")
    return done.stdout


def metrics(lab):
    return lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout


def url(path):
    return f"https://{NAME}:{LISTEN}{path}"


@case
def http2_curl(t):
    """16 MiB down and up, HEAD, 204 and 502 over HTTP/2; who offers HTTP/1.1 alone gets that"""
    lab = t.lab()
    nginx_web(lab, 16 << 20)
    resolve = start(lab)
    with ending_clean(lab):
        got, page = lab.folder / "got", lab.folder / "page"
        said = curl(lab, resolve, "-o", got, "-w", "%{http_version} %{http_code} %{size_download}", url("/page"))
        check_equal(said, f"2 200 {16 << 20}", "a download")
        check(got.read_bytes() == page.read_bytes(), "the page differs")
        said = curl(lab, resolve, "-T", page, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url("/upload/two"))
        check_equal(said, "2 201", "an upload")
        check((lab.folder / "upload/two").read_bytes() == page.read_bytes(), "the upload differs")
        said = curl(lab, resolve, "-H", "Cookie: a=1", "-H", "X-Own: 1", url("/say"))
        check_equal(said, f"GET /say HTTP/1.1|{NAME}:{LISTEN}|10.1.0.1|https|{NAME}:{LISTEN}||1||", "what nginx saw")
        for path, more, code in (("/page", ("-I",), "200"), ("/none", (), "204"), ("/gone", (), "502"), ("/missing", (), "404")):
            said = curl(lab, resolve, *more, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url(path))
            check_equal(said, f"2 {code}", path)
        said = curl(lab, resolve, "--http1.1", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", url("/page"))
        check_equal(said, "1.1 200", "HTTP/1.1")


@case
def http_names_choose_certificates(t):
    """certificates by name, exact before wildcard, the first for others, over HTTP/1.1 and, where it offers that, HTTP/2"""
    lab = t.lab()
    nginx_web(lab, 1000)
    certificates = Certificates(lab)
    both = 'alpn = ["h2", "http/1.1"]; }'
    credentials = [certificates.make("www", NAME).replace("}", both), certificates.make("shop", OTHER),
                   certificates.make("wild", "*.example.net", key=("rsa:2048",)).replace("}", both)]
    text = gateway(lab, ['{ upstream = "web"; }', f'{{ host = "{OTHER}"; redirect = "https://{NAME}"; }}'],
                   more=transport("www", "wild", "shop"), upstreams=upstream("web", at(SERVER4, WEB)),
                   extra=f"credentials = ( {', '.join(credentials)} );")
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys";'))
    with ending_clean(lab):
        for host, common, best, code, more in (
                (NAME, "www", "2", "200", ()), (OTHER, "shop", "1.1", "302", ()), ("any.example.net", "wild", "2", "200", ()),
                ("www.example.com", "www", "2", "200", ("--insecure",))):
            for asked, spoken in (("--http2", best), ("--http1.1", "1.1")):
                said = curl(lab, ("--cacert", certificates.authority, "--resolve", f"{host}:{LISTEN}:{GATEWAY_C4}"), asked,
                            *more, "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{certs}", f"https://{host}:{LISTEN}/page")
                check(said.startswith(f"{spoken} {code} ") and f"Subject:CN = {common}\n" in said, f"{host} {asked}: {said[:200]}")


@case
def http2_many_at_once(t):
    """200 requests at once go to as many target connections, which are all kept for the next 200"""
    lab = t.lab()
    together = threading.Barrier(200)

    def answer(connection):
        while connection.recv(65536):
            together.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    t.tcp_server(lab, WEB, answer)
    # Each worker keeps its own, and clients come to any.
    start(lab, cpus="0")
    with ending_clean(lab):
        for _ in range(2):
            done = lab.at("client", "h2load", "-n", "200", "-c", "10", "-m", "20", f"--connect-to={GATEWAY_C4}:{LISTEN}",
                          url("/"), check=False)
            check("200 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr)
        reused = int(re.search(r"^nexpath_http_reused_total (\d+)", metrics(lab), re.M)[1])
        check_equal(reused, 200, "requests on a connection that had one before")


@case
def http2_load(t):
    """5,000 requests on 4 connections, 25 at once on each: all succeed, on target connections that are kept"""
    lab = t.lab()
    nginx_web(lab, 1000)
    start(lab)
    with ending_clean(lab):
        done = lab.at("client", "h2load", "-n", "5000", "-c", "4", "-m", "25", f"--connect-to={GATEWAY_C4}:{LISTEN}", url("/page"),
                      check=False)
        check("5000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr)
        check("Application protocol: h2" in done.stdout, done.stdout)
        reused = int(re.search(r"^nexpath_http_reused_total (\d+)", metrics(lab), re.M)[1])
        check(reused > 4000, f"{reused} of 5000 requests on a connection that had one before")
        wait_for("clients to have left", lambda: 'nexpath_http2_ends_total{reason="client"} 4' in metrics(lab))

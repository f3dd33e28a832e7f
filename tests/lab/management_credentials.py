# SPDX-License-Identifier: BSD-3-Clause
"""Tests of credentials over the management socket: what is listed, read again, refused, and told of
their end. Needs root, as files of keys do here.
"""

import base64
import contextlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import memory_image
from management_harness import RpcError, expect, kinds, wait_for

DAY = 86400


def make(daemon, name, days=100, host="www.example.org"):
    """A key and its certificate in the folder for keys, put there at once, as renewal does."""
    folder = daemon.folder / "keys"
    folder.mkdir(mode=0o755, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in ("key", "pem")}
    made = {kind: folder / f"{name}.{kind}.new" for kind in paths}
    old = os.umask(0o077)
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", made["key"], "-out", made["pem"], "-days", str(max(days, 1)), "-subj", "/CN=x",
                        "-addext", f"subjectAltName=DNS:{host}"], check=True, capture_output=True)
        if days < 1:
            subprocess.run(["openssl", "x509", "-in", made["pem"], "-signkey", made["key"], "-days", str(days - 1),
                            "-out", made["pem"]], check=True, capture_output=True)
    finally:
        os.umask(old)
    for kind, path in paths.items():
        os.rename(made[kind], path)
    return paths


def text_of(daemon, credentials, names='"www"', more=""):
    text = daemon.config(management=f'key_dir = "{daemon.folder}/keys"; {more}')
    secured = f'mode = "terminate"; transport = {{ security = "tls"; credentials = [{names}]; }};'
    return (f"credentials = ( {credentials} );\n"
            + text.replace('upstream = "web"; } );', f'upstream = "web"; {secured} }} );'))


def tls(name, paths):
    return (f'{{ name = "{name}"; kind = "tls"; certificate = "file:{paths["pem"]}"; '
            f'key = "file:{paths["key"]}"; names = ["www.example.org"]; }}')


def row(client, name="www"):
    rows = client.call("credential.list")["credentials"]
    return next(r for r in rows if r["name"] == name)


def test_credentials_are_listed(daemon):
    """credential.list tells kind, names, who uses it and when it expires, and no private value"""
    secret = "kNKYb-W4tYcXsMLUHZD3MzVIkxGvqFvNZ8pn3tgLxVM"
    reality = (f'{{ name = "front"; kind = "reality"; private_key = "{secret}"; target = "www.example.org:443"; '
               'server_names = ["www.example.org"]; short_ids = ["0123456789abcdef"]; }')
    client = daemon.start(text_of(daemon, tls("www", make(daemon, "www")) + ", " + reality))
    www, front = row(client), row(client, "front")
    expect(www["kind"] == "tls" and www["used_by"] == ["listeners.web-in"], www)
    expect(www["names"] == ["www.example.org"] and 99 * DAY < www["expires_in_s"] <= 100 * DAY, www)
    expect(front["kind"] == "reality" and front["used_by"] == [] and front["expires"] is None, front)
    expect(front["target"] == "www.example.org:443", front)
    shown = client.call("config.show")["text"]
    for private in (secret, "0123456789abcdef"):
        expect(private not in shown and private not in repr(client.call("credential.list")), "a private value is shown")
    expect(len(re.findall("hidden:[0-9a-f]{8}", shown)) == 2, shown)
    client.call("config.apply", text=shown.replace("9000", "9001"))
    expect(client.call("config.show")["text"] == shown.replace("9000", "9001"), "hidden values were not kept")


def test_credentials_are_read_again(daemon):
    """credential.reload takes new files, all or none, names the bad one, and leaves the old in use"""
    paths, second = make(daemon, "www"), make(daemon, "second", 50)
    text = text_of(daemon, tls("www", paths) + ", " + tls("second", second), '"www", "second"')
    client = daemon.start(text)
    expect(client.call("credential.reload")["changed"] == 0, "unchanged files are told as changed")
    unread = client.call("config.apply", text=text)
    expect(unread["credentials_unread"] and unread["changes"] == [], unread)
    make(daemon, "www", 200)
    make(daemon, "second", 200)
    expect(client.call("credential.reload", name="www")["changed"] == 1, "www was not read")
    expect(row(client)["expires_in_s"] > 199 * DAY, row(client))
    # A listener has all of its certificates, or those before.
    expect(row(client, "second")["expires_in_s"] < 51 * DAY, "another credential was read")
    paths["pem"].write_text("no certificate\n")
    error = client.refused(-32001, "credential.reload")
    expect(str(paths["pem"]) in str(error), error)
    expect(row(client, "second")["expires_in_s"] < 51 * DAY, "half of a reload was taken")
    make(daemon, "www", 300)
    os.chmod(second["key"], 0o640)
    error = client.refused(-32001, "credential.reload")
    expect(str(second["key"]) in str(error) and "chmod 600" in str(error) + str(error.data), error)
    expect(row(client)["expires_in_s"] < 201 * DAY, "half of a reload was taken")
    os.chmod(second["key"], 0o600)
    client.refused(-32004, "credential.reload", name="third")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for("SIGHUP to read files", lambda: row(client)["expires_in_s"] > 299 * DAY)
    expect(kinds(client).count("credential_refused") == 2, kinds(client))


def test_key_files_lie_in_their_folder(daemon):
    """a key outside management.key_dir is refused, also behind a link inside"""
    paths = make(daemon, "www")
    outside = daemon.folder / "outside.key"
    os.rename(paths["key"], outside)
    os.symlink(outside, paths["key"])
    client = daemon.start(daemon.config())
    error = client.refused(-32001, "config.apply", text=text_of(daemon, tls("www", paths)))
    expect(f"{outside} is not under {daemon.folder}/keys" in str(error) + str(error.data), error)


def test_keys_that_others_can_read_are_refused(daemon):
    """whichever key it is that a file holds, with the command that mends it; config.check says so too"""
    secrets = Secrets(daemon)
    client = daemon.start(daemon.config())
    before = (f'private_key = "file:{secrets.file}"', f'previous_private_key = "file:{secrets.file}"; '
              f'private_key = "{text_key(secrets.bytes["file"])}"')
    origin = (f'{{ name = "www"; kind = "tls-client"; certificate = "file:{secrets.paths["pem"]}"; '
              f'key = "file:{secrets.paths["key"]}"; }}')
    security = 'transport = { security = "tls"; credentials = ["www"]; };'
    upstream = (f"credentials = ( {origin} );\n" + daemon.config(management=f'key_dir = "{daemon.folder}/keys";')
                .replace('"10.2.0.1:80"]; }', f'"10.2.0.1:80"]; {security} }}')
                .replace('upstream = "web"; }', 'upstream = "web"; mode = "terminate"; }'))
    # Applying what runs reads no file: each text is another one.
    for path, text in ((secrets.paths["key"], secrets.text), (secrets.file, secrets.text.replace("9000", "9001")),
                       (secrets.file, secrets.text.replace(*before)), (secrets.paths["key"], upstream)):
        for mode in (0o640, 0o604, 0o660):
            path.chmod(mode)
            error = client.refused(-32001, "config.apply", text=text)
            expect(f"chmod 600 {path}" in str(error) + str(error.data), f"{mode:o}: {error}, {error.data}")
            expect("chmod 600" in str(client.call("config.check", text=text)["faults"]), f"{mode:o}: no fault")
        path.chmod(0o600)
        client.call("config.apply", text=text)


def test_a_refused_configuration_leaves_credentials(daemon):
    """an apply that is refused changes nothing of what runs, whatever became of the files"""
    paths = make(daemon, "www")
    text = text_of(daemon, tls("www", paths))
    client = daemon.start(text)
    for path in paths.values():
        path.unlink()
    client.refused(-32001, "config.apply", text=text.replace("9000", "9001"))
    # Listeners are added without a look at files that are gone: what runs keeps its own.
    client.refused(-32001, "credential.reload")
    expect(row(client)["expires_in_s"] > 99 * DAY, row(client))
    make(daemon, "www")
    client.call("config.apply", text=text.replace("9000", "9001"))


def test_expiry_is_told(daemon):
    """events at 14 days, at one and at the end, at start and reload too; the metric counts down"""
    paths = make(daemon, "www", 10)
    client = daemon.start(text_of(daemon, tls("www", paths), more='metrics = "127.0.0.1:19641";'))

    def told():
        return [k for k in kinds(client) if k.startswith("credential_expire")]

    wait_for("the event of 14 days", lambda: told() == ["credential_expires"])
    expect(client.call("credential.reload")["changed"] == 0, "")
    make(daemon, "www", 1)
    client.call("credential.reload")
    wait_for("the event of one day", lambda: told() == ["credential_expires"] * 2)
    page = urllib.request.urlopen("http://127.0.0.1:19641/metrics", timeout=5).read().decode()
    left = float(re.search(r'^nexpath_credential_expiry_seconds\{credential="www"\} (\S+)$', page, re.MULTILINE)[1])
    expect(DAY - 60 < left <= DAY, f"{left} s are left")
    make(daemon, "www", 0)
    client.call("credential.reload")
    wait_for("the event of the end", lambda: told()[-1] == "credential_expired")
    make(daemon, "www", 100)
    client.call("credential.reload")
    time.sleep(1.2)
    expect(len(told()) == 3, told())


def test_every_end_of_a_handshake_is_counted(daemon):
    """the metrics have every result of TLS and REALITY from the start, so that rates begin at none, and both versions"""
    daemon.start(daemon.config(management='metrics = "127.0.0.1:19642";'))
    page = urllib.request.urlopen("http://127.0.0.1:19642/metrics", timeout=5).read().decode()

    def series(family):
        return {m[1] for m in re.finditer(rf"^{family}\{{(.*)\}} 0$", page, re.MULTILINE)}

    expect(series("nexpath_reality_handshakes_total") == {f'result="{r}"' for r in (
        "authenticated", "sni", "version", "time", "short_id", "key_share", "replay", "target_shape", "bad_finished",
        "refused", "timeout")}, series("nexpath_reality_handshakes_total"))
    expect(series("nexpath_tls_handshakes_total") == {f'result="{r}"' for r in (
        "done", "failed", "refused", "crowded", "timeout")}, series("nexpath_tls_handshakes_total"))
    for family in ("nexpath_tls_legs", "nexpath_tls_legs_total"):
        expect(series(family) == {f'leg="{leg}",version="{version}"' for leg in ("client", "target")
                                  for version in ("1.2", "1.3")}, series(family))


def test_a_thousand_reloads(daemon):
    """reloads leak neither memory nor profiles"""
    paths = make(daemon, "www")
    client = daemon.start(text_of(daemon, tls("www", paths)))

    def memory():
        return int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1])

    for _ in range(20):
        client.call("credential.reload")
    before = memory()
    for _ in range(500):
        client.call("credential.reload")
    expect(memory() - before < 512, f"{memory() - before} pages more")


def secret_of(path):
    """The private number of a P-256 key in PEM (RFC 5915 3)."""
    body = "".join(line for line in path.read_text().splitlines() if not line.startswith("-"))
    der = base64.b64decode(body)
    at = der.index(b"\x02\x01\x01\x04\x20") + 5
    return der[at:at + 32]


def text_key(secret):
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def reality(name, private_key):
    return (f'{{ name = "{name}"; kind = "reality"; private_key = "{private_key}"; target = "www.example.org:443"; '
            'server_names = ["www.example.org"]; short_ids = ["0123456789abcdef"]; }')


class Secrets:
    """A configuration with keys in files and in the text, all of which are known, and the text of it."""

    def __init__(self, daemon):
        self.paths = make(daemon, "www")
        self.file = daemon.folder / "keys" / "front.key"
        self.bytes = {"tls": secret_of(self.paths["key"]), "file": os.urandom(32), "text": os.urandom(32)}
        self.file.write_text(text_key(self.bytes["file"]))
        self.file.chmod(0o600)
        credentials = (tls("www", self.paths), reality("front", f"file:{self.file}"),
                       reality("side", text_key(self.bytes["text"])))
        secured = ('{{ name = "{0}"; protocol = "tcp"; listen = "10.1.0.2:{1}"; upstream = "web"; mode = "terminate"; '
                   'transport = {{ security = "reality"; credentials = ["{0}"]; }}; }}')
        text = text_of(daemon, ", ".join(credentials))
        self.text = (text[:text.rindex(");")] + ", " + secured.format("front", 9443) + ", " + secured.format("side", 9444)
                     + " );\nlog = { level = \"debug\"; sessions = \"all\"; };\n")


def verbs():
    """Every method that there is."""
    table = Path(__file__).parents[2] / "mgmt/daemon/methods/table.c"
    return re.findall(r'^\t\{"([a-z.]+)", RPC_RIGHT', table.read_text(), re.MULTILINE)


def everything_asked(daemon, secrets):
    """What every method answers, be it a refusal."""
    client = daemon.client()
    text = secrets.text
    listener = {"name": "more", "protocol": "tcp", "listen": "10.1.0.2:9001", "upstream": "web"}
    known = {"config.check": {"text": text}, "config.plan": {"text": text.replace("9000", "9002")},
             "config.apply": {"text": text.replace("9000", "9003")}, "config.rollback": {"revision": 1},
             "listener.show": {"name": "web-in"}, "listener.add": {"values": listener},
             "listener.remove": {"name": "more"}, "upstream.drain": {"upstream": "web", "target": "10.2.0.1:80"},
             "session.show": {"id": "0000000000000001"}, "session.kill": {"filter": {"listener": "web-in"}},
             "drops": {"all": True}, "capture.start": {"port": "lan", "count": 1}, "capture.stop": {"capture": 1}}
    answers = []
    for method in verbs():
        try:
            answers.append((method, client.call(method, **known.get(method, {}))))
        except RpcError as error:
            answers.append((method, str(error), error.data))
    answers.append(("events", client.events))
    expect(len(answers) > 30, f"methods: {verbs()}")
    refused = [a[0] for a in answers if len(a) == 3]
    expect(refused == ["config.confirm", "session.show"], refused)
    return answers


def test_keys_stay_private(daemon):
    """no private value is in the log, in an answer of any method, or in what a core file would hold"""
    secrets = Secrets(daemon)
    client = daemon.start(secrets.text)
    answers = [everything_asked(daemon, secrets)]
    key, other = text_key(secrets.bytes["text"]), os.urandom(32)
    secrets.bytes["other"] = other
    broken = secrets.text.replace(key, key + "x").replace("0123456789abcdef", "0123456789abcdefg")
    answers.append(client.call("config.check", text=broken))
    answers.append(client.call("config.plan", text=secrets.text.replace(key, text_key(other))))
    answers.append(str(client.refused(-32001, "config.apply", text=broken).data))
    client.call("credential.reload")
    secrets.paths["key"].write_text("\n".join(text_key(s) for s in secrets.bytes.values()))
    answers.append(str(client.refused(-32001, "credential.reload").data))
    answers.append(client.call("events.list"))
    pid = daemon.process.pid
    expect(Path(f"/proc/{pid}/coredump_filter").read_text().strip("0\n") == "", "core files would hold memory")
    # Its limit is not all that is between a fault and a core file.
    with contextlib.suppress(PermissionError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.kill(pid, signal.SIGABRT)
    status = os.waitpid(pid, 0)[1]
    expect(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), f"nexpathd ended with {status:#x}")
    daemon.process.returncode = -signal.SIGABRT
    said = repr(answers) + daemon.log()
    expect("credential_refused" in said and "is no key of 32 bytes" in said, said)
    expect(memory_image.told(said, secrets.bytes) == [], f"told: {memory_image.told(said, secrets.bytes)}")
    expect("0123456789abcdef" not in said, "a short id is told")


def test_core_dumps_are_asked_for(daemon):
    """NEXPATH_CORE_DUMPS leaves core files as they were, and an event says so; no configuration does"""
    os.environ["NEXPATH_CORE_DUMPS"] = "1"
    try:
        client = daemon.start(daemon.config())
    finally:
        del os.environ["NEXPATH_CORE_DUMPS"]
    pid = daemon.process.pid
    mine = Path("/proc/self/coredump_filter").read_text()
    expect(Path(f"/proc/{pid}/coredump_filter").read_text() == mine, "the filter has changed")
    expect(resource.prlimit(pid, resource.RLIMIT_CORE) == resource.getrlimit(resource.RLIMIT_CORE), "the limit has changed")
    told = [e for e in client.call("events.list")["events"] if e["kind"] == "core_dumps_on"]
    expect(len(told) == 1 and told[0]["severity"] == "error", told)


def reality_front(target, short_id):
    return ('{ name = "front"; kind = "reality"; private_key = "kNKYb-W4tYcXsMLUHZD3MzVIkxGvqFvNZ8pn3tgLxVM"; '
            f'target = "{target}"; server_names = ["www.example.org"]; short_ids = ["{short_id}"]; }}')


def test_reality_targets_are_looked_at(daemon):
    """a REALITY listener is in force before its target was looked at; one that does not answer is told of, once"""
    def text(target, short_id):
        secured = text_of(daemon, reality_front(target, short_id), '"front"').replace('"tls"', '"reality"')
        return secured + "slowpath = { handshake_timeout_s = 1; };\n"

    def told():
        return [e["message"] for e in client.call("events.list")["events"] if e["kind"] == "reality_target_unfit"]

    client = daemon.start(text("10.2.0.99:443", "01"))
    expect(told() == [], "the target was judged at once")
    wait_for("word of the target", lambda: len(told()) == 1, 40)
    expect("front" in told()[0] and "10.2.0.99:443" in told()[0] and "does not answer" in told()[0], told())
    # The same target under another credential of the name is no news; another target is.
    began = time.monotonic()
    client.call("config.apply", text=text("10.2.0.99:443", "02"))
    client.call("config.apply", text=text("10.2.0.98:443", "02"))
    expect(time.monotonic() - began < 5, "the target is waited for")
    wait_for("word of the other target", lambda: len(told()) == 2, 40)
    expect("10.2.0.98:443" in told()[1], told())


def test_generated_credentials_are_taken(daemon):
    """credential generate makes what both ends take; credential check judges targets"""
    program = daemon.program.parent.parent / "cli/nexpath"

    def nexpath(*argv):
        run = subprocess.run([program, *argv], capture_output=True, text=True, timeout=30)
        return run.returncode, run.stdout, run.stderr

    made = json.loads(nexpath("--json", "credential", "generate", "reality", "--target", "10.2.0.1:443", "--name",
                              "www.example.org")[1])
    client = daemon.start(daemon.config())
    # A listener of REALITY alone on port 443 draws a warning for each companion that it lacks; what is printed has both.
    ports = daemon.config()[:daemon.config().index("upstreams")]
    for end, warnings in (("server", 0), ("client", 0), ("alone", 2)):
        text = made["server" if end == "alone" else end].replace("127.0.0.1", "10.2.0.9").replace("SERVER", "10.2.0.1")
        if end == "alone":
            text = text.replace('"*:80"', '"*:81"').replace('"udp"; listen = "*:443"', '"udp"; listen = "*:444"')
        answer = client.call("config.check", text=ports + text)
        expect(answer["faults"] == [] and len(answer["warnings"]) == warnings, f"{end}: {answer}\n{text}")
    for companion in ("TCP port 80", "UDP port 443"):
        expect(companion in str(answer["warnings"]), answer["warnings"])
    expect(made["private_key"] in made["server"] and made["private_key"] not in made["client"], "private key")
    code, pem, _ = nexpath("credential", "generate", "tls", "--name", "www.example.org", "--days", "5")
    expect(code == 0 and "PRIVATE KEY" in pem, pem)
    both = daemon.folder / "both.pem"
    both.write_text(pem)
    shown = subprocess.run(["openssl", "x509", "-in", both, "-noout", "-ext", "subjectAltName"], capture_output=True,
                           text=True, check=True).stdout
    expect("DNS:www.example.org" in shown, shown)
    long = daemon.folder / "long"  # as sites have it: nothing of ours is longer
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{long}.key", "-out",
                    f"{long}.pem", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:www.example.org"], check=True,
                   capture_output=True)
    short = shortest(daemon.folder)
    port = free_port()
    for options, name, says in ((["-tls1_3"], "www.example.org", "www.example.org: fit"),
                                (["-tls1_3"], "www.example.net", "not for the name"),
                                (["-tls1_2"], "www.example.org", "completes no TLS 1.3 handshake"),
                                (["-groups", "P-384"], "www.example.org", "another key share"),
                                (["-cert", short / "pem", "-key", short / "key"], "www.example.org", "too short")):
        server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-cert", f"{long}.pem", "-key",
                                   f"{long}.key", "-quiet", *options], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            wait_for("s_server", lambda: listens(port))
            code, out, error = nexpath("credential", "check", f"127.0.0.1:{port}", "--name", name)
        finally:
            server.kill()
            server.wait()
        expect(says in out and code == (0 if ": fit" in says else 1), f"{options}: {out + error}")
        if ": fit" in says:  # four messages and their tags, and two tickets, which are alike
            flight, behind = (re.search(rf"^{title} +(.*)$", out, re.MULTILINE)[1].split()
                              for title in ("records of its flight", "records behind it"))
            expect(len(flight) >= 4 and int(flight[1]) > 700 and len(behind) == 2 and behind[0] == behind[1] > "0", out)


class Site:
    """A site on this machine behind a proxy of HAProxy's kind: it wants so long a header before the hello."""

    def __init__(self, daemon, header, *hosts):
        made = [daemon.folder / f"site.{kind}" for kind in ("pem", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-out", made[0], "-keyout", made[1],
                        "-subj", "/CN=x", "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts)],
                       check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*made)
        self.header, self.headers, self.names = header, [], []
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.door.accept()
                connection.settimeout(10)
                with connection, contextlib.suppress(OSError):
                    header = connection.recv(self.header, socket.MSG_WAITALL) if self.header else b""
                    self.headers.append(header)
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)


def test_configured_targets_are_judged(daemon):
    """credential check NAME asks the target for each of its names, behind the PROXY header that clients' come with"""
    program = daemon.program.parent.parent / "cli/nexpath"
    hosts = ["www.example.org", "shop.example.org"]
    client = daemon.start(daemon.config())
    for version, header, names in (("off", b"", hosts), ("v1", b"PROXY UNKNOWN\r\n", [*hosts, "other.example.org"]),
                                   ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", hosts[1:])):
        site = Site(daemon, len(header), *hosts)
        listed = ", ".join(f'"{name}"' for name in names)
        front = reality_front(f"127.0.0.1:{site.port}", "01").replace(
            '["www.example.org"]', f'[{listed}]; target_proxy_protocol = "{version}"')
        client.call("config.apply", text=f"credentials = ( {front} );\n{daemon.config()}")
        known = row(client, "front")
        expect((known["target"], known["target_proxy_protocol"]) == (f"127.0.0.1:{site.port}", version), known)
        run = subprocess.run([program, "--socket", daemon.folder / "socket", "--json", "credential", "check", "front"],
                             capture_output=True, text=True, timeout=60)
        site.door.close()
        judged = [json.loads(line) for line in run.stdout.splitlines()]
        expect([one["name"] for one in judged] == names == site.names, run)
        expect([one["fit"] for one in judged] == [name in hosts for name in names], judged)
        expect(run.returncode == (0 if all(one["fit"] for one in judged) else 1), run)
        expect(all(one["flight"] and one["after"] for one in judged), judged)
        expect(site.headers == [header] * len(names), site.headers)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def shortest(folder):
    """A folder with pem and key of no more than a certificate for P-256 must have: a point of half the length, a
    signature by Ed25519, and no names."""
    place = folder / "shortest"
    place.mkdir()

    def openssl(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=place)

    openssl("genpkey", "-algorithm", "ed25519", "-out", "authority.key")
    openssl("req", "-x509", "-key", "authority.key", "-subj", "/", "-out", "authority.pem")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "whole.key")
    openssl("ec", "-in", "whole.key", "-conv_form", "compressed", "-out", "key")
    openssl("req", "-new", "-key", "key", "-subj", "/", "-out", "request")
    openssl("x509", "-req", "-in", "request", "-CA", "authority.pem", "-CAkey", "authority.key", "-set_serial", "1", "-out",
            "pem")
    return place


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0

# SPDX-License-Identifier: BSD-3-Clause
"""The cases through a live HTTP listener: requests, whose target is the second parser, and responses of a target."""

import contextlib
import json
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from cases_http import WEB, gateway  # noqa: E402
from harness import GATEWAY_C4, SERVER4, Bench, connect, upstream, wait_for  # noqa: E402
from terminating import at, ending_clean  # noqa: E402

ASKING, ODD = 8082, 8083
# What the gateway says of its own, or by other words (docs/http.md), and what concerns a connection.
ITS_OWN = re.compile(rb"connection|content-length|expect|forwarded|x-forwarded-\w+|x-real-ip|transfer-encoding|upgrade")
FINAL = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) ")
ASKS_UPGRADE = 1 << 2  # NX_HTTP_ASKS_UPGRADE
OWN = 502  # what the gateway says for a target whose answer it does not take
PATIENCE = 30.0


class Gateway:
    """A lab with a daemon between the client and the second parser."""

    def __init__(self, build, second):
        self.bench = Bench(build)
        try:
            self.lab = self.bench.lab()
            self.lab.spawn("server", second, "-target", at(SERVER4, WEB), "-asking", at(SERVER4, ASKING))
            wait_for("the target", lambda: all(self.lab.listening("server", port) for port in (WEB, ASKING)))
            # A target's connection ends with its client's: what was read belongs to one case.
            self.bench.tcp_server(self.lab, ODD, self.answer)
            web = upstream("web", at(SERVER4, WEB), more="idle_connections = 0;")
            odd = upstream("odd", at(SERVER4, ODD), more="idle_connections = 0;")
            self.lab.start(gateway(self.lab, ['{ upstream = "web"; }', '{ path = "/odd"; upstream = "odd"; }'],
                                   upstreams=f"{web}, {odd}", http_more="head_bytes = 16384; head_fields = 128;"))
        except BaseException:
            self.bench.close()
            raise

    def send(self, data, answers):
        """What comes back for the bytes, of which so many answers are due; more may come until the end."""
        got = b""
        with connect(self.lab, GATEWAY_C4, timeout=PATIENCE) as s:
            try:
                s.sendall(data)
                while len(FINAL.findall(got)) < answers and (piece := s.recv(65536)):
                    got += piece
                s.shutdown(socket.SHUT_WR)
                while piece := s.recv(65536):
                    got += piece
            except TimeoutError:
                return got, f"no end after {len(FINAL.findall(got))} answers of {answers}"
            except OSError:
                pass  # a reset behind what was refused
        return got, ""

    def read(self):
        """What the target has read since this was asked last."""
        text = b""
        with connect(self.lab, SERVER4, ASKING, timeout=PATIENCE, role="server") as s:
            while piece := s.recv(65536):
                text += piece
        return [one for one in map(json.loads, text.splitlines()) if "fault" not in one]

    def differs(self, case, verdict):
        """What came out of the gateway that our codec did not judge so, or did not come though it did."""
        whole = [one for one in verdict.said["messages"] if one["whole"]]
        got, fault = self.send(case.bytes, len(whole) + bool(verdict.said["fault"]) + verdict.leaves)
        if fault:
            return fault
        statuses = FINAL.findall(got)
        at_target = [one for one in self.read() if one["whole"]]
        # Bytes behind an upgrade are requests again when the target declines it.
        if verdict.leaves:
            whole.append(verdict.said["messages"][-1])
            at_target = at_target[:len(whole)]
            statuses = statuses[:len(whole)]
        if statuses.count(b"200") != len(at_target):
            return f"{statuses.count(b'200')} of 200 for {len(at_target)} requests at the target"
        answered = len(statuses) - len(at_target)
        left = iter(whole)
        for out in at_target:
            while (judged := next(left, None)) and not same_request(judged, out):
                answered -= 1
            if judged is None:
                return f"no request of ours came out as {bytes.fromhex(out['method'])} {bytes.fromhex(out['target'])}"
        if answered < 0 or len(statuses) < len(whole):
            return f"{len(statuses)} answers to {len(whole)} requests"
        return ""

    def answer(self, connection):
        """The target of odd responses: says the one that is due, and no more."""
        with contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            asked = b""
            while b"\r\n\r\n" not in asked and (piece := connection.recv(65536)):
                asked += piece
            connection.sendall(self.due)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def answered(self, case):
        """What a client gets to the connection's end where a target answers with the case."""
        self.due = case.bytes
        got = b""
        with connect(self.lab, GATEWAY_C4, timeout=PATIENCE) as s, contextlib.suppress(ConnectionResetError):
            s.sendall(f"{case.response_to} /odd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            while piece := s.recv(65536):
                got += piece
        return got

    def close(self):
        try:
            with ending_clean(self.lab):
                pass
        finally:
            self.bench.close()


def fields(message, *sections):
    """End-to-end fields, but those that the gateway says anew."""
    found = [(bytes.fromhex(n).lower(), bytes.fromhex(v).strip())
             for part in sections for n, v in message.get(part, [])]
    return {one for one in found if not ITS_OWN.fullmatch(one[0])}


def same_request(judged, out):
    """Is what the target read the request that our codec judged, but for what the gateway says anew?"""
    target, path, query = (bytes.fromhex(judged[part]) for part in ("target", "path", "query"))
    targets = (target, (path or b"/") + (b"?" + query if query else b""))
    return (judged["method"] == out["method"] and bytes.fromhex(out["target"]) in targets
            and (judged["body"] == out["body"] or judged["flags"] & ASKS_UPGRADE)
            and fields(out, "fields") <= fields(judged, "fields", "trailer"))


def response_differs(judged, out):
    """What a client got, as the second parser reads it, that is not the response as our codec judged it."""
    last = [one for one in judged["messages"] if one["status"] >= 200][:1]
    got = [one for one in out["messages"] if one["status"] >= 200]
    if len(got) > 1 or out["rest"]:
        return f"{len(got)} responses and {out['rest']} bytes behind"
    whole = last and (last[0]["whole"] or (judged["end"] == "end" and len(judged["messages"]) == 1))
    if got and got[0]["status"] == OWN and not whole:
        return ""
    if not got:
        return "no response" if whole else ""
    if not last:
        return f"a response {got[0]['status']}, where there was none"
    if got[0]["status"] != last[0]["status"] or not fields(got[0], "fields") <= fields(last[0], "fields", "trailer"):
        return f"another response, {got[0]['status']}"
    if bool(whole) != got[0]["whole"]:
        return "a response without its end" if whole else "an end that the response does not have"
    if not last[0]["body"].startswith(got[0]["body"]) or (whole and last[0]["body"] != got[0]["body"]):
        return "another body"
    return ""

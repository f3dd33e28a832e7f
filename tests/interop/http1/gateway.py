# SPDX-License-Identifier: BSD-3-Clause
"""The request cases through a live HTTP listener, whose target is the second parser."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from cases_http import WEB, gateway  # noqa: E402
from harness import GATEWAY_C4, SERVER4, Bench, connect, upstream, wait_for  # noqa: E402
from terminating import at, ending_clean  # noqa: E402

ASKING = 8082
# What the gateway says of its own, or by other words (docs/http.md), and what concerns a connection.
ITS_OWN = re.compile(rb"connection|content-length|expect|forwarded|x-forwarded-\w+|x-real-ip|transfer-encoding|upgrade")
FINAL = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) ")
ASKS_UPGRADE = 1 << 2  # NX_HTTP_ASKS_UPGRADE
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
            web = upstream("web", at(SERVER4, WEB), more="idle_connections = 0;")
            self.lab.start(gateway(self.lab, ['{ upstream = "web"; }'], upstreams=web,
                                   http_more="head_bytes = 16384; head_fields = 128;"))
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
                s.shutdown(1)
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
        got, fault = self.send(case.bytes, len(whole) + bool(verdict.said["fault"]))
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

    def close(self):
        try:
            with ending_clean(self.lab):
                pass
        finally:
            self.bench.close()


def same_request(judged, out):
    """Is what the target read the request that our codec judged, but for what the gateway says anew?"""
    def fields(message, *sections):
        found = [(bytes.fromhex(n).lower(), bytes.fromhex(v).strip())
                 for part in sections for n, v in message.get(part, [])]
        return {one for one in found if not ITS_OWN.fullmatch(one[0])}

    target, path, query = (bytes.fromhex(judged[part]) for part in ("target", "path", "query"))
    targets = (target, (path or b"/") + (b"?" + query if query else b""))
    return (judged["method"] == out["method"] and bytes.fromhex(out["target"]) in targets
            and (judged["body"] == out["body"] or judged["flags"] & ASKS_UPGRADE)
            and fields(out, "fields") <= fields(judged, "fields", "trailer"))

# SPDX-License-Identifier: BSD-3-Clause
"""A packetdrill script made ready for the plug-in: what acts on the kernel itself is taken out.

Commands in backquotes set the kernel's sysctls and devices: the sysctls that mean something to the
engine become flags of the plug-in, the others are dropped. Code blocks keep what they say of the
tcp_info that the plug-in answers for. What goes leaves a command that does nothing, so that times
relative to the event before stay what they are.

PSH: Linux sets it on whatever was one packet before the card cut it up. RFC 9293 3.9.1.2 wants it on
the last segment that is queued, and so it is expected there, and nowhere else.
"""

import re

NOTHING = "`true`"

# sysctl -> flag of the plug-in and its value.
FLAGS = {
    "tcp_timestamps": ("timestamps", int),
    "tcp_sack": ("sack", int),
    "tcp_window_scaling": ("scale", int),
    "tcp_ecn": ("ecn", int),
    "tcp_syn_retries": ("retries_syn", int),
}

# sysctl -> why it is dropped; a script with one that is in neither list does not run.
DROPPED = {
    "tcp_slow_start_after_idle": "a window is always restarted after a silence (RFC 5681 4.1)",
    "tcp_min_tso_segs": "packetdrill puts the segments of a packet together itself",
    "tcp_tso_win_divisor": "packetdrill puts the segments of a packet together itself",
    "tcp_wmem": "memory of a socket is counted in the engine's own way",
    "tcp_rmem": "memory of a socket is counted in the engine's own way",
    "tcp_early_retrans": "tail loss probes are always on",
    "tcp_congestion_control": "CUBIC is the default",
    "tcp_pacing_ss_ratio": "CUBIC does not pace",
    "tcp_fastopen": "there is no Fast Open",
    "tcp_notsent_lowat": "there is no such bound",
    "tcp_mtu_probing": "the path MTU is not probed upward",
    "tcp_base_mss": "the path MTU is not probed upward",
}

# What of tcp_info the plug-in answers.
KNOWN = {"tcpi_snd_cwnd", "tcpi_snd_ssthresh", "tcpi_unacked", "tcpi_snd_mss", "tcpi_rtt", "tcpi_rto"}

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
COMMAND = re.compile(r"`[^`]*`", re.S)
CODE = re.compile(r"%\{.*?\}%", re.S)
SYSCTL = re.compile(r"(?:/proc/sys/|\bsysctl (?:-\w+ )*)?net[./]ipv4[./](\w+)=(\"[^\"]*\"|\S+)")
# An event with a call that gives bytes to send, its flags, and how many it took.
GIVEN = re.compile(r"\b(write|writev|send|sendto|sendmsg|sendfile)\((.*?)\)\s*=\s*(\d+)", re.S)
SENT = re.compile(r"(>\s*(?:\[\w+\]\s*)?)([FSRPEWA.]*)(\s+\d+:(\d+)\(([1-9]\d*)\))")


class Unsuitable(Exception):
    """The script asks for something that cannot be had; the message says what."""


def without_comments(text):
    """Comments go; a // inside a command or code block is none."""
    kept = []
    position = 0
    for block in re.finditer(r"`[^`]*`|%\{.*?\}%|//[^\n]*|/\*.*?\*/", text, re.S):
        kept.append(text[position:block.start()])
        if not COMMENT.match(block.group()):
            kept.append(block.group())
        position = block.end()
    return "".join(kept) + text[position:]


def flags_of(command):
    """The plug-in's flags that a command's sysctls come to."""
    flags = {}
    for name, value in SYSCTL.findall(command):
        if name in FLAGS:
            flag, kind = FLAGS[name]
            flags[flag] = kind(value)
        elif name not in DROPPED:
            raise Unsuitable(f"sysctl {name} is not known to the runner")
    return flags


def code_that_is_known(block):
    """The statements of a code block but for those on what the engine does not tell of itself."""
    kept = [part for line in block.group().removeprefix("%{").removesuffix("}%").splitlines()
            for part in re.split(r";", line.strip())
            if part.strip() and set(re.findall(r"tcpi_\w+", part)) <= KNOWN]
    kept = [part.strip() for part in kept if not part.strip().startswith(("#", "print"))]
    return "%{\n" + "\n".join(kept) + "\n}%" if any("tcpi_" in part for part in kept) else NOTHING


def expect_push(text):
    """PSH where the queue ends."""
    given = {1}
    last = 1
    kept = []
    position = 0
    events = sorted(list(GIVEN.finditer(text)) + list(SENT.finditer(text)), key=lambda m: m.start())
    for event in events:
        if event.re is GIVEN:
            last += int(event.group(3))
            given.add(last)
            continue
        before, flags, numbers, end, _ = event.groups()
        if "S" in flags:
            continue
        # What ended the queue when it was sent may not do so any more: then the script knows.
        if int(end) == last:
            flags = "P" + flags.replace("P", "")
        elif int(end) not in given:
            flags = flags.replace("P", "")
        kept.append(text[position:event.start()] + before + flags + numbers)
        position = event.end()
    return "".join(kept) + text[position:]


def prepare(text, with_code=True):
    """The script to run and the plug-in's flags for it."""
    text = without_comments(text)
    first = re.search(r"^\s*[+\d*]", text, re.M)
    begin = first.start() if first else len(text)
    flags = {}
    for command in COMMAND.findall(text):
        flags.update(flags_of(command.strip("`")))
    head = COMMAND.sub("", text[:begin])
    events = CODE.sub(code_that_is_known if with_code else NOTHING, text[begin:])
    # Commands after the last event are for cleaning up; among events they stand behind a time.
    events = re.sub(r"(?m)^`[^`]*`\s*", "", events)
    events = COMMAND.sub(NOTHING, events)
    return head + expect_push(events), flags

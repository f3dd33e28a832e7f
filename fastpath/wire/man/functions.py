# SPDX-License-Identifier: BSD-3-Clause
"""Makes a manual page of section 3 for each function of libnexwire's headers, from what they say: usage
functions.py FOLDER HEADER..."""

import re
import sys
from pathlib import Path

# A comment before it, perhaps; then what ends in ";", or an inline function up to its body.
DECLARATION = re.compile(
    r"(?P<comment>(?:^//[^\n]*\n)*)"
    r"(?P<text>^(?:NX_API|static inline)\b[^;{]*?\b(?P<name>nx_\w+)\((?P<parameters>[^;{]*?)\))\s*[;{]"
    r"(?P<behind>[^\n]*)", re.M)
LIBRARIES = {"ws_deflate.h": "nexwire-deflate", "tls.h": "nexwire-tls", "stream.h": "nexwire-client",
             "rest.h": "nexwire-client", "ws_connection.h": "nexwire-client", "pool.h": "nexwire-client"}


def lines_of(comment):
    return [line[2:].removeprefix(" ") for line in comment.splitlines()]


def about(header):
    """The comment with which a header begins."""
    return lines_of(re.search(r"#pragma once\n\n((?://[^\n]*\n)+)", header).group(1))


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def paragraphs(lines):
    """As they are to be filled; those that are set in are left as they stand."""
    out, literal = [], False
    for line in lines:
        if line.startswith("  ") != literal:
            literal = not literal
            out.append(".nf" if literal else ".fi")
        out.append(roff(line) if line else ".PP")
    return out + [".fi"] if literal else out


def summary(lines):
    sentence = re.split(r"(?<=[^.])[.;](?:\s|$)", " ".join(lines))[0]
    if len(sentence) > 100:
        sentence = sentence.split(": ")[0]
    return roff(sentence[0].lower() + sentence[1:])


def functions(text):
    """(name, prototype, what is said of it) of each. Who says nothing has the words of the one right before, and what
    is "the same" is so with these."""
    said, end = [], -2
    for found in DECLARATION.finditer(text):
        own = lines_of(found["comment"]) or lines_of(found["behind"].strip() if "//" in found["behind"] else "")
        if own and own[0].startswith("The same"):
            said = said + own
        elif own or text[end:found.start()].count("\n") > 1:
            said = own
        end = found.end()
        prototype = re.sub(r"\bNX_(API|CHECKED) |^static inline ", "", " ".join(found["text"].split()))
        yield found["name"], prototype.replace("( ", "("), said


def page(name, prototype, said, header, context):
    library = LIBRARIES.get(header, "nexwire")
    return "\n".join([
        '.\\" SPDX-License-Identifier: BSD-3-Clause',
        f'.TH {name.upper()} 3 "" nexpath "nexwire"',
        ".SH NAME", f"{name} \\- {summary(said or context)}",
        ".SH SYNOPSIS", ".nf", f".B #include <nexwire/{header}>", ".PP", f'.B "{roff(prototype)};"', ".PP",
        f".B cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs {roff(library)})", ".fi",
        ".SH DESCRIPTION", *([*paragraphs(said), ".PP"] if said else []), *paragraphs(context),
        ".SH SEE ALSO", ".BR nexwire (7)," if library == "nexwire-client" else ".BR nexwire (7)",
        *([".BR nexwire\\-client (7)"] if library == "nexwire-client" else []), ""])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for header in map(Path, sys.argv[2:]):
        text = header.read_text(encoding="utf-8")
        for name, prototype, said in functions(text):
            (folder / f"{name}.3").write_text(page(name, prototype, said, header.name, about(text)), encoding="utf-8")


if __name__ == "__main__":
    main()

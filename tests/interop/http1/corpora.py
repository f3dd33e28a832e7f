# SPDX-License-Identifier: BSD-3-Clause
"""The public cases: where they come from, and what their own suites expect of them."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from outside import CACHE, fetched, go_root

# aiohttp's has llhttp's whole tree, tests and all.
PINNED = {"aiohttp": "3.14.5", "gunicorn": "27.0.1", "h11": "0.16.0", "waitress": "3.0.2"}
GO_TESTS = ("readrequest", "request", "response", "serve", "transfer", "transport")
PYTHON_TESTS = {"aiohttp": "/tests/test_(http_parser|web_functional|client_proto|web_protocol)\\.py$",
                "gunicorn": "/tests/test_\\w+\\.py$",
                "h11": "/h11/tests/test_\\w+\\.py$",
                "waitress": "/tests/test_(parser|functional|channel|receiver)\\.py$"}


@dataclass
class Message:
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    fields: list = field(default_factory=list)  # names in small letters, and values
    body: bytes = b""
    whole: bool = False


@dataclass
class Expected:
    messages: list
    refused: bool = False  # what follows the messages, or the last of them
    lenient: bool = False  # a parser that was told to let faults pass
    drops_underscores: bool = False  # fields with one in their names are left out


@dataclass
class Case:
    corpus: str
    name: str
    bytes: bytes
    response_to: str = ""  # the method, of a response
    expected: Expected = None
    kind: str = ""  # of one of many, which count as one
    special: bool = True  # else the kind has others for what takes time


def archive(name):
    """A package's sources as their registry has them, in the cache."""
    kept = CACHE / "http1-cases" / f"{name}-{PINNED[name]}.tar.gz"
    if kept.exists():
        return kept
    pip = [shutil.which("pip3")] if shutil.which("pip3") else [sys.executable, "-m", "pip"]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as work:
        fetched(*pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
                "--dest", work, f"{name}=={PINNED[name]}")
        Path(work, kept.name).rename(kept)
    return kept


def files(name, pattern):
    """(path, bytes) of an archive's files whose path has the pattern."""
    with tarfile.open(archive(name)) as tar:
        for member in sorted(tar.getmembers(), key=lambda one: one.name):
            if member.isfile() and re.search(pattern, member.name):
                yield member.name.partition("/")[2], tar.extractfile(member).read()


def llhttp_input(text):
    """The bytes that a block of llhttp's stands for."""
    text = text.removesuffix("\n")
    text = re.sub(r"\\\n", "", text)
    text = text.replace("\n", "\r\n")
    for letter, byte in (("r", "\r"), ("n", "\n"), ("t", "\t"), ("f", "\f")):
        text = text.replace("\\" + letter, byte)
    text = re.sub(r"\\x([0-9a-fA-F]+)", lambda m: chr(int(m[1], 16)), text)
    text = re.sub(r"\\([0-7]{1,3})", lambda m: chr(int(m[1], 8)), text)
    return text.encode("utf-8")


SPAN = re.compile(r'span\[(\w+)\]=(?:"(.*)"|(cr|lf))$', re.DOTALL)


def llhttp_expected(log, lenient):
    """What a log of its parser says of the messages."""
    expected = Expected([], lenient=lenient)
    name = value = b""
    for line in log.splitlines():
        span = SPAN.search(line)
        now = expected.messages[-1] if expected.messages else None
        if " message begin" in line:
            expected.messages.append(Message())
        elif span and now:
            text = {"cr": b"\r", "lf": b"\n", None: (span[2] or "").replace("\\t", "\t").encode()}[span[3]]
            if span[1] == "method":
                now.method += text
            elif span[1] == "url":
                now.target += text
            elif span[1] == "header_field":
                name += text
            elif span[1] == "header_value":
                value += text
            elif span[1] == "body":
                now.body += text
        elif " header_value complete" in line and now:
            now.fields.append((name.lower(), value.strip()))
            name = value = b""
        elif " headers complete" in line and now:
            status = re.search(r"status=(\d+)", line)
            now.status = int(status[1]) if status else 0
        elif " message complete" in line and now:
            now.whole = True
        elif "finish=2" in line or ("error code=" in line and "Pause" not in line and "reason=\"on_" not in line):
            expected.refused = True
    return expected


def llhttp():
    """Every block of its tests but those that skip a body or compare URLs out of a request."""
    for path, content in files("aiohttp", r"/vendor/llhttp/test/(request|response)/[\w-]+\.md$"):
        title, meta, blocks = "", {}, {}
        short = path.partition("/test/")[2]
        number = 0
        for match in re.finditer(r"^#+ ([^\n]+)$|<!-- meta=(\{.*?\}) -->|^```(\w+)\n(.*?)^```", content.decode(),
                                 re.MULTILINE | re.DOTALL):
            if match[1]:
                title = match[1].strip("` ")
            elif match[2]:
                meta, blocks = json.loads(match[2]), {}
            else:
                blocks[match[3]] = match[4]
            if "log" not in blocks or "http" not in blocks:
                continue
            data = llhttp_input(blocks["http"])
            kind = meta.get("type") or ""
            number += 1
            if not meta.get("skip") and not meta.get("skipBody"):
                yield Case("llhttp", f"{short} {number}: {title}", data, "GET" if kind.startswith("response") else "",
                           llhttp_expected(blocks["log"], "lenient" in kind))
            blocks = {}


def gunicorn_bytes(content):
    content = content.replace(b"\n", b"").replace(b"\\r\\n", b"\r\n").replace(b"\\0", b"\0").replace(b"\\n", b"\n")
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), content.replace(b"\\t", b"\t"))


def evaluated(node, names):
    """The value of an expression of constants, and of uri() as what is in it."""
    match node:
        case ast.Name():
            return names[node.id]
        case ast.Call(func=ast.Name(id="uri"), args=[only]):
            return evaluated(only, names)
        case ast.Call(func=ast.Attribute(value=joint, attr="join"), args=[only]):
            return evaluated(joint, names).join(evaluated(only, names))
        case ast.BinOp(op=ast.Add()):
            return evaluated(node.left, names) + evaluated(node.right, names)
        case ast.BinOp(op=ast.Mult()):
            return evaluated(node.left, names) * evaluated(node.right, names)
        case ast.Dict():
            return {evaluated(key, names): evaluated(value, names) for key, value in zip(node.keys, node.values)}
        case ast.List() | ast.Tuple():
            return [evaluated(one, names) for one in node.elts]
    return ast.literal_eval(node)


def gunicorn_expected(source):
    """The requests that a file of its expects; None when the case is of a configuration that we do not have."""
    names = {}
    if b"cfg.set(" in source:
        return None
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and "Config" not in ast.unparse(statement.value):
            try:
                names[statement.targets[0].id] = evaluated(statement.value, names)
            except (KeyError, ValueError):
                return Expected([], refused=True)  # the name of an exception
    requests = names.get("request")
    requests = requests if isinstance(requests, list) else [requests]
    return Expected([Message(one["method"].encode(), one["uri"].encode("latin-1"), 0,
                             [(name.lower().encode("latin-1"), value.encode("latin-1"))
                              for name, value in [*one["headers"], *one.get("trailers", [])]], one["body"], True)
                     for one in requests], drops_underscores=True)


def gunicorn():
    sources = dict(files("gunicorn", r"/tests/requests/(valid|invalid)/\w+\.(py|http)$"))
    for path, content in sources.items():
        if path.endswith(".http"):
            expected = gunicorn_expected(sources[path.replace(".http", ".py")])
            # Another protocol's header in front is what its configuration asks for.
            if expected or b"PROXY" not in content:
                yield Case("gunicorn", path.removeprefix("tests/requests/"), gunicorn_bytes(content), "", expected)


def constant_of(node):
    """The text of string constants that are added up, or None."""
    match node:
        case ast.Constant(value=bytes() as text):
            return text
        case ast.Constant(value=str() as text):
            return text.encode("utf-8", "surrogateescape")
        case ast.BinOp(op=ast.Add()):
            left, right = constant_of(node.left), constant_of(node.right)
            return left + right if left is not None and right is not None else None
        case ast.BinOp(op=ast.Mult(), right=ast.Constant(value=int() as times)):
            text = constant_of(node.left)
            return text * times if text is not None and times * len(text) < 1 << 16 else None
    return None


def python_texts(source):
    """Every text of constants that holds an HTTP/1 message, and that a name is added up to in one function."""
    def walk(node):
        text = constant_of(node)
        if text is not None:
            yield text
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    tree = ast.parse(source)
    yield from walk(tree)
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        sums = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                sums[node.targets[0].id] = constant_of(node.value)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                text, more = sums.get(node.target.id), constant_of(node.value)
                if text is not None and more is not None:
                    sums[node.target.id] = text + more
        yield from (text for text in sums.values() if text is not None)


def messages_of(corpus, texts):
    """Cases of texts that hold messages, each once, and again with CRLF where it has only LF."""
    seen = set()
    for text in texts:
        for data in (text, text.replace(b"\n", b"\r\n")) if b"\r" not in text else (text,):
            first = data.lstrip(b"\r\n").partition(b"\n")[0]
            if b"HTTP/1" in first and b"\n" in data.strip(b"\n") and b"%s" not in first and data not in seen:
                seen.add(data)
                yield Case(corpus, repr(data[:60]), data, "GET" if first.startswith(b"HTTP/") else "")


def python_literals():
    for name, pattern in PYTHON_TESTS.items():
        texts = [text for _, content in files(name, pattern) for text in python_texts(content)]
        yield from messages_of(f"{name} texts", texts)


def go_literals(second):
    tests = [go_root() / f"src/net/http/{name}_test.go" for name in GO_TESTS]
    done = subprocess.run([second, "-literals", *filter(Path.exists, tests)], capture_output=True, text=True,
                          check=True)
    yield from messages_of("net/http texts", map(bytes.fromhex, done.stdout.split()))

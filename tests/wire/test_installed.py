#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""libnexwire as others have it: its headers, libraries, pkg-config files, manual pages and examples are put where they
are installed, below a folder, and used from there: usage test_installed.py BUILD"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = ("nexwire", "nexwire-deflate", "nexwire-tls", "nexwire-client")
# One function of each library; C++ too.
PROGRAM = """#include <stdio.h>
#include <nexwire/pool.h>
#include <nexwire/ws_deflate.h>
int main(void)
{
	nx_ws_compression_destroy(NULL);
	puts(nx_ws_verdict_text(NX_WS_MESSAGE));
	puts(nx_tls_verdict_text(NX_TLS_DONE));
	puts(nx_client_verdict_text(NX_CLIENT_DONE));
	return 0;
}
"""


def run(*command, environment=None):
    done = subprocess.run([str(c) for c in command], env={**os.environ, **(environment or {})}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"{' '.join(str(c) for c in command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def install(build, root):
    """What of the library the build installs; links and manual pages as `meson install` makes them."""
    installed = json.loads(run("meson", "introspect", "--installed", build))
    for source, to in installed.items():
        place = root / to.lstrip("/")
        if "nexwire" not in to and place.name != "man3":
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if not source.startswith("/"):
            target = next(Path(other).name for other in installed.values() if re.search(
                re.escape(source.split(".so")[0]) + r"\.so\.\d+\.\d", other))
            place.symlink_to(target)
        elif Path(source).is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)


def find(root, name):
    return next(root.rglob(name))


def flags(root, *arguments):
    folder = find(root, "nexwire.pc").parent
    return shlex.split(run("pkg-config", *arguments, environment={
        "PKG_CONFIG_PATH": str(folder), "PKG_CONFIG_SYSROOT_DIR": str(root)}))


def headers_compile_alone(root, work):
    """Each as the first line of a file of its own, in C and in C++. mbuf.h is for those who have DPDK."""
    headers = sorted(root.rglob("nexwire/*.h"))
    assert len(headers) > 15, headers
    for suffix, compiler in (("c", ("cc", "-std=c11")), ("cc", ("c++", "-std=c++17"))):
        sources = []
        for header in headers:
            before = "#include <rte_config.h>\n#include <rte_mbuf_core.h>\n" if header.name == "mbuf.h" else ""
            sources.append(work / f"{header.stem}.{suffix}")
            sources[-1].write_text(f"{before}#include <nexwire/{header.name}>\n")
        run(*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags(root, "--cflags", "nexwire"),
            *shlex.split(run("pkg-config", "--cflags-only-I", "libdpdk").replace("-I", "-isystem ")), *sources)


def programs_link(root, work):
    libraries = find(root, "libnexwire.so").parent
    source = work / "program.c"
    source.write_text(PROGRAM)
    expected = None
    for compiler in (("cc",), ("c++", "-xc++")):
        run(*compiler, source, "-xnone", "-o", work / "shared",
            *flags(root, "--cflags", "--libs", "nexwire-client", "nexwire-deflate"), f"-Wl,-rpath,{libraries}")
        said = run(work / "shared")
        assert said.count("\n") == 3 and expected in (None, said), said
        expected = said
    assert "libnexwire-client.so" in run("ldd", work / "shared")
    # The archives alone in a folder are what -l finds.
    archives = work / "archives"
    archives.mkdir()
    for archive in libraries.glob("*.a"):
        (archives / archive.name).symlink_to(archive)
    static = [f.replace(str(libraries), str(archives))
              for f in flags(root, "--static", "--cflags", "--libs", "nexwire-client", "nexwire-deflate")]
    run("cc", source, "-o", work / "static", *static)
    assert run(work / "static") == expected
    assert "libnexwire" not in run("ldd", work / "static")


def examples_are_short_and_link(root, work):
    libraries = find(root, "libnexwire.so").parent
    sources = sorted(find(root, "examples").glob("*.c"))
    assert {"echo-server.c", "exchange-feed.c", "order-entry.c"} <= {source.name for source in sources}
    for source in sources:
        assert len(source.read_text().splitlines()) < 100, f"{source.name} is too long to be copied"
        uring = "liburing.h" in source.read_text()
        if uring and subprocess.run(["pkg-config", "--exists", "liburing"], check=False).returncode:
            continue
        run("cc", "-Wall", "-Werror", "-D_GNU_SOURCE", "-std=gnu2x", source, "-o", work / source.stem,
            *flags(root, "--cflags", "--libs", "nexwire-client"), *(["-luring"] if uring else []),
            f"-Wl,-rpath,{libraries}")


def functions_have_manual_pages(root):
    """Each that a shared library exports or a header has inline, and each page says something."""
    names = set()
    for library in LIBRARIES:
        listed = run("nm", "-D", "--defined-only", find(root, f"lib{library}.so"))
        names |= {line.split()[2] for line in listed.splitlines() if " T " in line}
    for header in root.rglob("nexwire/*.h"):
        names |= set(re.findall(r"^static inline [^;{]*?\b(nx_\w+)\(", header.read_text(), re.M))
    pages = {page.stem: page.read_text() for page in root.rglob("man3/*.3")}
    assert len(names) > 150, names
    assert names == set(pages), names ^ set(pages)
    for name, text in pages.items():
        assert f"\n{name} \\- " in text and len(text.split(".SH DESCRIPTION\n")[1]) > 80, name


def main():
    if not all(shutil.which(program) for program in ("cc", "c++", "pkg-config", "meson")):
        print("skipped: cc, c++, pkg-config and meson are needed: scripts/install-packages test")
        return 77
    with tempfile.TemporaryDirectory(prefix="nexpath-installed-") as folder:
        root, work = Path(folder) / "root", Path(folder) / "work"
        work.mkdir()
        install(Path(sys.argv[1]), root)
        headers_compile_alone(root, work)
        programs_link(root, work)
        examples_are_short_and_link(root, work)
        functions_have_manual_pages(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())

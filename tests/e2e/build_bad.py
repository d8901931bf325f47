#!/usr/bin/env python3
"""Builds that have to fail: each with one message, its place and a caret, the right exit code, and nothing left behind."""
import base64
import contextlib
import os

import kit
import shared
from kit import check, equal, test

USAGE, NOT_FOUND, UNSUPPORTED = 2, 12, 18


def context(t, dockerfile, **files):
    """A build context; "_" in a name stands for "."."""
    place = t.path("context")
    os.makedirs(place, exist_ok=True)
    for name, text in {"Dockerfile": dockerfile, **{name.replace("_", "."): text for name, text in files.items()}}.items():
        with open(os.path.join(place, name), "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
    return place


@contextlib.contextmanager
def untouched(t):
    """The store is the same after what happens inside."""
    if not os.path.exists(t.root):
        t.kist("build", "-q", "-t", "kept", context(t, "FROM scratch\nCOPY Dockerfile /\n"))
    before = {path: size for path, (size, _, _) in t.snapshot().items()}
    yield
    equal({path: size for path, (size, _, _) in t.snapshot().items()}, before, "the files of the store")
    equal(t.transient(), [], "what is in tmp/ and partial/")


def refused(t, code, message, dockerfile, *options, **files):
    """The build fails with exactly this message, which is all that follows "kist: " on standard error."""
    with untouched(t):
        r = t.fails(code, message.splitlines()[0], "build", *options, context(t, dockerfile, **files))
    equal(r.err[r.err.index("kist: ") + len("kist: "):], message + "\n", f"the message for {dockerfile[:200]!r}")
    equal(r.out, "", f"the output for {dockerfile[:200]!r}")


def at(line, column, message, source, caret):
    """A message as the parser's tests have them: where, what, the source line, and what is under it."""
    return f"Dockerfile:{line}:{column}: {message}\n{line:5} | {source}\n      | {' ' * (column - 1)}{caret}"


# ---- the language ----


@test
def instructions(t):
    refused(t, USAGE, at(2, 1, "unknown instruction 'RUNN' (did you mean 'RUN'?)", "RUNN true", "^~~~"), "FROM scratch\nRUNN true\n")
    refused(t, USAGE, at(3, 3, "unknown instruction 'apt-get' (is a '\\' missing at the end of line 2?)", "  apt-get install x", "^~~~~~~"),
            "FROM scratch\nRUN apt-get update &&\n  apt-get install x\n")
    refused(t, USAGE, at(1, 1, "'COPY' stands before the first 'FROM'; only 'ARG' may", "COPY a b", "^~~~"), "COPY a b\nFROM scratch\n")
    refused(t, USAGE, at(2, 1, "'COPY' wants SOURCE... DESTINATION", "COPY a", "^~~~"), "FROM scratch\nCOPY a\n")
    refused(t, USAGE, at(2, 1, "'RUN' wants a command, or [\"command\", \"argument\"...]", "RUN", "^~~"), "FROM scratch\nRUN\n")
    refused(t, USAGE, at(2, 5, "'ENV' wants NAME=VALUE, and here is no '='", "ENV a", "^"), "FROM scratch\nENV a\n")
    refused(t, USAGE, at(2, 6, "'COPY' has no flag '--form' (did you mean '--from'?)", "COPY --form=a b c", "^~~~~~~~"),
            "FROM scratch\nCOPY --form=a b c\n")
    refused(t, USAGE, at(2, 9, "'FROM' is no trigger for 'ONBUILD'", "ONBUILD FROM x", "^~~~"), "FROM scratch\nONBUILD FROM x\n")


@test
def what_is_not_closed(t):
    refused(t, USAGE, at(2, 7, "a double quote is not closed", 'ENV a="b c', "^~"), 'FROM scratch\nENV a="b c\nENV d=e\n')
    refused(t, USAGE, at(3, 5, "a single quote is not closed", "  d='e", "^~"), "FROM scratch\nENV a=b \\\n  d='e\n")
    refused(t, USAGE, at(2, 7, "'${' is not closed", "USER a${b", "^~~"), "FROM scratch\nUSER a${b\n")
    refused(t, USAGE, at(2, 6, "the heredoc is not closed: no line 'EOF' follows", "COPY <<EOF /a", "^~~~~"),
            "FROM scratch\nCOPY <<EOF /a\ntext\n")
    refused(t, USAGE, at(2, 9, "the heredoc is not closed: no line 'EOF' follows (line 4 has it with space around it)", "RUN cat <<EOF",
                         "^~~~~"), "FROM scratch\nRUN cat <<EOF\ntext\n  EOF\n")


@test
def files_that_are_no_dockerfile(t):
    refused(t, USAGE, "'Dockerfile' has no instructions", "")
    refused(t, USAGE, "'Dockerfile' has no 'FROM'", "ARG a\n")
    refused(t, USAGE, at(2, 1, "the line is longer than 65535 bytes", "RUN " + "x" * 60 + "...", "^~~"),
            "FROM scratch\nRUN " + "x" * (1 << 20) + "\n")
    refused(t, USAGE, at(2, 1, "the line has a NUL byte: this is no text", "RUN a b", "^~~"), b"FROM scratch\nRUN a\0b\n")
    refused(t, UNSUPPORTED, at(1, 3, "the syntax 'example.com/other' is none that kist reads (it reads docker/dockerfile:1)",
                               "# syntax=example.com/other", "^~~~~~~~~~~~~~~~~~~~~~~~"), "# syntax=example.com/other\nFROM scratch\n")
    refused(t, USAGE, at(1, 3, "the escape character can be '\\' or '`', not '/'", "# escape=/", "^~~~~~~~"), "# escape=/\nFROM scratch\n")
    # a terminal is not to be told what to do
    r = t.fails(USAGE, "unknown instruction '?[2J?'", "build", context(t, "FROM scratch\n\x1b[2J\x07\n"))
    check("\x1b" not in r.err, "the message has an escape sequence")


@test
def ignore_files(t):
    refused(t, USAGE, ".dockerignore:2:1: malformed pattern 'a[b': its '[' is not closed, or a '-' or ']' in it not escaped\n"
                      "    2 | a[b\n      | ^~~", "FROM scratch\nCOPY . /\n", _dockerignore="*.o\na[b\n")
    refused(t, USAGE, "Dockerfile.dockerignore:1:1: '!' has no pattern\n    1 | !\n      | ^", "FROM scratch\nCOPY . /\n",
            Dockerfile_dockerignore="!\n", _dockerignore="")


# ---- stages ----


@test
def stages(t):
    missing = f"{shared.registry().host}/none:1"
    r = t.fails(NOT_FOUND, "Dockerfile:1:6: ", "build", context(t, f"FROM {missing}\n"))
    check(f"    1 | FROM {missing}\n      |      ^~" in r.err, f"no caret under the name: {r.err!r}")
    refused(t, USAGE, at(1, 6, "base name ($NONE) should not be blank", "FROM $NONE", "^~~~~"), "FROM $NONE\n")
    refused(t, USAGE, at(1, 10, "NONE: unset", "FROM a:${NONE:?unset}", "^~~~~~~~~~~~"), "FROM a:${NONE:?unset}\n")
    refused(t, USAGE, "target stage 'none' could not be found", "FROM scratch\nCOPY a /\n", "--target", "none", a="")
    refused(t, USAGE, at(2, 6, "circular dependency detected on stage: 'x' reads from itself", "COPY --from=x a /", "^~~~~~~~"),
            "FROM scratch AS x\nCOPY --from=x a /\n")
    refused(t, USAGE, at(2, 6, "stage 'y' comes later, in line 3: a stage reads from those before it", "COPY --from=y a /", "^~~~~~~~"),
            "FROM scratch AS x\nCOPY --from=y a /\nFROM scratch AS y\nCOPY --from=x a /\n", "--target", "x")
    refused(t, USAGE, at(2, 6, "'COPY' flag '--from' takes no variable: name a stage, 'FROM ... AS NAME', and copy from that",
                         "COPY --from=$x a /", "^~~~~~~~~"), "FROM scratch\nCOPY --from=$x a /\n")


# ---- files ----


@test
def copies(t):
    os.makedirs(t.path("context"), exist_ok=True)
    os.symlink("/etc/passwd", t.path("context", "out"))
    os.symlink("../..", t.path("context", "up"))
    lost = "COPY failed: file not found in build context or excluded by .dockerignore: stat {}: file does not exist"
    for name, caret in (("none", "^~~~"), ("out", "^~~"), ("up/etc", "^~~~~~"), ("hidden", "^~~~~~")):
        refused(t, NOT_FOUND, at(2, 6, lost.format(name), f"COPY {name} /", caret), f"FROM scratch\nCOPY {name} /\n", hidden="",
                _dockerignore="hidden\n")
    refused(t, USAGE, at(2, 6, "COPY failed: forbidden path outside the build context: ../../etc ()", "COPY ../../etc /", "^~~~~~~~~"),
            "FROM scratch\nCOPY ../../etc /\n")
    refused(t, NOT_FOUND, at(3, 3, lost.format("b"), "  b /c/", "^"), "FROM scratch\nCOPY a \\\n  b /c/\n", a="")
    refused(t, USAGE, at(2, 6, "invalid chmod parameter: '9'. it should be octal string and between 0 and 07777", "COPY --chmod=9 a /",
                         "^~~~~~~~~"), "FROM scratch\nCOPY --chmod=9 a /\n", a="")
    refused(t, NOT_FOUND, at(2, 6, "COPY failed: unable to find user 'none': no matching entries in passwd file", "COPY --chown=none a /",
                             "^~~~~~~~~~~~"), "FROM scratch\nCOPY --chown=none a /\n", a="")
    refused(t, NOT_FOUND, at(2, 6, "COPY failed: no source files were specified", "COPY *.none /", "^~~~~~"), "FROM scratch\nCOPY *.none /\n")


@test
def a_file_that_cannot_be_read(t):
    """The context is a filesystem with damage in the middle of a file."""
    kit.need_programs("mksquashfs")
    os.makedirs(t.path("tree"))
    os.makedirs(t.path("tree", "sub"))
    t.write("tree/Dockerfile", "FROM scratch\nCOPY ok big /\n")
    t.write("tree/Below", "FROM scratch\nCOPY ok sub /x/\n")
    t.write("tree/ok", "")
    t.write("tree/big", base64.b64encode(os.urandom(6 << 20)))
    os.link(t.path("tree", "big"), t.path("tree", "sub", "deep"))
    kit.command("mksquashfs", t.path("tree"), t.path("image"), "-comp", "gzip", "-no-progress")
    with open(t.path("image"), "r+b") as f:
        f.seek(3 << 20)
        f.write(bytes(1 << 16))
    place = t.mount("-t", "squashfs", "-o", "loop,ro", t.path("image"), t.path("damaged"))
    with untouched(t):
        r = t.fails(1, "Dockerfile:2:9: COPY failed: cannot read './big': Input/output error", "build", place)
        below = t.fails(1, "Below:2:9: COPY failed: cannot read 'sub/deep': Input/output error", "build", "-f", os.path.join(place, "Below"), place)
    check(r.err.endswith("\n    2 | COPY ok big /\n      |         ^~~\n"), f"no caret under the name: {r.err!r}")
    check(below.err.endswith("\n    2 | COPY ok sub /x/\n      |         ^~~\n"), f"no caret under the name: {below.err!r}")


@test
def runs(t):
    refused(t, USAGE, at(2, 34, "unsupported mount type 'x' (bind, cache, tmpfs and secret are)",
                         "RUN --mount=type=tmpfs,target=/t --mount=type=x true", "^~~~~~~~~~~~~~"),
            "FROM scratch\nRUN --mount=type=tmpfs,target=/t --mount=type=x true\n")
    refused(t, USAGE, at(2, 22, "none: unset", "RUN --mount=target=${none:?unset} true", "^~~~~~~~~~~~"),
            "FROM scratch\nRUN --mount=target=${none:?unset} true\n")
    refused(t, USAGE, at(2, 5, "--network must be default, none or host, not 'x'", "RUN --network=x true", "^~~~~~~~~~~"),
            "FROM scratch\nRUN --network=x true\n")
    refused(t, USAGE, at(2, 5, "the host's network is not given to a Dockerfile that asks for it (try --allow network.host)",
                         "RUN --network=host true", "^~~~~~~~~~~~~~"), "FROM scratch\nRUN --network=host true\n")
    refused(t, USAGE, "allow must be network.host, not 'x'", "FROM scratch\nRUN true\n", "--allow", "x")
    refused(t, UNSUPPORTED, at(2, 5, "what --security and --device ask for is not given to a build", "RUN --security=insecure true",
                               "^~~~~~~~~~~~~~~~~~~"), "FROM scratch\nRUN --security=insecure true\n")


@test
def settings(t):
    refused(t, USAGE, at(2, 8, "invalid containerPort: 99999", "EXPOSE 99999", "^~~~~"), "FROM scratch\nEXPOSE 99999\n")
    refused(t, USAGE, at(2, 12, "invalid signal: NONE", "STOPSIGNAL NONE", "^~~~"), "FROM scratch\nSTOPSIGNAL NONE\n")
    refused(t, USAGE, at(2, 26, "--retries: 'x' is no number", "HEALTHCHECK --timeout=9s --retries=x CMD a", "^~~~~~~~~~~"),
            "FROM scratch\nHEALTHCHECK --timeout=9s --retries=x CMD a\n")
    refused(t, USAGE, at(2, 13, "--interval: 'soon' is no duration (30s, 1m30s)", "HEALTHCHECK --interval=soon CMD a", "^~~~~~~~~~~~~~~"),
            "FROM scratch\nHEALTHCHECK --interval=soon CMD a\n")
    refused(t, USAGE, at(2, 5, "ENV names can not be blank", "ENV $none=1", "^~~~~~~"), "FROM scratch\nENV $none=1\n")


kit.main(shared.prepare)

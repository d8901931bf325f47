#!/usr/bin/env python3
"""What the README tells a reader to type, typed."""
import os
import shlex

import kit
from kit import check, equal, test
from shared import configured, prepare, registry


def commands():
    """Each command's words; a line may hold several, with ";" between."""
    with open(os.path.join(kit.TOP, "README.md")) as f:
        lines = [line.split(" # ")[0].strip() for line in f if line.startswith("    kist ")]
    check(len(lines) >= 5, f"the README has {len(lines)} commands of kist")
    return [shlex.split(part) for line in lines for part in line.split("; ")]


@test
def first_use(t):
    app = configured({"Cmd": ["sh", "-c", "echo up; exec sleep 1000"]})
    images = {"alpine": f"{registry().host}/box", "registry.example/app:stable": f"{registry().host}/box", "app:1": app}
    context = t.path("context")
    os.mkdir(context)
    t.write("context/Dockerfile", "FROM scratch\nARG VERSION\nCOPY Dockerfile /\nLABEL version=$VERSION\n")
    t.undo.callback(lambda: t.kist("rm", "-f", "app", "web"))
    for words in commands():
        words = [images.get(word, word) for word in words]
        # a terminal is for people: here the shell reads what we write; and nobody waits for more of a log
        words = ["-i" if word == "-it" else word for word in words if word != "-f" or words[1] != "logs"]
        if words[1] == "build":
            words = [context if word == "." else word.replace("dest=", f"dest={t.dir}/") for word in words]
        words = [t.path("hosts") if word == "." else word.replace("/etc/app.conf", "/etc/hosts") for word in words]
        t.kist(*words[1:], input=b"exit 0\n")
        if words[1] == "rmi":
            equal(len(t.layers()), 0, "layers left")


@test
def commands_of_help(t):
    """Every command that --help lists has a help of its own, and exits with 0."""
    listed = t.kist("--help").out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    check(len(listed) >= 10, f"--help lists {len(listed)} commands")
    for line in listed:
        name = line[2:].split("  ")[0].split()
        t.kist(*name, "--help", out=f"Usage: kist {' '.join(name)}")


kit.main(prepare)

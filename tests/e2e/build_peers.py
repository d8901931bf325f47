#!/usr/bin/env python3
"""The same Dockerfiles built by kist and by dockerd's builder: configurations and files compared, entry by entry."""
import json
import os
import tarfile

import kit
import shared
from kit import equal, test
from peers import Dockerd

CONFIG = ("Env", "Labels", "ExposedPorts", "Volumes", "WorkingDir", "User", "Cmd", "Entrypoint", "Healthcheck", "StopSignal", "OnBuild",
          "Shell")


def lay_out(place, files):
    """A build context: name -> text; None is a directory, ("->", target) a link, (mode, text) a file of that mode."""
    for name, what in files.items():
        path = os.path.join(place, name)
        os.makedirs(path if what is None else os.path.dirname(path), exist_ok=True)
        if isinstance(what, tuple) and what[0] == "->":
            os.symlink(what[1], path)
        elif what is not None:
            mode, text = what if isinstance(what, tuple) else (0o644, what)
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, mode)
    return place


def tree(archive):
    """Path -> (type, mode, owner, group, target, content) of all the layers in an archive of one image."""
    found = {}
    with tarfile.open(archive) as image:
        for name in json.load(image.extractfile("manifest.json"))[0]["Layers"]:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                for m in layer:
                    data = layer.extractfile(m).read() if m.isreg() else b""
                    found[m.name.strip("/").removeprefix("./")] = (m.type, oct(m.mode & 0o7777), m.uid, m.gid, m.linkname, data)
    found.pop("", None)
    return found


def compare(t, docker, name, dockerfile, files=None, options=()):
    """Builds twice and compares configuration and files."""
    place = lay_out(t.path(name), {**(files or {}), "Dockerfile": dockerfile})
    t.kist("build", "-q", "-t", name, *options, place)
    docker.docker("build", "-q", "-t", name, *options, place, env={"DOCKER_BUILDKIT": "0"})
    ours = t.kist("image", "inspect", name).json()[0]
    theirs = json.loads(docker.docker("image", "inspect", name))[0]
    for key in CONFIG:
        equal(ours["Config"].get(key) or None, theirs["Config"].get(key) or None, f"{name}: Config.{key}")
    if not theirs["RootFS"].get("Layers"):
        equal(ours["RootFS"].get("Layers") or [], [], f"{name}: the layers")
        return # docker saves no image without files
    t.kist("save", "-o", t.path("ours.tar"), name)
    docker.docker("save", "-o", t.path("theirs.tar"), name)
    ours_tree, theirs_tree = tree(t.path("ours.tar")), tree(t.path("theirs.tar"))
    equal(sorted(ours_tree), sorted(theirs_tree), f"{name}: the paths")
    for path, entry in theirs_tree.items():
        equal(ours_tree[path], entry, f"{name}: {path}")


LANGUAGE = r"""# a comment
# escape=`
ARG base=scratch
FROM ${base} as one
ARG given
ARG default="a b"
ARG both=1
ENV plain=1 "quoted name"=x double="a b" single='a $plain b' escaped=a\ b\$c joined=a"b c"'d e' empty= empty2=""
ENV old style of "it"  with $plain
ENV tab	a	b
ENV self=$plain:${plain}:$none:${none}:\$plain:'$plain':"$plain":"\$plain"
ENV minus=${none:-d} minus2=${plain:-d} plus=${none:+d} plus2=${plain:+d} nested=${none:-${none:-$plain}} space="${none:-a b}"
ENV same=$same:x given=$given default=$default both=$both
ENV before=1 after=$before
ENV continued=a \
  # a comment in the middle
    more=b\
c \
  last="d \
e"
env lower=1
LABEL a=b "c d"="e f" g='h"i' j=$plain k="multi \
line" l=x\=y
LABEL old style label
LABEL "a.b-c"=1 a=c
EXPOSE 80 81/tcp 82/UDP $both 9000-9002
VOLUME /a $default
VOLUME ["/b", "/c d", "/$plain"]
WORKDIR /w
WORKDIR x/$plain
WORKDIR ../y
USER $plain:grp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=1m30s --start-period=1s --retries=3 CMD curl -f "http://x/$plain" || exit 1
ONBUILD RUN echo $plain \
   two
ONBUILD COPY . /x
SHELL ["/bin/x", "-c"]
CMD echo $plain "a  b"
"""

FORMS = {
    "exec-forms": 'FROM scratch\nENTRYPOINT [ "a" , "b \\"c\\" \\u00e9", "$x" ]\nCMD ["d"]\nHEALTHCHECK CMD ["a", "b"]\n',
    "shell-forms": "FROM scratch\nCMD first\nENTRYPOINT exec  a  'b c' $d\nHEALTHCHECK NONE\n",
    "no-json": "FROM scratch\nENV a=1\nCMD ['a', \"b\"]\nVOLUME [/a /b\n",
    "crlf": "\ufeffFROM scratch\r\nENV a=b \\\r\n  c=d\r\n\r\nLABEL x=y\r\nCMD a \\\r\n b\r\n",
    "backtick": "# escape=`\nFROM scratch\nENV a=C:\\dir`\n b=`$a c=\"`\"x\"\nWORKDIR /a\\b\n",
    "empty-lines": "FROM scratch\nENV a=1 \\\n\n  \n  b=2 \\\n# c\n\n  c=3\nCMD x\n",
    "reset": 'FROM scratch AS a\nCMD ["x"]\nENTRYPOINT ["y"]\nENV v=1\nFROM a\nENTRYPOINT []\nCMD []\nENV v=$v-2\n',
}

# sizes differ where one file takes another's place: dockerd's vfs looks no further than size and time
FILES = {
    "a.txt": "a text", "b.txt": "b", "c.md": "c", "run.sh": (0o755, "#!"), "secret": (0o600, "s"), "dir/one": "1", "dir/two": "2", "dir/sub/three": "3",
    "dir/sub/empty": None, "other/four": "4", "link": ("->", "a.txt"), "dirlink": ("->", "dir"), "[x]": "bracket", "with space": "space",
    "x/y/z/deep.txt": "deep", "star*name": "star",
}
COPIES = {
    "to-root": "COPY . /\n",
    "file-to-file": "COPY a.txt /new/name\n",
    "file-to-dir": "COPY a.txt /new/\nCOPY b.txt /new/b2\n",
    "several": "COPY a.txt b.txt c.md /d/\nCOPY dir other /d/\n",
    "dir-contents": "COPY dir /d\nCOPY dir/sub/ /e/\n",
    "wildcards": "COPY *.txt /t/\nCOPY ?.md [a-b].txt /u/\nCOPY d*r /v/\nCOPY [^a-z]* /w/\n",
    "escaped": 'COPY [[]x] /e/\nCOPY ["with space", "/sp ace/"]\n',
    "links": "COPY link /l1/\nCOPY dirlink /l2\nCOPY dir /l3/dirlink\n",
    "modes": "COPY run.sh secret /m/\nCOPY --chown=12:34 dir /n\nCOPY --chown=5 a.txt /n2/\n",
    "workdir": "WORKDIR /w\nCOPY a.txt .\nCOPY b.txt ./\nCOPY dir x\nCOPY c.md ../c\n",
    "variables": "ENV n=a d=/v\nARG e=txt\nCOPY ${n}.$e $d/\n",
    "over": "COPY dir /o\nCOPY other /o\nCOPY a.txt /o/one\n",
    "stages": "COPY dir /from/\nFROM scratch\nCOPY --from=0 /from/sub /to/\nCOPY --from=0 from/one /to/\n",
}
IGNORES = {
    "names": "a.txt\ndir/\n/other\nlink\n", "stars": "*.txt\n**/three\n**/*.txt\n", "taken-back": "*\n!dir\ndir/sub\n!dir/sub/three\n!*.md\n",
    "comments": "#a.txt\n  b.txt  \n\n./c.md\n!#\n", "deep": "x/**/deep.txt\ndir/*\n!dir/t*\n", "classes": "[a-b].txt\n[^a-z]*\nstar\\*name\n",
    "itself": "Dockerfile\n.dockerignore\n", "parents": "dir/sub/../one\n*/sub\n",
}


@test
def languages(t):
    docker = Dockerd(t)
    compare(t, docker, "language", LANGUAGE, options=["--build-arg", "given=from outside", "--build-arg", "both=2"])
    for name, text in FORMS.items():
        compare(t, docker, name, text)


@test
def files(t):
    docker = Dockerd(t)
    for name, text in COPIES.items():
        compare(t, docker, name, "FROM scratch\n" + text, FILES)


@test
def ignored(t):
    docker = Dockerd(t)
    for name, text in IGNORES.items():
        compare(t, docker, "ignore-" + name, "FROM scratch\nCOPY . /\n", {**FILES, ".dockerignore": text})


kit.main(shared.prepare)

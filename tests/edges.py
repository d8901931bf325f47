#!/usr/bin/env python3
"""Holds the layering: every #include in src/ and port/ against tests/edges.txt.

    tests/edges.py [--top DIR] [--cc CC] [--include DIR:DIR...]

Fails on an edge between rooms that is not listed, a cycle between files or rooms, an include that names no file, a Linux header
outside port/linux, a file over 800 lines, and a header that does not compile alone.
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

MOST_LINES = 800
ROOTS = ("src", "port/include")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
LINUX = re.compile(r"^(linux/.*|asm/.*|asm-generic/.*|sys/(mount|prctl|syscall|epoll|signalfd|eventfd|timerfd|inotify|fanotify|"
                   r"pidfd|auxv|capability|personality|ptrace|reboot|sendfile|statfs|vfs|swap|quota|xattr|fsuid)\.h|syscall\.h)$")
LINUX_SCHED = re.compile(r"\b(unshare|setns|clone|clone3)\s*\(|\bCLONE_[A-Z]+")


def room_of(path):
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else "main"
    return {"include": "port"}.get(parts[1], parts[1])


def read_allowed(path):
    allowed = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                room, _, below = line.partition(":")
                allowed[room.strip()] = set(below.split())
    return allowed


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda found: "\n" * found.group().count("\n"), text, flags=re.S)


def cycle_in(graph):
    """One cycle of a graph as a list of nodes, or None."""
    state, trail = {}, []

    def visit(node):
        state[node] = "open"
        trail.append(node)
        for other in sorted(graph.get(node, ())):
            if state.get(other) == "open":
                return trail[trail.index(other):] + [other]
            if other not in state:
                found = visit(other)
                if found:
                    return found
        trail.pop()
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state:
            found = visit(node)
            if found:
                return found
    return None


def compiles_alone(top, cc, includes, header):
    command = [cc, "-std=gnu11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
               *(f"-I{root}" for root in ROOTS), *(f"-isystem{folder}" for folder in includes), "-x", "c", "-"]
    # included by an empty file: a header that is compiled itself would be warned of as unused
    result = subprocess.run(command, cwd=top, input=f'#include "{top}/{header}"\n', capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else f"{header}: does not compile alone:\n{result.stderr.rstrip()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--top", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--include", default="")
    arg = parser.parse_args()
    top = os.path.realpath(arg.top)
    allowed = read_allowed(os.path.join(top, "tests", "edges.txt"))
    files = sorted(os.path.relpath(os.path.join(folder, name), top)
                   for root in ("src", "port") for folder, _, names in os.walk(os.path.join(top, root))
                   for name in names if name.endswith((".c", ".h")))
    failures, file_graph, room_graph, seen = [], {}, {}, 0

    for path in files:
        with open(os.path.join(top, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        if text.count("\n") > MOST_LINES:
            failures.append(f"{path}: {text.count(chr(10))} lines, {MOST_LINES} are the most")
        text = without_comments(text)
        room = room_of(path)
        if room not in allowed:
            failures.append(f"{path}: the room '{room}' is not in tests/edges.txt")
            continue
        for quoted, angled in INCLUDE.findall(text):
            if angled:
                if room != "linux" and (LINUX.match(angled) or (angled == "sched.h" and LINUX_SCHED.search(text))):
                    failures.append(f"{path}: <{angled}> belongs in port/linux")
                continue
            seen += 1
            places = [os.path.normpath(os.path.join(root, quoted)) for root in (os.path.dirname(path), *ROOTS)]
            target = next((place for place in places if place in files), None)
            if not target:
                failures.append(f'{path}: "{quoted}" names no file of the tree')
                continue
            file_graph.setdefault(path, set()).add(target)
            below = room_of(target)
            if below != room:
                room_graph.setdefault(room, set()).add(below)
                if below not in allowed[room]:
                    failures.append(f'{path}: includes "{quoted}", but {room} -> {below} is not in tests/edges.txt')

    for what, graph in (("files", file_graph), ("rooms", room_graph), ("rooms in edges.txt", allowed)):
        found = cycle_in(graph)
        if found:
            failures.append(f"cycle of {what}: " + " -> ".join(found))

    headers = [path for path in files if path.endswith(".h")]
    includes = [folder for folder in re.split("[:;]", arg.include) if folder]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures += filter(None, pool.map(lambda header: compiles_alone(top, arg.cc, includes, header), headers))

    for failure in failures:
        print(failure)
    print(f"edges: {len(files)} files, {seen} includes, {len(headers)} headers alone, {len(failures)} failed")
    return 1 if failures or not files else 0


if __name__ == "__main__":
    sys.exit(main())

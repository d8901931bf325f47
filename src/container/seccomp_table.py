#!/usr/bin/env python3
"""Writes seccomp_table.h: names and numbers of system calls, and what Docker's default profile says of each.

    seccomp_table.py syscalls.csv default.json > seccomp_table.h

syscalls.csv is libseccomp's src/syscalls.csv (the kernel's tables, all architectures in one), default.json is the profile of
github.com/moby/profiles. Names that none of our architectures has are left out. What a single word cannot say (rules on arguments) is
SPECIAL here and written out in seccomp_default.c.
"""
import csv
import json
import sys

COLUMNS = ("x86_64", "x32", "x86", "arm", "aarch64", "riscv64")
SPECIAL = {"socket", "personality", "clone", "clone3"}
FOREIGN = {"ppc64le", "s390", "s390x"}


def condition(rule):
    """ALWAYS, PTRACE or CAP(...) for a rule without arguments; None for one that does not concern our architectures."""
    includes = rule.get("includes") or {}
    if set(includes.get("arches") or ()) and set(includes["arches"]) <= FOREIGN:
        return None
    caps = includes.get("caps") or []
    if includes.get("minKernel"):
        assert includes["minKernel"] == "4.8" and not caps
        return "PTRACE"
    assert len(caps) <= 1 and not rule.get("excludes") and rule["action"] == "SCMP_ACT_ALLOW", rule
    return f"CAP({caps[0].removeprefix('CAP_')})" if caps else "ALWAYS"


def combine(name, words):
    """One word for all the rules of a name."""
    words = set(words)
    if "ALWAYS" in words:
        return "ALWAYS"
    if "PTRACE" in words:
        assert words <= {"PTRACE", "CAP(SYS_PTRACE)"}, (name, words)
        return "PTRACE"
    if "CAP(SYS_ADMIN)" in words and len(words) == 2:
        other, = words - {"CAP(SYS_ADMIN)"}
        return other.replace("CAP(", "ADMIN_OR(")
    assert len(words) <= 1, (name, words)
    return words.pop() if words else "NONE"


def number(text):
    value = -1 if text == "PNR" else int(text)
    if value < 0:
        return "NA"
    return f"ARM({value - 0xf0000})" if value >= 0xf0000 else str(value & ~0x40000000)


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    with open(sys.argv[2], encoding="utf-8") as file:
        profile = json.load(file)
    key = next(iter(rows[0]))
    said = {}
    for rule in profile["syscalls"]:
        for name in rule["names"]:
            if name not in SPECIAL:
                said.setdefault(name, []).append(condition(rule))
    print("/*")
    print(f" * System calls ({key.lstrip('#').removeprefix('syscall ').strip('()')}), made by seccomp_table.py; sorted by name, bytewise.")
    print(f" * Each is SYSCALL(name, rule, {', '.join(COLUMNS)}).")
    print(" */")
    print("#ifndef KIST_CONTAINER_SECCOMP_TABLE_H")
    print("#define KIST_CONTAINER_SECCOMP_TABLE_H")
    print()
    print("/* clang-format off */")
    print("#define KIST_SYSCALLS(SYSCALL) \\")
    lines = []
    for row in sorted(rows, key=lambda r: r[key]):
        name = row[key]
        numbers = [number(row[column]) for column in COLUMNS]
        if any(n != "NA" for n in numbers):
            rule = "SPECIAL" if name in SPECIAL else combine(name, [w for w in said.get(name, []) if w])
            lines.append(f"    SYSCALL({name}, {rule}, {', '.join(numbers)})")
    print(" \\\n".join(lines))
    print("/* clang-format on */")
    print()
    print("#endif")


main()

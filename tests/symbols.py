#!/usr/bin/env python3
"""No two rooms define the same global symbol: which of the two a program gets would be for the linker to choose.

    tests/symbols.py [--nm NM] LIBRARY.a...
"""
import argparse
import collections
import os
import re
import subprocess
import sys

DEFINED = re.compile(r"^(?:[0-9a-fA-F]+ )([TDBRCGS]) (\S+)$")


def defined(nm, library):
    out = subprocess.run([nm, "--defined-only", "--extern-only", library], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [found.group(2) for line in out.splitlines() if (found := DEFINED.match(line))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nm", default="nm")
    parser.add_argument("libraries", nargs="+")
    args = parser.parse_args()
    homes = collections.defaultdict(list)
    for library in args.libraries:
        for symbol in defined(args.nm, library):
            homes[symbol].append(os.path.basename(library))
    twice = {symbol: where for symbol, where in sorted(homes.items()) if len(where) > 1}
    for symbol, where in twice.items():
        print(f"symbols: '{symbol}' is defined in {' and in '.join(where)}", file=sys.stderr)
    if len(homes) < len(args.libraries):
        sys.exit("symbols: these libraries define nothing")
    sys.exit(1 if twice else 0)


main()

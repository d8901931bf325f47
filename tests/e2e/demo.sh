#!/bin/bash
# The demo, as the README's first command runs it: it must end well and show what it promises.
set -u
cd "$(dirname "$0")/../.." || exit 1
log=build/log/demo.log
mkdir -p build/log
if ! boards/host/demo.sh >"$log" 2>&1; then
    echo "FAIL demo: it ended with an error: $(tail -n 1 "$log") (log: $log)"
    exit 1
fi
status=0
for part in 'Would download' 'Status: downloaded' 'Status: unchanged' 'hello from the second layer' 'bytes written' 'Deleted: sha256:'; do
    if grep -q -- "$part" "$log"; then
        echo "ok demo: $part"
    else
        echo "FAIL demo: nothing says '$part' (log: $log)"
        status=1
    fi
done
exit $status

#!/usr/bin/env python3
"""The failures of bad_image.py and bad_link.py once more, with TLS and tokens before the registry."""
import os

import kit

main, kit.main = kit.main, lambda prepare: None
import bad_image  # noqa: E402
import bad_link  # noqa: E402
import failing  # noqa: E402
import peers  # noqa: E402
import shared  # noqa: E402

# of this machine, not of a registry, or with redirects to a plain one
ELSEWHERE = {"disk_full", "store_read_only", "damaged_index", "not_a_store", "redirected_without_credentials"}


def prepare(folder):
    shared.prepare(folder)
    ca = peers.Authority(os.path.join(folder, "ca"))
    failing.SECURE["options"] = ["--tls", *ca.issue("registry"), "--bearer"]
    kit.ENVIRONMENT["KIST_TLS_CA"] = ca.certificate


kit.TESTS[:] = [t for t in kit.TESTS if t.__name__ not in ELSEWHERE]
main(prepare)

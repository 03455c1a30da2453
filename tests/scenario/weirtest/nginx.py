# SPDX-License-Identifier: Apache-2.0
"""nginx as a test needs it: in front, by whoever we are, all its files in one folder."""

import getpass

KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def command(folder, text):
    """Writes the configuration there; returns the words that start it."""
    files = "".join(f" {kind}_temp_path {folder}/{kind};" for kind in KINDS)
    main = f"user {getpass.getuser()}; daemon off; pid {folder}/pid; error_log {folder}/error.log;"
    whole = main + "\n" + text.replace("http {", f"http {{ access_log off;{files}", 1)
    (folder / "nginx.conf").write_text(whole)
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the admin page one file, and that file bytes of a C array:

    bundle.py PAGE_FOLDER LIBRARY.js LIBRARY.css OUT.h

Beside it stand the hashes of its scripts and its style, by which a browser lets them in.
"""

import base64
import hashlib
import pathlib
import re
import sys


def bundle(folder, library, library_style):
    page = (folder / "index.html").read_text()
    style = library_style.read_text() + "\n" + (folder / "style.css").read_text()
    code = library.read_text()
    for place, text in (
        ("@style@", style),
        ("@library@", code.replace("</script", "<\\/script")),
        ("@course@", (folder / "course.js").read_text()),
        ("@script@", (folder / "script.js").read_text()),
    ):
        assert page.count(place) == 1, place
        page = page.replace(place, "\n".join(
            line for line in text.splitlines() if not line.startswith(("//# source", "/*# source"))))
    return page


def hashes(page, tag):
    """Of what stands between the tags, byte for byte, as the policy names them."""
    digests = [hashlib.sha256(text.encode()).digest()
               for text in re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)]
    assert digests, tag
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def main():
    folder, library, library_style, out = map(pathlib.Path, sys.argv[1:])
    page = bundle(folder, library, library_style)
    data = page.encode()
    lines = [", ".join(map(str, data[i:i + 24])) + "," for i in range(0, len(data), 24)]
    # On a page of memory of its own: what is used beside it would else bring it in unasked.
    out.write_text(f'#define PAGE_SCRIPTS "{hashes(page, "script")}"\n'
                   f'#define PAGE_STYLES "{hashes(page, "style")}"\n'
                   "_Alignas(65536) static const unsigned char page[] = {\n" + "\n".join(lines)
                   + "\n};\n")


if __name__ == "__main__":
    main()

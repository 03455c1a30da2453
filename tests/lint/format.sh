#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fails where a file is not formatted as .clang-format says. The version is pinned: another
# one formats otherwise. To mend: clang-format-14 -i FILE.
set -eu
cd "$(dirname "$0")/../.."
find src include tests bench -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --dry-run -Werror --ferror-limit=1

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"

#include "book.h"

/*
 * The book as one file, for a process that judges by itself:
 *
 *     weir-drift 1
 *     baseline <json>
 *     pin <histogram>[#<definition>] <baseline>
 *     alarm <json>
 *     silence <id> <until> <json>
 *     delivery <alarm id>:<state> <json>
 *     state <histogram> <length>        and so many bytes behind it
 *     end
 *
 * It is written beside itself, synced and renamed, so a crash leaves the old or the new one
 * whole. Where writing fails nothing is left beside it, and `why` has the system's words. A
 * file without its `end`, or of another kind, is refused: judging begins anew, and the log says
 * so. A NULL path is no file.
 */
MUST_CHECK enum err statefile_write(const char *path, const struct book *b, struct fault *why);
void statefile_read(const char *path, struct book *b); /* into an empty book */

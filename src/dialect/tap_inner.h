/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "splice.h"
#include "weir/base/scan.h"
#include "weir/dialect/tap.h"

/* What the dialects share when they read an answer. */

/*
 * The text as JSON that the scanner has passed, of the same length: itself, or, where a model's
 * token was cut inside a character, a copy with a mark for each such byte, and then the tap has
 * given up on keeping it. The absent str: no JSON.
 */
struct str tap_readable(struct tap *t, struct str text);

/* Something passes by that is not understood. */
void tap_give_up(struct tap *t);

/* Makes `out->bytes` the event with its data changed; no splices, no copy. */
void tap_splice(struct tap *t, const struct tap_event *e, const struct splices *splices,
                struct delta *out);

/* Adds the splice that turns a `model` value into the name asked for, if it differs. */
void tap_splice_model(struct tap *t, struct str text, const struct scan_member *model,
                      struct splices *splices, struct buf *name);

/* Says why an answer may not be kept; the first reason stays. */
void tap_refuse(struct tap *t, const char *why_not);

/* Notes a finish reason, a string with its quotes. */
void tap_note_finish(struct tap *t, struct str value);

/*
 * Notes what the upstream calls itself, if it is a string that says something and nothing was
 * noted so far: a stream says it with each chunk.
 */
void tap_note_name(char name[ANSWER_NAME], const struct scan_member *m);

/* A whole answer is here; is it an error, by its member `error`? Notes either. */
bool tap_is_error(struct tap *t, const struct scan_member *error, struct str body);

/* The event is an error; `around` is looked at for what `error` does not tell. */
enum err tap_report(struct tap *t, struct str error, struct str around, struct delta *out);

/*
 * An event that nobody can read. Before any content another upstream may do better; behind it
 * the client gets what came, since it may read what we do not.
 */
enum err tap_pass_unread(struct tap *t, struct delta *out);

/*
 * The end of a stream that tells its choices: `is_over` where its last word was heard.
 * `put_plain` then builds answer.body, false if it cannot, and the dialect judges that.
 */
enum err tap_close(struct tap *t, bool is_over, bool (*put_plain)(struct tap *t));

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/scan.h"
#include "weir/dialect/dialect.h"

/*
 * Reads an answer while it goes by, and gives back the bytes that the client gets: those of
 * the upstream, with `model` spliced to the name that was asked for. From streams it also
 * builds the plain body (in `answer.body`), so that one kept entry serves both forms.
 *
 * What it cannot read it passes on and says so (`gave_up`); such an answer is never kept.
 */

enum { ANSWER_NAME = 97 }; /* bytes of what an upstream calls itself, and a NUL */

struct answer {
    struct buf body;     /* the plain form; empty unless `keep` was asked for */
    bool keep_failed;    /* the plain form could not be built faithfully */
    bool complete;       /* a terminal marker was seen */
    bool storable;       /* complete and good enough to be given again */
    const char *why_not; /* when not storable: a few words from a closed list */
    bool has_content;    /* text, a tool call, data: something to show */
    bool refusal;
    char finish_reason[32];    /* of the first choice; "" if there is none */
    int64_t prompt_tokens;     /* -1: not told */
    int64_t completion_tokens; /* -1: not told */
    char model[ANSWER_NAME];   /* as the upstream names it, cut if it is long; "": not told */
    char fingerprint[ANSWER_NAME]; /* its system_fingerprint, likewise */
    int error_status;              /* of an error inside a 200: its true status class */
    char error_text[160];          /* and its message */
};

enum delta_kind {
    DELTA_SILENT,  /* nothing to show yet: a role, a comment, response.created */
    DELTA_CONTENT, /* what the client waits for */
    DELTA_USAGE,   /* usage alone, which only those who asked for it may see */
    DELTA_DONE,    /* a terminal marker that is an event of its own: [DONE] */
    DELTA_ERROR,   /* an error in the stream; answer.error_* tell which */
    DELTA_OPAQUE,  /* bytes of an event too large to read */
};

struct delta {
    enum delta_kind kind;
    struct str bytes; /* whole event(s) for the client; lent until the tap's next call */
};

/* What sse.h's events are to a dialect, which may not include http/. */
struct tap_event {
    struct str raw;
    struct str name;
    struct str data;
    bool opaque;
    bool whole; /* false: the stream ended inside it */
};

enum { TAP_CHOICES = 128 }; /* the most that a request may ask for */

struct tap_assembly; /* the plain body being built from a stream */

struct tap {
    const struct dialect *dialect;
    const struct request *request; /* lent */
    struct str model;              /* lent: the name that was asked for */
    bool keep;
    bool usage_injected;           /* the owner sets it from dialect_body, after tap_init: what
                                      shows only because of it is then taken out again */
    bool gave_up;                  /* something passed by unread */
    bool done;                     /* a terminal event of its own passed by */
    bool failed;                   /* an error event passed by */
    struct scan_member model_read; /* a plain answer's own, where read_whole has found it */
    struct scan_member fingerprint_read; /* likewise */
    struct answer answer;
    struct buf out;   /* the bytes of the last delta, where they had to be made */
    struct buf clean; /* the last text that was no UTF-8, made readable */
    struct tap_assembly *assembly;
    int64_t sequence;        /* of the last event of Responses; -1: none was numbered */
    int64_t input_tokens[3]; /* Anthropic's: plain, put into the prompt's cache, read from it */
    unsigned choices_open;   /* started and not finished */
    unsigned choices_seen;
    uint64_t choice_seen[TAP_CHOICES / 64], choice_over[TAP_CHOICES / 64]; /* a bit for each */
};

/* `model` and `r` are lent until tap_deinit. */
void tap_init(struct tap *t, const struct dialect *d, const struct request *r, struct str model,
              bool keep);
void tap_deinit(struct tap *t); /* zeroed is fine */

/* A streamed answer, event by event; then its end, once. An ERR_UPSTREAM_IN_BAND comes with
   DELTA_ERROR; ERR_UPSTREAM_TRUNCATED and ERR_UPSTREAM_EMPTY come from the end. */
MUST_CHECK enum err tap_event(struct tap *t, const struct tap_event *e, struct delta *out);
MUST_CHECK enum err tap_end(struct tap *t);

/* A stream has said all but its farewell: every choice has its finish reason. */
bool tap_is_finished(const struct tap *t);

/*
 * A plain answer of status 200. On OK `body` is what the client gets (model spliced in place);
 * answer.body is left empty, since `body` itself is the plain form. Errors: IN_BAND, EMPTY,
 * MALFORMED (no JSON at all).
 */
MUST_CHECK enum err tap_whole(struct tap *t, struct buf *body);

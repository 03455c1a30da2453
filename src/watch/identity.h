/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/watch/counts.h"

#include <stdint.h>

/*
 * Under which names one upstream answers for one model: a pure fold over ticks, in their order.
 *
 * The names of its first ticks are taken as they are. From then on a name that was not seen for
 * a month is told once, when it has been seen in several ticks; and one that had a share worth
 * speaking of is told once when it has gone, which is when so many answers without it would be
 * one chance in a million. Several may be in use at once, and each may rest for a while:
 * neither is news. Where new names keep coming, that is told, once, and then nothing until
 * they have stopped for a day.
 *
 * A day is 1,440 ticks, whatever their length.
 */

enum {
    IDENTITY_BYTES = 97,
    IDENTITY_NAMES = 32,
    IDENTITY_LEARNS = 10,  /* ticks with answers */
    IDENTITY_PERSISTS = 3, /* ticks that a new name is seen in, and is told */
    IDENTITY_ABSENT = 10, /* ticks with answers but without a name, at least, and it has gone */
    IDENTITY_DAY = 1440,
    IDENTITY_MONTH = 30 * IDENTITY_DAY,
    IDENTITY_RESTLESS = 12, /* new names in a day, and they keep changing; */
    IDENTITY_CALM = 4,      /* fewer, and they no longer do */
    IDENTITY_TOLD = 4,      /* so many that came or went are told in a day */
};

struct identity_name {
    char text[IDENTITY_BYTES];
    bool known;           /* since the beginning, or told; else it is on trial */
    bool gone;            /* which has been told */
    uint64_t first, last; /* ticks that it was seen in */
    uint64_t ticks;       /* how many those are */
    uint64_t absent;      /* ticks with answers since then, */
    uint64_t missed;      /* and answers */
    double n;             /* answers, those of yesterday at a third */
    double since;         /* of them: since the last new name came */
};

struct identity {
    struct identity_name *names; /* owned */
    size_t count;
    uint64_t last;                      /* tick with answers */
    uint64_t ticks;                     /* with answers, until it has learned */
    uint64_t day, fresh, told, answers; /* of the day: new names, told ones, answers */
    bool restless;
    double n, since; /* of all names */
};

enum identity_turn { IDENTITY_NEW, IDENTITY_GONE, IDENTITY_CHANGING };

/* `before` and `after` are JSON, lent for the call; `words` too: "fp_a → fp_b". */
struct identity_news {
    enum identity_turn turn;
    uint64_t since; /* tick */
    struct str before, after, words;
};

typedef void identity_fn(void *ctx, const struct identity_news *news);

void identity_deinit(struct identity *i); /* a zeroed one is empty */
void identity_fold(struct identity *i, uint64_t tick, const struct counts *counts,
                   identity_fn *tell, void *ctx);

/* One line, without its end; reading is into a zeroed one. */
void identity_put(const struct identity *i, struct buf *out);
bool identity_read(struct identity *i, struct str line);

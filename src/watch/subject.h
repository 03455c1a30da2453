/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "draft.h"
#include "drift.h"
#include "identity.h"
#include "regime.h"

/*
 * One histogram under watch, with all that is known of it: either a draft of a baseline, or a
 * drift from one; and the hour that is being gathered, which is kept for later as one row.
 *
 * All that it has gathered is of one meaning (meaning.h): that of `of`. What was gathered by
 * another definition is thrown away when ticks of a new one come.
 *
 * It is a function of the ticks that were folded, the baselines that were pinned and, where it was
 * gone, of that, and of nothing else: no clock, no chance. Its text carries its stamp, which only ever rises, so a
 * store can tell the later of two, and a checksum, so a text that was touched is refused.
 */

enum { SUBJECT_HOURS_A_DAY = 24, SUBJECT_MOST_TEXT = 1 << 20 };

struct subject {
    struct str member;        /* its name in keys; in the arena, as the next */
    struct tick_histogram of; /* its meaning is that of the ticks that were folded */
    bool fixed;               /* that is 0: no configuration can change what it stands for */
    bool mixed;               /* the last tick was of several meanings */
    bool redefined;           /* its baselines are of other meanings, and it has none yet */
    uint64_t tick;            /* the last that was folded; 0: none */
    uint64_t revision;
    struct draft draft;  /* while `baseline` is empty */
    struct drift *drift; /* owned; NULL until the baseline is there */
    uint64_t hour;       /* tick / WINDOW_HOUR of what is gathered */
    struct counts gathered;
    struct identity *identity; /* owned; of names of upstreams; where this or the next */
    struct regime *regime;     /* is, of lengths or times, there is nothing else */
    struct arena arena;

    /* The judge's and the store's; not part of the text. */
    uint64_t last; /* the last tick that has counts, as far as is known */
    bool unsaved;
    bool unread; /* its state in the store may be newer */
    bool gone;   /* nothing comes of it any more */
};

struct subject_rules {
    double threshold;   /* ln c */
    size_t draft_steps; /* that are told apart in a draft */
    uint64_t tick_ms;
    bool by_hour; /* a draft is gathered by the hour of the week */
};

/* What a tick came to. */
struct subject_news {
    enum drift_turn turn;
    double score;
    bool hour_closed;
    uint64_t hour;
    struct buf hour_text; /* counts_put of it; the caller's buffer, reset first */
};

struct subject *subject_new(struct str member); /* NULL: no histogram's name */
void subject_free(struct subject *s);
void subject_forget(
    struct subject *s); /* as if it were new: what the store has is to be read */

/* Ticks that are not above s->tick are ignored: they are folded already. */
void subject_fold(struct subject *s, const struct subject_rules *rules,
                  const struct drift_tick *t, struct subject_news *news);
/* From now on against `b`, which is lent; true: an alarm that was latched is over by that. */
bool subject_adopt(struct subject *s, const struct baseline *b);

/* The alarm that is latched is over: no tick may come that would end it. */
void subject_settle(struct subject *s);

/* The tick is passed over: no evidence, and no part of a draft. */
void subject_skip(struct subject *s, uint64_t tick);
/* From now on of that meaning: what was gathered goes, a baseline is to be adopted. */
void subject_redefine(struct subject *s, uint32_t meaning);
/* Is it judged by what it has? Else by nothing, whatever evidence there was. */
bool subject_is_paused(const struct subject *s);
/* Is it held against what it was before, and never against a baseline? */
bool subject_is_apart(const struct subject *s);
/* May it have a baseline? Not one that is apart, and not one that is gone. */
bool subject_is_watched(const struct subject *s);

/* The name of the histogram that it is held against; false: it is held against none. */
bool subject_put_control(const struct subject *s, struct buf *member);

const struct baseline *subject_baseline(const struct subject *s); /* NULL: none yet */
enum drift_verdict subject_verdict(const struct subject *s, uint64_t now_tick);

/* Rises with every change: of two states of one histogram the one with more is the later. */
uint64_t subject_stamp(const struct subject *s);
uint64_t subject_stamp_at(uint64_t tick); /* the least of that tick */

void subject_put(const struct subject *s, struct buf *out);
/*
 * What a text says of itself, before it is read: which baseline it needs ("" none). False: it
 * is damaged. subject_read() then takes the text if the baseline is that one.
 */
bool subject_peek(struct str text, char baseline[BASELINE_ID], uint64_t *stamp);
bool subject_read(struct subject *s, struct str text, const struct baseline *b);

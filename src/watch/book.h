/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/watch/alarm.h"
#include "weir/watch/change.h"

#include "subject.h"

/*
 * All that the judge of this process knows: every histogram under watch, the baselines and
 * which of them are pinned, alarms, silences; and what is still to be written down. The judge
 * folds into it, a store fills it and writes it down; nobody else has it.
 */

enum {
    BOOK_SUBJECTS = 10000,         /* of more it is chosen which (choice.h) */
    BOOK_ALARMS = 200,             /* the newest are kept in mind */
    BOOK_BASELINES = 4096,         /* people add to so many; */
    BOOK_MADE = 2 * BOOK_SUBJECTS, /* those that make themselves, to so many */
    BOOK_CHANGES = 100,            /* likewise */
};

struct map;

struct pin {
    char *member;
    char baseline[BASELINE_ID];
};

struct silence {
    char *id;
    char *json;
    uint64_t until_ms;
};

/* A change, of an alarm's state or an upstream, that nobody has been told of yet. */
struct delivery {
    char *key; /* "<alarm id>:<state>", "<id>:changed": the same however often it is made */
    char *json;
};

enum row_kind { ROW_ALARM, ROW_CHANGE, ROW_HOUR };

/* To be written with its subject's state, so that neither is there without the other. */
struct row {
    enum row_kind kind;
    struct subject *subject;
    struct str id; /* of an alarm or a change */
    enum alarm_state state;
    uint64_t at_ms; /* when it was, or changed its state; of an hour: which */
    struct str text;
};

/* What is behind the id in its delivery's key. */
const char *book_row_word(const struct row *row);

struct book {
    struct subject **subjects; /* owned, as is all else; sorted by member */
    size_t subject_count, subject_capacity;
    size_t left_out;             /* in this round, for want of room */
    struct baseline **baselines; /* sorted by id */
    size_t baseline_count, baseline_capacity;
    struct pin *pins;
    size_t pin_count, pin_capacity;
    struct alarm **alarms; /* in no order */
    size_t alarm_count, alarm_capacity;
    struct change *changes[BOOK_CHANGES]; /* the newest first */
    size_t change_count;
    struct silence *silences;
    size_t silence_count, silence_capacity;
    struct delivery *deliveries;
    size_t delivery_count, delivery_capacity;
    struct row *rows; /* in the order of their happening; texts in `row_texts` */
    size_t row_count, row_capacity;
    struct arena row_texts;
    bool ours; /* this process is the judge */
};

void book_init(struct book *b);
void book_deinit(struct book *b);

struct subject *book_subject(
    struct book *b, struct str member); /* made if need be, and if there is room; or NULL */
struct subject *book_find(const struct book *b, struct str member); /* NULL: not there */
/* All others leave; not with an alarm, or still to be written. */
void book_keep_only(struct book *b, const struct map *members);
/* Of those whose last tick is before `oldest`; not with an alarm, or still to be written. */
void book_forget(struct book *b, uint64_t oldest);
const struct baseline *book_baseline(const struct book *b, const char *id); /* NULL: unknown */
/* Takes it; one that is there already stays, and the new one is freed. */
const struct baseline *book_add_baseline(struct book *b, struct baseline *baseline);
void book_drop_baseline(struct book *b, const char *id); /* one that is judged by stays */

/* Of that histogram, else of "any version" of it; NULL: none. */
const char *book_pinned(const struct book *b, const struct subject *s);
/* What a pin goes by: a histogram's name, and behind it "#1a2b3c4d" if its meaning is known. */
void book_put_pin(struct buf *out, const struct tick_histogram *of);
const char *book_pin_of(const struct book *b, struct str pin); /* NULL: nothing is */
bool book_is_pinned(const struct book *b, const char *baseline);
bool book_is_judged_by(const struct book *b, const struct baseline *baseline);
/* Pinned, or some histogram is judged by it: such a one is not dropped. */
bool book_is_in_force(const struct book *b, const char *baseline);
void book_pin(struct book *b, struct str member, const char *baseline); /* "": no longer */
void book_unpin_all(struct book *b);

struct alarm *book_alarm(const struct book *b, const char *id);
void book_put_alarm(struct book *b,
                    struct alarm *alarm); /* takes it; in place of its older self */

/* book_change.c; takes it. */
void book_put_change(struct book *b, struct change *c);
void book_forget_changes(struct book *b);

void book_silence(struct book *b, struct str id, struct str json, uint64_t until_ms);
bool book_unsilence(struct book *b, struct str id); /* false: there was none */
void book_unsilence_all(struct book *b);

void book_deliver(struct book *b, struct str key, struct str json);
void book_delivered(struct book *b, struct str key);
void book_deliver_none(struct book *b);

void book_write_alarm(struct book *b, struct subject *s, const struct alarm *alarm);
void book_write_change(struct book *b, struct subject *s, const struct change *c);
void book_write_hour(struct book *b, struct subject *s, uint64_t hour, struct str text);
/* All of them are safe: alarms and changes among them are to be delivered. */
void book_rows_written(struct book *b);
void book_drop_rows(struct book *b);

/* book_count.c: how many histograms are watched, and how many of these have a baseline. */
size_t book_watched(const struct book *b);
size_t book_judged(const struct book *b);

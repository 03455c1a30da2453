/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What requests came to, tick by tick, for a day: of each model, version and segment how many
 * ended how, how long callers waited, what was spent and spared, and what fresh answers said.
 * For people who ask what changed at 14:00; nothing is judged by it.
 *
 * A tick comes as texts, one from each gateway, and is their sum: lines that begin with a space
 * are counts of the series that stands above them,
 *
 *     support-chat:qwen2.5@plan=pro
 *      ~outcome=cache_hit 12
 *      ~seconds=57 12
 *      ~microusd=saved 24000
 *      intent=refund 3
 *
 * all names escaped (escape.h). Other lines say nothing. Counts of a word saturate at 2^32 - 1,
 * which are 4,294 dollars a tick.
 *
 * Bounded in ticks and in counts, of which the oldest make room, and in the names that it knows.
 * One thread: the control loop's.
 */

enum {
    COURSE_TICKS = 1440,
    COURSE_CELLS = 4 << 20, /* of eight bytes */
    COURSE_SERIES = 1024,
    COURSE_WORDS = 4096,
};

/* What begins with ~ is no prediction. */
#define COURSE_OUTCOME STR("~outcome")
#define COURSE_SECONDS STR("~seconds")
#define COURSE_MICROUSD STR("~microusd")

/*
 * Latencies in bins a quarter of an octave wide, from 2^-20 s to 2^12 s, one below and one
 * above: the geometric middle is off by at most 9.1 %.
 */
enum { COURSE_BINS = 130 };
unsigned course_bin(uint64_t us);
double course_bin_ms(unsigned bin); /* its geometric middle */

struct course;

struct course *course_new(void);
void course_free(struct course *c); /* NULL is fine */
DEFINE_AUTO(struct course, course_free)

/* The tick's counts from now on; what was there before is forgotten. */
void course_set(struct course *c, uint64_t tick, const struct str *texts, size_t count);
bool course_has(const struct course *c, uint64_t tick); /* any counts? */
uint64_t course_first(const struct course *c);          /* the oldest with counts; 0: none */
uint64_t course_last(const struct course *c);
unsigned course_gateways(const struct course *c, uint64_t tick); /* whose texts were added up */

/* Empty names stand for all; an empty segment for all answers, not for the sum of segments. */
struct course_ask {
    struct str model, version, segment;
    uint64_t from, to; /* ticks; `to` is the first that is not asked for */
};

struct course_word {
    struct str prediction; /* or one of the three above; not escaped */
    struct str value;
    unsigned id;     /* below COURSE_WORDS */
    unsigned number; /* of ~seconds: the bin */
};

typedef void course_fn(void *ctx, uint64_t tick, const struct course_word *w, uint32_t count);
void course_each(const struct course *c, const struct course_ask *ask, course_fn *each,
                 void *ctx);

/* What was counted in some tick that is still held, in the order of first coming. */
struct course_series {
    struct str model, version; /* not escaped */
    struct str segment;        /* as segment_text has it */
    uint64_t last;             /* tick */
};
typedef void course_series_fn(void *ctx, const struct course_series *s);
void course_each_series(const struct course *c, course_series_fn *each, void *ctx);

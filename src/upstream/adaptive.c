/* SPDX-License-Identifier: Apache-2.0 */
#include "adaptive.h"

#include <math.h>

/*
 * Calls are looked at in batches, a round or two of the limit each, so that what a change does
 * has shown before the next one. After a change those that began before it are left out.
 *
 * A look at full use leads to growth, or to a look with fewer calls; only the comparison of the
 * two, which lie next to each other in time, ever shrinks the limit. It is shrunk once more at
 * once when that was much, since then the fewer may have waited for each other as well.
 */

enum {
    LOOK_CALLS = 32,     /* at least; means of fewer calls differ too much by chance */
    START_CALLS = 16,    /* while it grows fast, a wrong step is soon put right */
    LOOKS_TO_CHECK = 10, /* calls may have become quicker, which only fewer would show */
};

#define EASE 0.7     /* how many are let through: well below the knee if the limit is near it */
#define FREE 1.05    /* taking so much longer is no waiting */
#define WAITING 1.15 /* taking so much longer is */
#define MUCH 0.9
#define TURNED_AWAY 0.8

void adaptive_init(struct adaptive *a, unsigned first)
{
    *a = (struct adaptive){ .limit = first > 0 ? first : 1, .starting = true };
}

unsigned adaptive_limit(const struct adaptive *a)
{
    return a->eased > 0 ? a->eased : (unsigned)a->limit;
}

static void set_limit(struct adaptive *a, double limit, unsigned most)
{
    if (most > 0)
        limit = fmin(limit, most);
    a->limit = fmax(limit, 1);
}

static void start_look(struct adaptive *a, unsigned in_flight)
{
    a->stale = in_flight;
    a->calls = a->peak = 0;
    a->sum_s = a->sum_of_squares = 0;
}

static struct adaptive_look end_look(const struct adaptive *a)
{
    double mean = a->sum_s / a->calls;
    double variance = fmax(a->sum_of_squares / a->calls - mean * mean, 0);

    return (struct adaptive_look){ mean, sqrt(variance / a->calls) };
}

/* How long they surely took: beyond what chance may have added. */
static double surely_s(const struct adaptive *a)
{
    return a->full.mean_s - hypot(a->full.error_s, a->alone.error_s);
}

static void grow(struct adaptive *a, unsigned most)
{
    double step = a->starting ? a->limit / 2 : sqrt(a->limit) / 4;

    set_limit(a, a->limit + fmax(step, 0.5), most);
}

static void ease(struct adaptive *a, double from)
{
    a->eased = (unsigned)fmax(EASE * from, 1);
    a->looks = 0;
}

/* At full use, or as full as it gets. */
static void judge_full(struct adaptive *a, unsigned most)
{
    bool used = a->peak >= adaptive_limit(a);

    a->full = end_look(a);
    a->full_at = used ? adaptive_limit(a) : a->peak;
    a->looks++;
    if (a->full_at <= 1)
        a->alone = a->full;
    if (a->alone.mean_s <= 0 || surely_s(a) > WAITING * a->alone.mean_s ||
        (used && a->full_at > 1 && a->looks >= LOOKS_TO_CHECK))
        ease(a, a->full_at);
    else if (used && surely_s(a) <= FREE * a->alone.mean_s)
        grow(a, most);
}

/* With fewer. */
static void judge_eased(struct adaptive *a, unsigned most)
{
    double before = a->limit, limit;

    a->alone = end_look(a);
    a->eased = 0;
    if (surely_s(a) <= WAITING * a->alone.mean_s)
        return;
    a->starting = false;
    limit = a->full_at * FREE * a->alone.mean_s / surely_s(a);
    set_limit(a, fmin(before, fmax(limit, before / 2)), most);
    if (a->limit < MUCH * before && a->limit >= 2)
        ease(a, a->limit);
}

/*
 * Once for all calls that were under way together: they are turned away together. Who began
 * before the limit was shrunk last tells nothing that is not known.
 */
static void turn_down(struct adaptive *a, uint64_t took_us, unsigned in_flight, unsigned most,
                      uint64_t now_us)
{
    uint64_t since_us = now_us - a->shrunk_us;

    if (a->shrunk_us > 0 && (since_us < took_us || (double)since_us < a->full.mean_s * 1e6))
        return;
    a->shrunk_us = now_us;
    a->starting = false;
    a->eased = 0;
    set_limit(a, TURNED_AWAY * fmin(a->limit, fmax(in_flight, 1)), most);
    start_look(a, in_flight);
}

void adaptive_note(struct adaptive *a, uint64_t took_us, unsigned in_flight, bool overloaded,
                   unsigned most, uint64_t now_us)
{
    double took_s = (double)took_us / 1e6;
    unsigned enough = 2 * adaptive_limit(a), least = a->starting ? START_CALLS : LOOK_CALLS;

    if (overloaded) {
        turn_down(a, took_us, in_flight, most, now_us);
        return;
    }
    if (a->stale > 0) {
        a->stale--;
        return;
    }
    a->calls++;
    a->sum_s += took_s;
    a->sum_of_squares += took_s * took_s;
    a->peak = in_flight > a->peak ? in_flight : a->peak;
    if (a->calls < (enough > least ? enough : least))
        return;
    if (a->eased > 0)
        judge_eased(a, most);
    else
        judge_full(a, most);
    start_look(a, in_flight);
}

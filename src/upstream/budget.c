/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

enum { PLACES = BUDGET_SECONDS + 1, US_PER_SECOND = 1000 * 1000 };

/* Forgets the seconds that have passed unseen. */
static unsigned place_at(struct budget *b, uint64_t now_us)
{
    uint64_t second = now_us / US_PER_SECOND;

    if (second > b->second && second - b->second >= PLACES) {
        *b = (struct budget){ .second = second };
    } else {
        while (b->second < second) {
            b->second++;
            b->calls[b->second % PLACES] = b->extra[b->second % PLACES] = 0;
        }
    }
    return (unsigned)(b->second % PLACES);
}

void budget_call(struct budget *b, uint64_t now_us)
{
    b->calls[place_at(b, now_us)]++;
}

/*
 * Seconds are not cut where the window begins. The oldest, which lies in it only in part, counts
 * for the extra calls and not for the calls: that errs by a tenth at most, and towards less.
 */
bool budget_has(struct budget *b, double share, unsigned floor, uint64_t now_us)
{
    unsigned at = place_at(b, now_us);
    uint64_t calls = 0, extra = 0;
    double most;

    for (unsigned i = 0; i < PLACES; i++) {
        extra += b->extra[i];
        if (i != (at + 1) % PLACES)
            calls += b->calls[i];
    }
    most = share * (double)calls > (double)floor ? share * (double)calls : (double)floor;
    return (double)(extra + 1) <= most;
}

bool budget_take(struct budget *b, double share, unsigned floor, uint64_t now_us)
{
    if (!budget_has(b, share, floor, now_us))
        return false;
    b->extra[place_at(b, now_us)]++;
    return true;
}

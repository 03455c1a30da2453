/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/season.h"

#include "weir/base/scan.h"
#include "weir/watch/baseline.h"

#include <string.h>

/* ---- which hours stand together ------------------------------------------------------------ */

static struct season_slot *add_slot(struct season *s, size_t bins, struct arena *arena)
{
    struct season_slot *slot = &s->slots[s->count++];

    slot->counts = arena_take(arena, bins * sizeof(slot->counts[0]));
    slot->bounds = arena_take(arena, bins * sizeof(slot->bounds[0]));
    return slot;
}

static void count_hour(struct season_slot *slot, const struct baseline *b,
                       const struct week_hour *hour)
{
    uint64_t row[ECUSUM_BINS];

    baseline_sort_in(b, &hour->counts, row);
    for (size_t k = 0; k < b->bins; k++)
        slot->counts[k] += row[k];
    slot->n += counts_total(&hour->counts);
}

static bool stands_alone(const struct week_hour *hour)
{
    return hour->seen >= SEASON_WEEKS && counts_total(&hour->counts) >= SEASON_LEAST_N;
}

static bool stands_with(unsigned hour, unsigned day_hour, bool weekend)
{
    return hour % WEEK_DAY == day_hour && week_is_weekend(hour) == weekend;
}

/* The same hour of all working days, or of the weekend. */
static void add_shared(struct season *s, struct baseline *b, const struct week *w,
                       unsigned day_hour, bool weekend)
{
    uint64_t seen = 0, n = 0;
    struct season_slot *slot;

    for (unsigned h = 0; h < WEEK_HOURS; h++)
        if (stands_with(h, day_hour, weekend)) {
            seen += w->at[h].seen;
            n += counts_total(&w->at[h].counts);
        }
    if (seen < SEASON_DAYS || n < SEASON_LEAST_N)
        return;
    slot = add_slot(s, b->bins, &b->arena);
    for (unsigned h = 0; h < WEEK_HOURS; h++)
        if (stands_with(h, day_hour, weekend)) {
            count_hour(slot, b, &w->at[h]);
            s->slot_of[h] = (uint8_t)(s->count - 1);
        }
}

/* First what is shared, then those that need not share, which leave the others as they are. */
struct season *season_new(struct baseline *b, const struct week *w, uint64_t tick_ms)
{
    struct season *s = ARENA_NEW(&b->arena, struct season);

    s->tick_ms = tick_ms;
    memset(s->slot_of, SEASON_WHOLE, sizeof(s->slot_of));
    for (unsigned h = 0; h < WEEK_DAY; h++) {
        add_shared(s, b, w, h, false);
        add_shared(s, b, w, h, true);
    }
    s->shared = s->count;
    for (unsigned h = 0; h < WEEK_HOURS; h++)
        if (stands_alone(&w->at[h])) {
            count_hour(add_slot(s, b->bins, &b->arena), b, &w->at[h]);
            s->slot_of[h] = (uint8_t)(s->count - 1);
        }
    return s;
}

void season_bound(struct season *s, size_t bins, const struct bound_care *care)
{
    for (size_t i = 0; i < s->count; i++)
        bound_find_clustered(s->slots[i].bounds, s->slots[i].counts, bins, care);
}

/* ---- looking ------------------------------------------------------------------------------- */

const struct season_slot *season_at(const struct season *s, uint64_t tick)
{
    uint8_t slot = s->slot_of[week_hour_of(tick * s->tick_ms)];

    return slot == SEASON_WHOLE ? NULL : &s->slots[slot];
}

static unsigned hours_of(const struct season *s, uint8_t slot)
{
    unsigned hours = 0;

    for (unsigned h = 0; h < WEEK_HOURS; h++)
        hours += s->slot_of[h] == slot ? 1 : 0;
    return hours;
}

struct season_feet season_feet(const struct season *s)
{
    struct season_feet feet = { .whole = hours_of(s, SEASON_WHOLE) };

    for (unsigned h = 0; h < WEEK_HOURS; h++)
        if (s->slot_of[h] != SEASON_WHOLE && s->slot_of[h] >= s->shared)
            feet.alone++;
        else if (s->slot_of[h] != SEASON_WHOLE)
            feet.shared++;
    return feet;
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static void put_slot(const struct season_slot *slot, size_t bins, struct buf *out)
{
    buf_put(out, STR("{\"counts\":["));
    for (size_t k = 0; k < bins; k++)
        buf_put_printf(out, "%s%llu", k > 0 ? "," : "", (unsigned long long)slot->counts[k]);
    buf_put(out, STR("],\"lower\":["));
    for (size_t k = 0; k < bins; k++)
        buf_put_printf(out, "%s%.17g", k > 0 ? "," : "", slot->bounds[k].lower);
    buf_put(out, STR("],\"upper\":["));
    for (size_t k = 0; k < bins; k++)
        buf_put_printf(out, "%s%.17g", k > 0 ? "," : "", slot->bounds[k].upper);
    buf_put(out, STR("]}"));
}

void season_put(const struct season *s, size_t bins, struct buf *out)
{
    struct season_feet feet = season_feet(s);

    buf_put_printf(out,
                   "{\"tick_ms\":%llu,\"alone\":%u,\"shared\":%u,\"whole\":%u,"
                   "\"shared_slots\":%zu,\"slot_of\":[",
                   (unsigned long long)s->tick_ms, feet.alone, feet.shared, feet.whole,
                   s->shared);
    for (unsigned h = 0; h < WEEK_HOURS; h++)
        buf_put_printf(out, "%s%u", h > 0 ? "," : "", (unsigned)s->slot_of[h]);
    buf_put(out, STR("],\"slots\":["));
    for (size_t i = 0; i < s->count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        put_slot(&s->slots[i], bins, out);
    }
    buf_put(out, STR("]}"));
}

static bool read_u64(struct str json, const char *key, uint64_t *out)
{
    struct scan_member m;

    return scan_get(json, str_of(key), &m) && scan_u64(m.value, out);
}

static bool read_hours(struct str json, struct season *s)
{
    struct scan_member list, one;
    struct scan scan;
    unsigned h = 0;
    uint64_t slot;

    if (!scan_get(json, STR("slot_of"), &list))
        return false;
    for (scan_start(&scan, list.value); scan_next(&scan, &one); h++) {
        if (h == WEEK_HOURS || !scan_u64(one.value, &slot) ||
            (slot != SEASON_WHOLE && slot >= s->count))
            return false;
        s->slot_of[h] = (uint8_t)slot;
    }
    return h == WEEK_HOURS;
}

/* Numbers of one list into `out`; false if they are not as many as there are bins. */
static bool read_list(struct str json, const char *key, size_t bins, double *out)
{
    struct scan_member list, one;
    struct scan scan;
    size_t k = 0;

    if (!scan_get(json, str_of(key), &list))
        return false;
    for (scan_start(&scan, list.value); scan_next(&scan, &one); k++)
        if (k == bins || !scan_number(one.value, &out[k]))
            return false;
    return k == bins;
}

static bool read_slot(struct str json, size_t bins, struct season_slot *slot)
{
    double counts[ECUSUM_BINS], lower[ECUSUM_BINS], upper[ECUSUM_BINS];

    if (!read_list(json, "counts", bins, counts) || !read_list(json, "lower", bins, lower) ||
        !read_list(json, "upper", bins, upper))
        return false;
    for (size_t k = 0; k < bins; k++) {
        if (counts[k] < 0 || counts[k] > 1e15)
            return false;
        slot->counts[k] = (uint64_t)counts[k];
        slot->bounds[k] = (struct bound){ lower[k], upper[k] };
        slot->n += slot->counts[k];
    }
    return slot->n > 0;
}

static bool read_slots(struct str json, size_t bins, struct season *s, struct arena *arena)
{
    struct scan_member list, one;
    struct scan scan;

    if (!scan_get(json, STR("slots"), &list))
        return false;
    scan_start(&scan, list.value);
    while (scan_next(&scan, &one))
        if (s->count == SEASON_SLOTS || !read_slot(one.value, bins, add_slot(s, bins, arena)))
            return false;
    return true;
}

struct season *season_read(struct str json, size_t bins, struct arena *arena)
{
    struct season *s = ARENA_NEW(arena, struct season);
    uint64_t shared;

    if (!read_u64(json, "tick_ms", &s->tick_ms) || s->tick_ms == 0 ||
        !read_u64(json, "shared_slots", &shared) || !read_slots(json, bins, s, arena) ||
        shared > s->count || !read_hours(json, s))
        return NULL;
    s->shared = (size_t)shared;
    return s;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"

#include "change_text.h"

#include "weir/base/digest.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEY = 48 };

static const uint64_t SECOND_US = UINT64_C(1000) * 1000;
static const uint64_t MOST_PAUSE_US = UINT64_C(300) * 1000 * 1000;
static const uint64_t MOST_AGE_US = UINT64_C(24) * 3600 * 1000 * 1000;

/* It becomes a header, and comes from a store that others may write to. */
static bool is_key(struct str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!strchr("0123456789abcdefghijklmnopqrstuvwxyz:", key.at[i]) || !key.at[i])
            return false;
    return key.len >= ALARM_ID && key.len <= MOST_KEY && key.at[ALARM_ID - 1] == ':';
}

static char *copy_text(struct str s)
{
    char *at = mem_new(s.len + 1);

    memcpy(at, s.at, s.len);
    return at;
}

struct parcel *parcel_new(struct str key, struct str json, size_t legs)
{
    AUTO(alarm_free) struct alarm *alarm = alarm_read(json);
    AUTO(change_free) struct change *change = alarm ? NULL : change_read(json);
    struct parcel *p;

    if ((!alarm && !change) || !is_key(key))
        return NULL;
    p = mem_new(sizeof(*p) + legs * sizeof(p->legs[0]));
    link_init(&p->link);
    p->key = copy_text(key);
    p->json = copy_text(json);
    p->alarm = steal(&alarm);
    p->change = steal(&change);
    p->leg_count = legs;
    return p;
}

void parcel_free(struct parcel *p)
{
    if (!p)
        return;
    link_out(&p->link);
    alarm_free(p->alarm);
    change_free(p->change);
    buf_deinit(&p->order.answer);
    free(p->key);
    free(p->json);
    free(p);
}

const char *parcel_id(const struct parcel *p)
{
    return p->alarm ? p->alarm->id : p->change->id;
}

uint64_t parcel_at_ms(const struct parcel *p)
{
    return p->alarm ? p->alarm->updated_ms : p->change->at_ms;
}

bool parcel_is_end(const struct parcel *p)
{
    return p->alarm && p->alarm->state == ALARM_RESOLVED;
}

struct tick_histogram parcel_name(const struct parcel *p)
{
    return p->alarm ? p->alarm->of : change_text_name(p->change);
}

bool parcel_is_of(const struct parcel *p, const char *id)
{
    return strcmp(parcel_id(p), id) == 0;
}

bool parcel_is_over(const struct parcel *p)
{
    for (size_t i = 0; i < p->leg_count; i++)
        if (!p->legs[i].over)
            return false;
    return true;
}

bool parcel_is_due(const struct parcel *p, size_t leg, uint64_t now_us)
{
    return !p->legs[leg].over && p->legs[leg].due_us <= now_us;
}

void parcel_try(struct parcel *p, size_t leg, uint64_t now_us)
{
    if (p->legs[leg].tries++ == 0)
        p->legs[leg].first_us = now_us;
}

uint64_t parcel_pause_us(unsigned failures, uint64_t most_us)
{
    uint64_t whole_us = failures > 0 && failures < 20 ? SECOND_US << (failures - 1) : most_us;
    uint32_t chance;

    if (whole_us > most_us)
        whole_us = most_us;
    digest_random(&chance, sizeof(chance));
    return whole_us / 2 + whole_us / 2 * (chance % 1024) / 1024;
}

uint64_t parcel_put_off(struct parcel *p, size_t leg, uint64_t now_us)
{
    struct parcel_leg *l = &p->legs[leg];
    uint64_t pause_us = parcel_pause_us(l->tries, MOST_PAUSE_US);

    if (now_us + pause_us > l->first_us + MOST_AGE_US) {
        l->over = true;
        return 0;
    }
    l->due_us = now_us + pause_us;
    return pause_us;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "breaker.h"

#include "weir/base/ensure.h"

#define LEAST_SHARE 0.1 /* right after recovery */

/* ---- what happens on the way from state to state ----------------------------------------- */

struct moment {
    const struct upstream_breaker *settings;
    uint64_t now_us;
    double chance;
};

typedef enum breaker_state move_fn(struct breaker *b, const struct moment *m);

static enum breaker_state stay(struct breaker *b, const struct moment *m)
{
    (void)m;
    return b->state;
}

/* Who fails again while it still starts slowly has not been well: it then rests for longer. */
static enum breaker_state forget_faults(struct breaker *b, const struct moment *m)
{
    b->faults = 0;
    if (m->now_us >= b->recovered_us + m->settings->slow_start_us)
        b->opened = 0;
    return b->state;
}

static enum breaker_state open_up(struct breaker *b, const struct moment *m)
{
    uint64_t rest_us = m->settings->rest_us, most_us = m->settings->most_rest_us;

    for (unsigned i = 0; i < b->opened && rest_us < most_us; i++)
        rest_us = rest_us < most_us / 2 ? rest_us * 2 : most_us;
    b->opened++;
    b->trying = false;
    b->until_us = m->now_us + rest_us + (uint64_t)(m->chance * (double)(rest_us / 10));
    return BREAKER_OPEN;
}

static enum breaker_state count_fault(struct breaker *b, const struct moment *m)
{
    b->faults++;
    if (m->settings->faults == 0 || b->faults < m->settings->faults)
        return b->state;
    return open_up(b, m);
}

static enum breaker_state fall_back(struct breaker *b, const struct moment *m)
{
    b->faults++;
    return open_up(b, m);
}

/* While it is open: a call that went out because nobody else was left tells that it is well. */
static enum breaker_state recover(struct breaker *b, const struct moment *m)
{
    b->trying = false;
    b->recovered_us = m->now_us > 0 ? m->now_us : 1;
    (void)forget_faults(b, m);
    return BREAKER_CLOSED;
}

static enum breaker_state try_it(struct breaker *b, const struct moment *m)
{
    (void)m;
    b->trying = true;
    return BREAKER_HALF_OPEN;
}

static enum breaker_state try_another(struct breaker *b, const struct moment *m)
{
    (void)m;
    b->trying = false;
    return b->state;
}

/* clang-format off */
static move_fn *const moves[BREAKER_STATES][BREAKER_EVENTS] = {
    /*                        good           fault        neither      trial  */
    [BREAKER_CLOSED]    = { forget_faults, count_fault, stay,        stay   },
    [BREAKER_OPEN]      = { recover,       stay,        stay,        try_it },
    [BREAKER_HALF_OPEN] = { recover,       fall_back,   try_another, try_it },
};
/* clang-format on */

bool breaker_note(struct breaker *b, const struct upstream_breaker *s, enum breaker_event e,
                  uint64_t now_us, double chance)
{
    struct moment m = { s, now_us, chance };
    enum breaker_state before = b->state;

    ensure(before < BREAKER_STATES && e < BREAKER_EVENTS);
    b->state = moves[before][e](b, &m);
    return b->state != before;
}

/* ---- what follows from the state ---------------------------------------------------------- */

bool breaker_allows(const struct breaker *b, uint64_t now_us)
{
    switch (b->state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN: return now_us >= b->until_us;
    case BREAKER_HALF_OPEN: return !b->trying;
    case BREAKER_STATES: break;
    }
    return false;
}

/*
 * One that is not closed has its whole weight: with a small one it would hardly ever be chosen
 * for the trial that it waits for.
 */
double breaker_share(const struct breaker *b, const struct upstream_breaker *s, uint64_t now_us)
{
    uint64_t since_us = now_us > b->recovered_us ? now_us - b->recovered_us : 0;
    double grown;

    if (b->state != BREAKER_CLOSED || b->recovered_us == 0 || since_us >= s->slow_start_us)
        return 1;
    grown = (double)since_us / (double)s->slow_start_us;
    return grown > LEAST_SHARE ? grown : LEAST_SHARE;
}

const char *breaker_word(enum breaker_state s)
{
    static const char *const words[] = { "closed", "open", "half_open" };

    ensure(s < BREAKER_STATES);
    return words[s];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "choice.h"
#include "member.h"
#include "weir/base/map.h"

/*
 * More histograms than the book has room for: which of them it has (choice.h).
 *
 *     read the names, page by page ─> sort ─> ask which of those in doubt have a state
 *                                                     ask_states <─ keep and take <─┘
 *
 * While it reads, what has new answers moves to the front; so the front is read last. What
 * moved in the meantime is seen twice, which does no harm.
 */

enum { PAGES = 6, KEYS_AT_ONCE = 1000 };

/* For each key a digit. */
static const char known_text[] = "local known = {}\n"
                                 "for i, key in ipairs(KEYS) do\n"
                                 "  known[i] = redis.call('EXISTS', key)\n"
                                 "end\n"
                                 "return table.concat(known)\n";

static void ask_page(struct store_redis *s);
static void ask_known(struct store_redis *s);

/* ---- keep and take --------------------------------------------------------------------------- */

/* Who has been chosen for the book. */
static struct map *name_chosen(const struct crowd *c)
{
    struct map *chosen = map_new();

    for (size_t i = 0; i < c->count && i < BOOK_SUBJECTS; i++)
        (void)map_put(chosen, c->all[i].member, &c->all[i]);
    return chosen;
}

static void fill(struct store_redis *s)
{
    struct crowd *c = &s->crowd;
    AUTO(map_free) struct map *chosen = name_chosen(c);

    book_keep_only(s->book, chosen);
    for (size_t i = 0; i < map_size(chosen); i++) {
        const struct candidate *one = map_value_at(chosen, i);
        struct subject *subject = book_subject(s->book, map_key_at(chosen, i));

        if (subject && one->last > subject->last)
            subject->last = one->last;
    }
    s->book->left_out = c->count > s->book->subject_count ? c->count - s->book->subject_count
                                                          : 0;
    store_redis_ask_states(s);
}

/* ---- which have a state ----------------------------------------------------------------------- */

static void take_known(struct crowd *c, struct str digits)
{
    for (size_t i = 0; i < digits.len && i < c->asked_count; i++)
        c->asked[i]->known = digits.at[i] == '1';
}

static void on_known(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);
    const struct redis_reply *one = err ? NULL : batch_reply(reply, 0);

    if (err) {
        store_redis_end(s, err);
        return;
    }
    if (one && redis_reply_type(one) == REDIS_TEXT)
        take_known(&s->crowd, redis_reply_text(one));
    ask_known(s);
}

static void send_keys(struct store_redis *s)
{
    struct crowd *c = &s->crowd;
    struct str words[3 + KEYS_AT_ONCE] = { STR("EVAL"), str_of(known_text) };

    batch_reset(&s->batch);
    words[2] = batch_u64(&s->batch, c->asked_count);
    for (size_t i = 0; i < c->asked_count; i++)
        words[3 + i] = BATCH_KEY(&s->batch, s->prefix, STR("drift:"), c->asked[i]->member);
    batch_add(&s->batch, words, 3 + c->asked_count);
    batch_send(&s->batch, s->link, &s->redis, on_known);
}

/* What the book has folded, or read, has one. */
static bool is_folded(const struct store_redis *s, const struct candidate *one)
{
    const struct subject *subject = book_find(s->book, one->member);

    return subject && subject->tick > 0;
}

static void ask_known(struct store_redis *s)
{
    struct crowd *c = &s->crowd;

    c->asked_count = 0;
    for (; c->at < c->to && c->asked_count < KEYS_AT_ONCE; c->at++) {
        c->all[c->at].known = is_folded(s, &c->all[c->at]);
        if (!c->all[c->at].known)
            c->asked[c->asked_count++] = &c->all[c->at];
    }
    if (c->asked_count > 0) {
        send_keys(s);
        return;
    }
    choice_sort(c->all, c->count, s->now.tick);
    fill(s);
}

/* ---- sort ------------------------------------------------------------------------------------ */

/* "*" stands for any version. */
static bool is_pinned(const struct map *pins, struct str member)
{
    struct str rest = member, model, version;
    struct buf any = { 0 };
    bool pinned = map_get(pins, member);

    if (!pinned && str_split(&rest, ':', &model) && str_split(&rest, ':', &version)) {
        buf_put(&any, model);
        buf_put(&any, STR(":%2A:"));
        buf_put(&any, rest);
        pinned = map_get(pins, buf_str(&any));
    }
    buf_deinit(&any);
    return pinned;
}

/* By the histogram's name alone: behind a '#', which names escape, stands what else is meant. */
static struct map *name_pinned(struct book *b)
{
    struct map *pins = map_new();

    for (size_t i = 0; i < b->pin_count; i++) {
        struct str rest = str_of(b->pins[i].member), member;

        if (str_split(&rest, '#', &member))
            (void)map_put(pins, member, &b->pins[i]);
    }
    return pins;
}

static struct map *name_alarmed(struct book *b)
{
    struct map *alarmed = map_new();
    struct buf member = { 0 };

    for (size_t i = 0; i < b->alarm_count; i++) {
        if (b->alarms[i]->state == ALARM_RESOLVED)
            continue;
        buf_reset(&member);
        member_put(&member, &b->alarms[i]->of);
        (void)map_put(alarmed, buf_str(&member), b->alarms[i]);
    }
    buf_deinit(&member);
    return alarmed;
}

static void add(struct crowd *c, struct str member, uint64_t last)
{
    c->all[c->count++] = (struct candidate){ .member = member, .last = last };
}

static void choose(struct store_redis *s)
{
    struct crowd *c = &s->crowd;
    AUTO(map_free) struct map *pinned = name_pinned(s->book);
    AUTO(map_free) struct map *alarmed = name_alarmed(s->book);

    for (size_t i = 0; i < s->book->subject_count; i++)
        add(c, arena_copy(&s->names, s->book->subjects[i]->member), s->book->subjects[i]->last);
    c->count = choice_unite(c->all, c->count);
    for (size_t i = 0; i < c->count; i++) {
        c->all[i].pinned = is_pinned(pinned, c->all[i].member);
        c->all[i].alarmed = map_get(alarmed, c->all[i].member);
    }
    choice_sort(c->all, c->count, s->now.tick);
    c->from = c->to = 0;
    (void)choice_is_open(c->all, c->count, BOOK_SUBJECTS, &c->from, &c->to);
    c->at = c->from;
    ask_known(s);
}

/* ---- page by page ----------------------------------------------------------------------------- */

static size_t take_page(struct store_redis *s, const struct redis_reply *page)
{
    size_t count = page && redis_reply_type(page) == REDIS_LIST ? redis_reply_count(page) : 0;
    struct str member;
    uint64_t last;

    for (size_t i = 0; i + 1 < count && i / 2 < BOOK_SUBJECTS; i += 2) {
        member = redis_reply_text(redis_reply_at(page, i));
        if (str_to_u64(redis_reply_text(redis_reply_at(page, i + 1)), &last))
            add(&s->crowd, arena_copy(&s->names, member), last);
    }
    return count / 2;
}

static void on_page(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);
    struct crowd *c = &s->crowd;
    bool front = c->page == 0, full;

    if (err) {
        store_redis_end(s, err);
        return;
    }
    full = take_page(s, batch_reply(reply, 0)) == BOOK_SUBJECTS;
    if (front) {
        choose(s);
        return;
    }
    c->page = full && c->page + 1 < PAGES ? c->page + 1 : 0;
    ask_page(s);
}

static void ask_page(struct store_redis *s)
{
    struct batch *b = &s->batch;
    uint64_t first = s->crowd.page * BOOK_SUBJECTS;

    batch_reset(b);
    BATCH_ADD(b, STR("ZREVRANGE"), BATCH_KEY(b, s->prefix, STR("histograms")),
              batch_u64(b, first), batch_u64(b, first + BOOK_SUBJECTS - 1), STR("WITHSCORES"));
    batch_send(b, s->link, &s->redis, on_page);
}

void store_redis_choose(struct store_redis *s)
{
    size_t most = PAGES * BOOK_SUBJECTS + s->book->subject_count;

    s->crowd = (struct crowd){ .page = 1 };
    s->crowd.all = arena_take(&s->names, most * sizeof(s->crowd.all[0]));
    s->crowd.asked = arena_take(&s->names, KEYS_AT_ONCE * sizeof(s->crowd.asked[0]));
    ask_page(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "histogram.h"
#include "stage.h"
#include "store_inner.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* Two judges and one Redis. */

static struct stage stage;
static struct store *one, *two;
static struct book book, other;
static struct store_op op;
static enum err ended;
static struct buf told, answer;

static inline void on_done(struct store_op *o, enum err err)
{
    (void)o;
    ended = err;
    loop_stop(stage.loop);
}

static inline void start(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .most_bytes = REMOTE_ENTRY_BYTES };

    stage_open(&stage, &settings);
    one = store_redis_new(stage.loop, stage.link, STR("weir:"));
    two = store_redis_new(stage.loop, stage.link, STR("weir:"));
    book_init(&book);
    book_init(&other);
    op.on_done = on_done;
}

static inline void stop(void)
{
    store_free(one);
    store_free(two);
    book_deinit(&book);
    book_deinit(&other);
    buf_deinit(&told);
    buf_deinit(&answer);
    stage_close(&stage);
}

static inline void wait(void)
{
    ended = ERR_CANCELLED;
    stage_run(&stage);
    cr_assert_eq(ended, OK, "%s", err_name(ended));
}

static inline void load(struct store *store, struct book *b)
{
    store->kind->load(
        store, b, &(struct store_now){ .tick = 2000, .lease_ms = 60000, .keep_s = 99 }, &op);
    wait();
}

static inline void save(struct store *store, struct book *b)
{
    store->kind->save(store, b, &op);
    wait();
}

static inline void edit(struct store *store, const struct edit *e)
{
    store->kind->edit(store, &book, e, &op);
    wait();
}

static inline const char *ask(const char *command)
{
    buf_reset(&answer);
    stage_ask(&stage, &answer, command);
    buf_put(&answer, (struct str){ "", 1 });
    return answer.at;
}

static inline void count(const char *member, uint64_t tick, const char *value, unsigned n)
{
    struct buf command = { 0 };

    buf_put_printf(&command, "HINCRBY weir:v1:histogram:%s:%llu %s %u", member,
                   (unsigned long long)tick, value, n);
    buf_put(&command, (struct str){ "", 1 });
    stage_do(&stage, command.at);
    buf_reset(&command);
    buf_put_printf(&command, "ZADD weir:v1:histograms %llu %s", (unsigned long long)tick,
                   member);
    buf_put(&command, (struct str){ "", 1 });
    stage_do(&stage, command.at);
    buf_deinit(&command);
}

static inline void fold(void *ctx, struct subject *s, const struct drift_tick *t)
{
    struct subject_news news = { .turn = DRIFT_STAYED };

    (void)ctx;
    buf_put_printf(&told, "%.*s %llu ", STR_ARG(s->of.prediction), (unsigned long long)t->tick);
    counts_put(t->counts, &told);
    if (t->control) {
        buf_put(&told, STR(" against "));
        counts_put(t->control, &told);
    }
    buf_put(&told, STR("\n"));
    subject_fold(s, &(struct subject_rules){ 13, DRAFT_STEPS }, t, &news);
    buf_deinit(&news.hour_text);
}

static inline void feed(struct store *store, struct book *b, uint64_t upto)
{
    buf_reset(&told);
    store->kind->feed(store, b, &(struct store_feed){ upto, fold, NULL }, &op);
    wait();
}

static inline void put_baseline(struct baseline *b)
{
    struct buf json = { 0 };

    baseline_put(b, &json);
    edit(one, &(struct edit){ EDIT_BASELINE, str_of(b->id), buf_str(&json), 9 });
    edit(one, &(struct edit){ EDIT_PIN, STR(REFUSAL), str_of(b->id), 0 });
    buf_deinit(&json);
}

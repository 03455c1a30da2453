/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/dialect/replay.h"
#include "weir/dialect/rules.h"

#include <math.h>
#include <string.h>
#include <time.h>

/*
 * Any pattern on any body. An input is a byte that says the endpoint (0 to 7 for a pattern, @ to
 * G for a keyword, ` to g for a pattern and the field /a), the pattern, a line feed, and the
 * body. Whatever they are, it does not take long; what is answered is JSON, and can be told as
 * a stream where the endpoint has one.
 */

enum { LONG_MS = 2000 }; /* a hundred times the bound, for what sanitizers cost */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool streams(enum endpoint e)
{
    return e == ENDPOINT_CHAT || e == ENDPOINT_COMPLETIONS || e == ENDPOINT_RESPONSES ||
           e == ENDPOINT_MESSAGES;
}

static void check_answer(const struct rules *rules, const struct request *r)
{
    struct buf out = { 0 }, events = { 0 };
    uint64_t began = cpu_ms();
    enum err err = rules_answer(rules, r, r->model, &out);

    ensure(cpu_ms() - began < LONG_MS);
    ensure(err == OK || err == ERR_NO_RULE || err == ERR_UNSUPPORTED);
    ensure((err == OK) == (out.len > 0));
    if (err == OK) {
        ensure(scan_check(buf_str(&out), NULL) == OK);
        ensure(replay_events(r->endpoint, buf_str(&out), false, &events) ==
               (streams(r->endpoint) ? OK : ERR_UNSUPPORTED));
    }
    buf_deinit(&events);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size }, head, pattern;
    struct rule_words words = { .label = STR("l"), .score = NAN };
    struct rules *rules;
    struct request r;
    struct arena arena = { .budget = 1 << 20 };

    if (!str_split(&body, '\n', &head) || head.len == 0 || !body.at)
        return 0;
    pattern = str_cut(head, 1, head.len);
    rules = rules_new(STR("simple"));
    if ((head.at[0] & 0x60) == 0x40) {
        words.keywords = &pattern;
        words.keyword_count = 1;
    } else {
        words.match = pattern;
    }
    if ((head.at[0] & 0x60) == 0x60)
        rules_set_field(rules, STR("/a"));
    if (rules_add(rules, &words, NULL) == OK &&
        request_decode(&r, (enum endpoint)((head.at[0] & 0x0F) % ENDPOINT_COUNT), STR("m"),
                       body, &arena, NULL) == OK)
        check_answer(rules, &r);
    rules_free(rules);
    arena_deinit(&arena);
    return 0;
}

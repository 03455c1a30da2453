/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/dialect/pattern.h"
#include "weir/watch/prediction.h"

#include <stdint.h>

/*
 * Every kind of prediction on one answer or request: each has a word, the same when it is asked
 * again, and one that is no label, bin or word of its own is one of the three that all have.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str labels[] = { { "a", 1 }, { "refund", 6 } };
static const double bounds[] = { 0, 10 };
static struct str bound_words[] = { { "le_0", 4 }, { "le_10", 5 }, { "gt_10", 5 } };

static struct prediction of_kind(enum prediction_kind kind)
{
    struct prediction p = { .name = { "p", 1 }, .kind = kind };

    if (kind == PREDICTION_LABEL || kind == PREDICTION_TOOL) {
        p.labels = labels;
        p.label_count = 2;
    } else if (kind == PREDICTION_NUMBER) {
        p.bounds = bounds;
        p.bound_words = bound_words;
        p.bound_count = 2;
    }
    prediction_complete(&p);
    return p;
}

static void read(const struct prediction *p, struct str json)
{
    unsigned place = prediction_read(p, json);

    ensure(place < PREDICTION_PLACES);
    ensure(prediction_word(p, place).len > 0);
    if (!p->match) /* which may be given up for its time */
        ensure(prediction_read(p, json) == place);
}

static void read_everywhere(struct prediction *p, struct str json)
{
    static const char *const places[] = { NULL, "", "/a", "/choices/0/message/content#/a" };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        p->from = str_of(places[i]);
        p->of_request = false;
        read(p, json);
        p->of_request = true;
        read(p, json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str json = { (const char *)data, size };
    struct prediction p;

    if (scan_check(json, NULL))
        return 0;
    for (int kind = PREDICTION_LABEL; kind <= PREDICTION_SCRIPT; kind++) {
        p = of_kind((enum prediction_kind)kind);
        read_everywhere(&p, json);
    }
    p = of_kind(PREDICTION_LABEL);
    ensure(pattern_new(&p.match, STR("(a|refund)?x"), NULL) == OK);
    read_everywhere(&p, json);
    pattern_free(p.match);
    return 0;
}

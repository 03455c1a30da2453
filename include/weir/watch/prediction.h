/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * What counts as a model's prediction, and which value an answer has.
 *
 * A prediction reads one place of the plain answer (RFC 6901 pointer) and gives one word out of
 * a closed set: a label of its list, or `other`, `missing`, `invalid`; a number's bin, named by
 * its upper bound ("le_0.5", "gt_0.9"); or a length's bin. A pointer through a JSON text inside
 * a string (a chat answer that is itself JSON) goes on with "#":
 * "/choices/0/message/content#/intent".
 *
 *   missing  there is nothing at that place, or null
 *   invalid  there is something of the wrong kind: a number written as a string, an object
 *            where a label should be, a text that should be JSON and is not
 *   other    a label that is not on the list
 *
 * Labels are compared byte for byte: no trimming, no lower-casing. A number or boolean is
 * compared as it is written (3, true). A length is that of a string in code points or of an
 * array in elements. Built with the configuration, then only read.
 */

enum prediction_kind { PREDICTION_LABEL, PREDICTION_NUMBER, PREDICTION_LENGTH };

enum { PREDICTION_VALUES = 66 }; /* labels or bins of one prediction */

struct prediction {
    struct str name;
    struct str from;
    enum prediction_kind kind;
    const struct str *labels; /* LABEL: lent by the configuration */
    size_t label_count;
    const double *bounds;          /* NUMBER, LENGTH: inclusive upper bounds, rising */
    const struct str *bound_words; /* "le_0.5", ..., and last "gt_0.9" */
    size_t bound_count;
};

/* The word that `body` has under this prediction; from the prediction or static, never copied.
   `body` is a JSON text that scan_check has passed. */
struct str prediction_value(const struct prediction *p, struct str body);
/*
 * What is at a place like a prediction's `from`; false: nothing, null, or a wrong kind on the
 * way. Texts that had to be unescaped on the way lie in the arena. `body` as above.
 */
struct arena;
struct scan_member;
bool prediction_at(struct str body, struct str from, struct arena *texts,
                   struct scan_member *at);
struct str prediction_invalid(void); /* for a body that scan_check has not passed */

/* What every answer tells without configuration: words out of closed sets, static. */
struct str prediction_tokens_bin(
    int64_t tokens);                             /* "missing", "le_1", "le_4", ... "gt_65536" */
struct str prediction_finish(struct str reason); /* "stop", ...; "missing", "other" */

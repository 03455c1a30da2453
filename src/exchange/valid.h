/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* What is asked and what is answered, held against the model's schema. */

/* ERR_INVALID: it does not fit the model's schema, which rejects. */
MUST_CHECK enum err valid_request(struct exchange *x);
/* Does the answer that just came fit, or may it be given all the same? */
bool valid_answer(struct exchange *x);
/* What was wrong with one that was rejected, for who asked the same; and there. */
struct str valid_report(const struct exchange *x);
void valid_take_report(struct exchange *x, struct str report);

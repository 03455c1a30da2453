/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * Is an answer of the form that its request asked for? A chat, a response or a message may be
 * asked to be JSON, or to fit a schema that comes with the request.
 *
 * Schemas are compiled when they are first met and kept, a few of them: callers send the same
 * ones again and again. One thread's own.
 */

struct fit;

struct fit *fit_new(void);
void fit_free(struct fit *f); /* NULL is fine */
DEFINE_AUTO(struct fit, fit_free)

enum fit_word {
    FIT_UNASKED, /* nothing was asked for; or what is said is no text: a refusal, a tool's call */
    FIT_YES,
    FIT_NO,
    FIT_NOT_JSON,
    FIT_UNKNOWN, /* the schema has a fault or asks what is not known here; or it took too long */
};

/* False: it asks for no form, which most do not. Found out faster than anything else. */
bool fit_may_be_asked(struct str request);

/* Bodies: `answer` in its plain form, or empty where that was not to be had. */
enum fit_word fit_of(struct fit *f, struct str request, struct str answer);

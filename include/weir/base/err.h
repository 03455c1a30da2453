/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Everything that can go wrong, once. The set is closed: api/problem.c turns each name into
 * a status and a body, metrics count by it, and the exchange reads `again`.
 * A new name is added here, and the compiler then lists the places that must decide.
 */

/*         name                     text                                              again elsewhere */
/* clang-format off */
#define ERRORS(E)                                                                          \
    E(ERR_CANCELLED,                "the client went away",                           false) \
    E(ERR_DEADLINE,                 "the deadline passed",                            false) \
    E(ERR_SHUTDOWN,                 "the gateway is shutting down",                   false) \
    E(ERR_MALFORMED,                "the request could not be read",                  false) \
    E(ERR_TOO_LARGE,                "over a size limit",                              false) \
    E(ERR_UNAUTHENTICATED,          "no such key",                                    false) \
    E(ERR_NO_MODEL,                 "no such model",                                  false) \
    E(ERR_UNSUPPORTED,              "the upstream's dialect has no such endpoint",    false) \
    E(ERR_INVALID,                  "the request does not fit the model's schema",    false) \
    E(ERR_ONLY_IF_CACHED,           "only-if-cached, and no answer is kept",          false) \
    E(ERR_NO_ROUTE,                 "no healthy upstream is left",                    true)  \
    E(ERR_NO_RULE,                  "no rule fits what was asked",                    true)  \
    E(ERR_RESTING,                  "every upstream has asked to be left alone",      true)  \
    E(ERR_QUEUE_FULL,               "too many requests wait for this model",          true)  \
    E(ERR_QUEUE_SLOW,               "no upstream became free in time",                true)  \
    E(ERR_OVERLOADED,               "the gateway is at its limit",                    true)  \
    E(ERR_TOO_COSTLY,               "it would cost more than max_cost",               false) \
    E(ERR_NOT_ACCEPTED,             "no route's answer was good enough",              true)  \
    E(ERR_CONFIG,                   "the configuration lacks what this call needs",   false) \
    E(ERR_UPSTREAM_UNREACHABLE,     "the upstream could not be reached",              true)  \
    E(ERR_UPSTREAM_TLS,             "the upstream's certificate was not accepted",    true)  \
    E(ERR_UPSTREAM_SILENT,          "the upstream did not answer in time",            true)  \
    E(ERR_UPSTREAM_STATUS,          "the upstream answered with an error status",     true)  \
    E(ERR_UPSTREAM_REFUSED,         "the upstream refused this very request",         false) \
    E(ERR_UPSTREAM_IN_BAND,         "the upstream reported an error inside a 200",    true)  \
    E(ERR_UPSTREAM_EMPTY,           "the upstream answered 200 with nothing in it",   true)  \
    E(ERR_UPSTREAM_MALFORMED,       "the upstream's answer could not be read",        true)  \
    E(ERR_UPSTREAM_INVALID,         "the upstream's answer does not fit the schema",  true)  \
    E(ERR_UPSTREAM_TRUNCATED,       "the upstream broke off its answer",              true)  \
    E(ERR_FLIGHT_FAILED,            "the request that this one waited for failed",    true)  \
    E(ERR_LEADER_LOST,              "the gateway that was reading this answer is gone, or cannot be heard", true) \
    E(ERR_TOO_LONG,                 "the answer grew longer than what is passed on to others who asked the same", true) \
    E(ERR_STORE_DOWN,               "the shared cache is away",                       false)
/* clang-format on */

enum err {
    OK = 0,
#define E(name, text, again) name,
    ERRORS(E)
#undef E
        ERR_COUNT
};

const char *err_text(enum err err);
const char *err_name(enum err err); /* "ERR_DEADLINE": for logs */
bool err_worth_retry(enum err err);

/*
 * What was wrong with something that a person wrote: a configuration, a request body.
 * `param` names the member at fault ("messages[0].role") or is empty.
 */
struct fault {
    enum err err;
    char param[64];
    char text[192];
};

/* Fills `why` (NULL is fine) and returns `err`, so that a parser can return fault_set(...). */
enum err fault_set(struct fault *why, enum err err, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

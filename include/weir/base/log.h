/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/str.h"

/*
 * Structured lines on standard error: JSON, or logfmt for a person at a terminal. An event's
 * name is a stable noun with underscores; text is for fields, never for grep. Secrets and
 * prompts are never fields. An absent str leaves its field out.
 *
 * Lines gather in a buffer of this thread and leave with log_flush(), which the loop calls
 * before it waits; a full buffer leaves at once, and so does a line of warn or above.
 */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_AUTO, LOG_JSON, LOG_LOGFMT };

enum log_kind { LOG_END, LOG_STR, LOG_U64, LOG_I64, LOG_MS, LOG_BOOL };

struct log_field {
    enum log_kind kind;
    const char *name;
    union {
        struct str s;
        uint64_t u;
        int64_t i;
        bool b;
    } as;
};

#define F_STR(name, value) ((struct log_field){ LOG_STR, name, { .s = (value) } })
#define F_TEXT(name, value) ((struct log_field){ LOG_STR, name, { .s = str_of(value) } })
#define F_U64(name, value) ((struct log_field){ LOG_U64, name, { .u = (value) } })
#define F_I64(name, value) ((struct log_field){ LOG_I64, name, { .i = (value) } })
#define F_MS(name, us) \
    ((struct log_field){ LOG_MS, name, { .u = (us) } }) /* us, shown as 1.234 */
#define F_BOOL(name, value) ((struct log_field){ LOG_BOOL, name, { .b = (value) } })
#define F_ERR(value) F_TEXT("err", err_name(value))

/* Set once, before threads start. */
void log_setup(enum log_format format, enum log_level least);
bool log_wants(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);
void log_flush(void);

#define log_at(level, event, ...)                                                              \
    (log_wants(level)                                                                          \
         ? log_write(level, event,                                                             \
                     (const struct log_field[]){ __VA_ARGS__, { LOG_END, NULL, { .u = 0 } } }) \
         : (void)0)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/map.h"
#include "weir/base/str.h"

/*
 * What is wrong with a configuration, gathered while it is read: one line a fault,
 * `FILE:LINE: path: what is wrong (what to do)`. A person mends at most so many in one go, so
 * a document of garbage is told about up to a limit.
 */

struct yaml_node;

enum { CONFIG_REPORT_MOST = 100 }; /* lines; then one that says there are more */

struct config_report {
    struct str file;
    struct buf *faults;
    struct buf *warnings;
    size_t fault_count;
    struct {
        unsigned line;
        size_t bytes;
    } told[CONFIG_REPORT_MOST]; /* the faults as they stand in `faults`: in the file's order */
};

void config_fault(struct config_report *r, const struct yaml_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* About the member `key` of `at`, which may not be there; NULL `at`: of the document. */
void config_fault_key(struct config_report *r, const struct yaml_node *at, const char *key,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Where there is no tree (yet). */
void config_fault_line(struct config_report *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* All that was told of another file, behind what is told of this one. Takes nothing away. */
void config_fault_file(struct config_report *r, const struct config_report *of);
/* About the command line. */
void config_fault_option(struct config_report *r, const char *option, const char *what);

void config_warn(struct config_report *r, const struct yaml_node *at, const char *what);
void config_warn_line(struct config_report *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_warn_option(struct config_report *r, const char *option, const char *what);

enum { CONFIG_WORDS = 160 };

/* The value in quotes for a message, shortened, without control characters; when it came from
   the environment or a file, words that do not give it away. */
const char *config_shown(const struct yaml_node *n, char out[CONFIG_WORDS]);

/* ` (did you mean "..."?)`, or nothing when no name is near. */
const char *config_hint(const struct map *names, struct str name, char out[CONFIG_WORDS]);

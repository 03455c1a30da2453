/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/alert_settings.h"
#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/log.h"
#include "weir/base/own.h"
#include "weir/net/redis.h"
#include "weir/route/plan.h"

#include <stdint.h>

/*
 * One configuration file, read, checked and made into what the program runs on: settings of
 * the process, and a plan of upstreams, models and tenants. Every fault is told, not only the
 * first, as `FILE:LINE: path: what is wrong (what to do)`.
 */

struct drift_settings {
    double probability;
    uint64_t per_ms;
    uint64_t tick_ms;
    bool manual; /* baselines are made by people alone */
    bool hour_of_week;
    unsigned min_n;
    unsigned baseline_ticks;
    double tolerance;
    double alpha;
    const struct str *by_hand; /* predictions that get no baseline by themselves */
    size_t by_hand_count;
    struct str state_file; /* empty: none */
    bool changes;          /* of upstreams are noticed, without a baseline */
};

struct settings {
    struct str listen;
    unsigned workers; /* 0: one a core */
    size_t max_body_bytes;
    unsigned max_connections;
    unsigned max_in_flight;  /* requests worked on at once */
    size_t max_memory_bytes; /* 0: three quarters of what there is */
    bool share_port;         /* another process may listen on the same address */
    uint64_t idle_timeout_us;
    uint64_t header_timeout_us;
    uint64_t body_timeout_us;
    uint64_t slow_reader_timeout_us;
    uint64_t drain_delay_us;
    uint64_t drain_timeout_us;
    struct str admin_listen;
    struct str admin_token;    /* empty: none is asked for */
    size_t cache_memory_bytes; /* 0: no memory tier */
    bool redis_on;
    struct redis_settings redis;
    struct str redis_prefix;
    bool coalesce_alone;   /* each process on its own, though Redis is shared */
    bool coalesce_streams; /* running streams are followed across the fleet */
    bool store_requests;
    size_t cache_entry_bytes;
    struct drift_settings drift;
    struct alert_settings alerts;
    enum log_format log_format;
    enum log_level log_level;
};

struct config {
    struct settings settings; /* strs live in the arena */
    struct plan *plan;        /* one reference */
    struct arena arena;
};

/* Overrides of the command line; absent: none. */
struct config_overrides {
    struct str listen;
    struct str admin;
};

/*
 * ERR_CONFIG with every fault as a line in `faults`; warnings (open access beyond loopback,
 * settings that this version accepts without effect) go to `warnings` in the same form.
 */
MUST_CHECK enum err config_read(struct config **out, const char *path,
                                const struct config_overrides *overrides, struct buf *faults,
                                struct buf *warnings);
/* The same from bytes; `name` stands for the file in messages. For tests and fuzzing. */
MUST_CHECK enum err config_parse(struct config **out, struct str name, struct str text,
                                 const struct config_overrides *overrides, struct buf *faults,
                                 struct buf *warnings);
void config_free(struct config *c); /* NULL is fine */
DEFINE_AUTO(struct config, config_free)

/* Printed from the same table that the loader reads by. */
void config_put_example(struct buf *out);  /* config/weir.yaml */
void config_put_help(struct buf *out);     /* weir help config */
void config_put_schema(struct buf *out);   /* config/weir.schema.json */
void config_put_markdown(struct buf *out); /* docs/configuration.md */

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The control thread: makes everything, starts the workers, and then waits for signals.
 *
 *     SIGHUP            reads the configuration again; a faulty one changes nothing
 *     SIGTERM, SIGINT   drain: not ready, quiet, after drain.delay stop, after drain.timeout
 *                       cut; over when every worker is. The second one exits at once.
 *
 * What only a start can change is told as such on reload. The order of making is the reverse
 * order of freeing, in one place.
 */

#include "weir/app/process.h"

#include "weir/api/admin.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/net/fetch.h"
#include "weir/net/resolve.h"
#include "weir/upstream/health.h"
#include "weir/watch/herald.h"

#include "address.h"
#include "capacity.h"
#include "fixed.h"
#include "noticing.h"
#include "notify.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CUT_GRACE_US = 2 * 1000 * 1000, /* for error events to reach their clients */
    CALLED_OFF_US = 1000,           /* for probes, which end within a turn or two */
};

struct process {
    const char *path;
    const struct config_overrides *overrides;
    struct config *config;
    struct metrics *metrics;
    struct metric_shard *shard;
    struct loop *loop;
    struct memory *memory;
    struct flights *flights;
    struct backoffs *backoffs;
    struct fetcher *fetcher; /* of probes and alerts, as is the resolver */
    struct resolver *resolver;
    struct health *probes; /* lent the upstreams of the configuration's plan */
    struct noticing noticing;
    struct api_health health;
    struct admin admin;
    struct http_server *server; /* the admin's */
    _Atomic unsigned connections, admin_connections;
    _Atomic unsigned siblings, admin_siblings; /* listeners on each address */
    int fd, admin_fd;                          /* inherited listening sockets; 0: none */
    struct capacity capacity;
    struct worker **workers;
    unsigned worker_count;
    unsigned running;
    struct timer drain; /* of the drain's next step */
    struct timer last;  /* workers are over: until no probe is under way */
    enum { RUNNING, QUIET, STOPPING, CUT } phase;
};

/* ---- saying what is wrong -------------------------------------------------------------- */

/* What is no fault must not look like one. */
static void print_warnings(struct str lines)
{
    struct str line;

    while (str_split(&lines, '\n', &line))
        (void)fprintf(stderr, "warning: %.*s\n", STR_ARG(line));
}

static enum err read_config(struct config **out, const char *path,
                            const struct config_overrides *overrides)
{
    struct buf faults = { 0 }, warnings = { 0 };
    enum err err = config_read(out, path, overrides, &faults, &warnings);

    print_warnings(buf_str(&warnings));
    (void)fprintf(stderr, "%.*s", STR_ARG(buf_str(&faults)));
    buf_deinit(&faults);
    buf_deinit(&warnings);
    return err;
}

/* With the limit that holds here: a service's own may be another. */
static void check_files(const struct settings *s)
{
    struct capacity_files files;
    struct buf warning = { 0 };

    capacity_share_files(&files, s, capacity_file_limit());
    capacity_put_warning(&warning, &files, s);
    print_warnings(buf_str(&warning));
    buf_deinit(&warning);
}

int process_check(const char *path)
{
    AUTO(config_free) struct config *config = NULL;

    if (read_config(&config, path, &(struct config_overrides){ 0 }) != OK)
        return 2;
    check_files(&config->settings);
    (void)printf("%s: fine\n", path);
    return 0;
}

/* ---- reload ---------------------------------------------------------------------------- */

static void log_lines(const char *event, enum log_level level, struct str lines)
{
    struct str line;

    while (str_split(&lines, '\n', &line))
        log_at(level, event, F_STR("what", line));
}

static void watch_upstreams(struct process *p)
{
    const struct map *all = p->config->plan->upstreams;
    size_t count = map_size(all);
    struct upstream **list = mem_new_array(count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = map_value_at(all, i);
    health_watch(p->probes, list, count);
    free(list);
}

/* The admin's own; its address, and what is lent to it, are for the start alone. */
static struct http_settings admin_http(struct process *p, const struct settings *s)
{
    return (struct http_settings){
        .address = s->admin_listen,
        .fd = p->admin_fd,
        .siblings = &p->admin_siblings,
        .most_connections = 256,
        .connections = &p->admin_connections,
        .body_bytes = s->max_body_bytes,
        .header_timeout_us = s->header_timeout_us,
        .body_timeout_us = s->body_timeout_us,
        .idle_timeout_us = s->idle_timeout_us,
        .slow_reader_timeout_us = s->slow_reader_timeout_us,
        .high_bytes = 4 << 20,
        .low_bytes = 1 << 20,
    };
}

/* The endpoints of the old plan keep their state in the new one, and old exchanges their plan. */
static void change_plan(struct process *p, const struct config *next)
{
    struct plan *old = p->config->plan;
    struct http_settings http = admin_http(p, &next->settings);

    plan_open(next->plan, old);
    admin_set_plan(&p->admin, next->plan);
    noticing_set_plan(&p->noticing, next->plan);
    admin_set_token(&p->admin, next->settings.admin_token);
    capacity_set(&p->capacity, &next->settings);
    http_server_set(p->server, &http);
    for (unsigned i = 0; i < p->worker_count; i++)
        worker_reload(p->workers[i], next);
    /* Workers were lent the first settings for good; only the plan is let go. */
    p->config->plan = plan_ref(next->plan);
    watch_upstreams(p);
    plan_unref(old);
}

static void reload(struct process *p)
{
    struct buf faults = { 0 }, warnings = { 0 };
    struct config *next = NULL;
    bool good = config_read(&next, p->path, p->overrides, &faults, &warnings) == OK;

    log_lines("config_warning", LOG_WARN, buf_str(&warnings));
    log_lines("config_fault", LOG_ERROR, buf_str(&faults));
    metric_add(p->shard, METRIC_RELOADS, 1, METRIC_LABEL(good ? STR("ok") : STR("refused")));
    if (good) {
        fixed_warn(&p->config->settings, &next->settings);
        change_plan(p, next);
        config_free(next);
        log_info("reload", F_TEXT("result", "ok"));
    } else {
        log_error("reload", F_TEXT("result", "refused"),
                  F_TEXT("why", "the old configuration stays"));
    }
    buf_deinit(&faults);
    buf_deinit(&warnings);
}

/* ---- drain ----------------------------------------------------------------------------- */

static void for_each(struct process *p, void (*order)(struct worker *))
{
    for (unsigned i = 0; i < p->worker_count; i++)
        order(p->workers[i]);
}

static void leave_at_once(struct process *p, int status)
{
    noticing_kill(&p->noticing);
    log_flush();
    _exit(status);
}

static void on_drain(struct timer *t)
{
    struct process *p = container_of(t, struct process, drain);
    uint64_t timeout_us = p->config->settings.drain_timeout_us;

    switch (p->phase) {
    case QUIET:
        p->phase = STOPPING;
        if (!worker_hand_over(p->workers[0]))
            for_each(p, worker_leave); /* all at once, not when each finds the time */
        for_each(p, worker_stop);
        timer_arm(t, timeout_us > 0 ? timeout_us : 1);
        break;
    case STOPPING:
        p->phase = CUT;
        log_warn("drain_cut", F_MS("after_ms", timeout_us));
        for_each(p, worker_cut);
        timer_arm(t, CUT_GRACE_US);
        break;
    case CUT:
        /* A client that does not even take its error; nothing more is owed to it. */
        leave_at_once(p, 0);
        break;
    case RUNNING: unreachable("a drain that was not begun");
    }
}

static void on_last(struct timer *t)
{
    struct process *p = container_of(t, struct process, last);

    if (health_is_idle(p->probes) && noticing_is_idle(&p->noticing))
        loop_stop(p->loop);
    else
        timer_arm(t, CALLED_OFF_US);
}

static void on_over(void *owner)
{
    struct process *p = owner;

    if (--p->running > 0)
        return;
    health_stop(p->probes);
    noticing_stop(&p->noticing); /* after the workers, whose last counts it need not miss */
    timer_arm(&p->last, CALLED_OFF_US);
}

static void drain(struct process *p)
{
    uint64_t delay_us = p->config->settings.drain_delay_us;

    if (p->phase != RUNNING)
        leave_at_once(p, 1);
    p->phase = QUIET;
    notify_say("STOPPING=1");
    atomic_store(&p->health.ready, false);
    log_info("drain", F_MS("delay_ms", delay_us),
             F_MS("timeout_ms", p->config->settings.drain_timeout_us));
    for_each(p, worker_quiet);
    timer_arm(&p->drain, delay_us > 0 ? delay_us : 1);
}

static void on_signal(void *owner, int signal)
{
    if (signal == SIGHUP) {
        notify_reloading();
        reload(owner);
        notify_say("READY=1");
    } else {
        drain(owner);
    }
}

/* ---- making and freeing ---------------------------------------------------------------- */

static enum err open_admin(struct process *p, struct fault *why)
{
    const struct settings *s = &p->config->settings;
    struct http_settings http = admin_http(p, s);
    struct http_handler handler;

    admin_init(&p->admin, p->loop, p->metrics, p->shard, p->config->plan, &p->health);
    admin_set_token(&p->admin, s->admin_token);
    p->admin.memory = p->memory;
    p->admin.judge = p->noticing.judge;
    p->admin.herald = p->noticing.herald;
    p->admin.redis_on = s->redis_on;
    p->admin.remote = (struct remote_settings){ .prefix = s->redis_prefix,
                                                .store_requests = s->store_requests,
                                                .most_bytes = s->cache_entry_bytes };
    handler = admin_handler(&p->admin);
    return http_server_open(&p->server, p->loop, &http, &handler, why);
}

static enum err open_workers(struct process *p, struct fault *why)
{
    const struct settings *s = &p->config->settings;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = s->workers > 0 ? s->workers : cores > 0 ? (unsigned)cores : 1;
    struct str address = s->listen;
    char text[300];
    struct worker_kit kit = {
        .settings = s,
        .metrics = p->metrics,
        .memory = p->memory,
        .flights = p->flights,
        .backoffs = p->backoffs,
        .health = &p->health,
        .connections = &p->connections,
        .siblings = &p->siblings,
        .fd = p->fd,
        .load = &p->capacity.load,
        .room = &p->capacity.room,
        .most_connections = p->capacity.files.connections,
        .plan = p->config->plan,
        .ticks = p->noticing.ticks,
        .course = herald_ticks(p->noticing.herald),
        .pace = &p->noticing.pace,
        .control = p->loop,
        .on_over = on_over,
        .owner = p,
    };

    kit.most_background = p->capacity.files.background > count
                              ? p->capacity.files.background / count
                              : 1;
    kit.most_pooled = (p->capacity.files.in_flight + p->capacity.files.background) / count + 1;
    p->workers = mem_new_array(count, sizeof(struct worker *));
    for (unsigned i = 0; i < count; i++) {
        enum err err = worker_open(&p->workers[i], &kit, address, why);

        if (err)
            return err;
        p->worker_count++;
        address = address_with_port(s->listen, worker_port(p->workers[i]), text, sizeof(text));
    }
    return OK;
}

static struct str admin_address(const struct process *p, char *out, size_t size)
{
    return address_with_port(p->config->settings.admin_listen, http_server_port(p->server), out,
                             size);
}

static void announce(const struct process *p)
{
    char data[300], admin[300];

    (void)address_with_port(p->config->settings.listen, worker_port(p->workers[0]), data,
                            sizeof(data));
    (void)admin_address(p, admin, sizeof(admin));
    (void)fprintf(stderr, "weir: serving on http://%s, admin on http://%s, %u event loop%s\n",
                  data, admin, p->worker_count, p->worker_count == 1 ? "" : "s");
}

static void free_process(struct process *p)
{
    http_server_free(p->server);
    if (p->admin.plan)
        admin_deinit(&p->admin);
    free(p->workers);
    noticing_close(&p->noticing);
    health_free(p->probes);
    fetcher_free(p->fetcher);
    resolver_free(p->resolver);
    flights_free(p->flights);
    backoffs_free(p->backoffs);
    memory_free(p->memory);
    loop_free(p->loop);
    metrics_free(p->metrics);
    config_free(p->config);
}

static enum err open_all(struct process *p, struct fault *why)
{
    const struct settings *s = &p->config->settings;
    enum err err;

    log_setup(s->log_format, s->log_level);
    p->metrics = metrics_new();
    p->shard = metrics_shard(p->metrics);
    p->loop = loop_new(p->shard);
    p->flights = flights_new();
    p->backoffs = backoffs_new();
    if (s->cache_memory_bytes > 0)
        p->memory = memory_new(s->cache_memory_bytes);
    p->fetcher = fetcher_new(p->loop);
    p->resolver = resolver_new(p->loop);
    p->probes = health_new(p->loop, p->fetcher, p->resolver);
    noticing_open(&p->noticing,
                  &(struct noticing_kit){
                      { p->loop, p->resolver, p->fetcher }, p->metrics, p->shard, s });
    timer_init(&p->drain, p->loop, on_drain);
    timer_init(&p->last, p->loop, on_last);
    plan_open(p->config->plan, NULL);
    noticing_set_plan(&p->noticing, p->config->plan);
    capacity_start(&p->capacity, p->loop, s);
    p->fd = address_inherited("data", 0);
    p->admin_fd = address_inherited("admin", 1);
    err = address_probe(s->listen, p->fd, s->share_port, why);
    if (!err)
        err = address_probe(s->admin_listen, p->admin_fd, s->share_port, why);
    if (!err)
        err = open_admin(p, why);
    return err ? err : open_workers(p, why);
}

static void run(struct process *p)
{
    char admin[300];

    loop_on_signal(p->loop, SIGTERM, on_signal, p);
    loop_on_signal(p->loop, SIGINT, on_signal, p);
    loop_on_signal(p->loop, SIGHUP, on_signal, p);
    atomic_store(&p->health.ready, true);
    p->running = p->worker_count;
    http_server_start(p->server);
    noticing_start(&p->noticing, admin_address(p, admin, sizeof(admin)));
    watch_upstreams(p);
    for_each(p, worker_start);
    announce(p);
    notify_say("READY=1");
    loop_run(p->loop);
    for_each(p, worker_join);
    log_info("stopped", F_U64("loops", p->worker_count));
    log_flush();
}

int process_serve(const char *path, const struct config_overrides *overrides)
{
    struct process p = { .path = path, .overrides = overrides };
    struct fault why = { 0 };

    (void)signal(SIGPIPE, SIG_IGN);
    if (read_config(&p.config, path, overrides) != OK)
        return 2;
    if (open_all(&p, &why) != OK) {
        (void)fprintf(stderr, "weir: %s\n", why.text);
        free_process(&p);
        return 1;
    }
    run(&p);
    free_process(&p);
    return 0;
}

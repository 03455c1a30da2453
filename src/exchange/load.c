/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/load.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Of a limit, in twentieths. */
static const unsigned shares
    [PRIORITY_COUNT] = { [PRIORITY_HIGH] = 20, [PRIORITY_NORMAL] = 19, [PRIORITY_LOW] = 16 };

enum { WHOLE = 20 };

static bool fits(size_t used, size_t most, enum priority priority)
{
    return (double)used <= ceil((double)most * shares[priority] / WHOLE);
}

const char *load_enter(struct load *l, enum priority priority)
{
    unsigned now = atomic_fetch_add_explicit(&l->under_way, 1, memory_order_relaxed) + 1;
    size_t bytes = atomic_load_explicit(&l->bytes, memory_order_relaxed);
    const char *why = NULL;

    if (!fits(now, l->most, priority))
        why = "in_flight";
    else if (l->most_bytes > 0 && !fits(bytes, l->most_bytes, priority))
        why = "memory";
    if (why)
        load_leave(l);
    return why;
}

void load_leave(struct load *l)
{
    atomic_fetch_sub_explicit(&l->under_way, 1, memory_order_relaxed);
}

bool load_is_low(struct load *l)
{
    unsigned now = atomic_load_explicit(&l->under_way, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&l->bytes, memory_order_relaxed);

    return fits(now, l->most, PRIORITY_LOW) &&
           (l->most_bytes == 0 || fits(bytes, l->most_bytes, PRIORITY_LOW));
}

/* ---- memory ---------------------------------------------------------------------------- */

/* The second number of statm: pages that are in memory (proc(5)). */
void load_measure(struct load *l)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long long all, here;

    if (!f)
        return;
    if (fscanf(f, "%llu %llu", &all, &here) == 2)
        atomic_store_explicit(&l->bytes, (size_t)here * (size_t)sysconf(_SC_PAGESIZE),
                              memory_order_relaxed);
    (void)fclose(f);
}

/* Of this control group; 0: it has none, or does not limit it. */
static size_t read_limit(const char *path)
{
    FILE *f = fopen(path, "re");
    unsigned long long bytes = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%llu", &bytes) != 1 || bytes >= (unsigned long long)SIZE_MAX / 2)
        bytes = 0;
    (void)fclose(f);
    return (size_t)bytes;
}

size_t load_memory_share(void)
{
    size_t most = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    size_t limits[] = { read_limit("/sys/fs/cgroup/memory.max"),
                        read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes") };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (limits[i] > 0 && limits[i] < most)
            most = limits[i];
    return most / 4 * 3;
}

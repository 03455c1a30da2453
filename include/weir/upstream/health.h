/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/pool.h"

/*
 * Asks endpoints how they are, and their names where they live: on the control thread's loop,
 * so that no request waits for it. A probe is a GET on a cheap path at the server's root, never
 * a completion: any 2xx within the probe's timeout is good. It carries the upstream's key
 * where there is one. Probes of one pool are spread over the interval, one at a time for each
 * endpoint. Who is to be asked is read from the pool every second, so that reloads and new
 * addresses are followed; at the same time it is logged who has gone down or come up again,
 * whether a probe or a call has found it out.
 */

struct fetcher;
struct health;
struct loop;
struct resolver;

struct health *health_new(struct loop *loop, struct fetcher *fetcher,
                          struct resolver *resolver);
void health_free(struct health *h); /* idle; NULL is fine */

/*
 * From now on these: the upstreams, not the list of them, are lent until the next call or
 * health_stop. Those without a pool are left out.
 */
void health_watch(struct health *h, struct upstream *const *upstreams, size_t count);
/* Calls all probes off; fetcher and resolver may be freed once health_is_idle. */
void health_stop(struct health *h);
bool health_is_idle(const struct health *h);

/* What a preset of the configuration asks for: "vllm" -> "/health"; NULL: no such preset. */
const char *health_preset(struct str name);

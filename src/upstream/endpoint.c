/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/endpoint.h"

#include <stdlib.h>

struct upstream_endpoint *endpoint_ref(struct upstream_endpoint *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void endpoint_unref(struct upstream_endpoint *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(e->url);
    free(e->address);
    free(e);
}

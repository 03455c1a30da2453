/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/fingerprint.h"

#include "canonical.h"

static const char *why_never(const struct canonical_finds *finds)
{
    if (finds->lone_surrogate)
        return "a lone surrogate in a string";
    if (finds->big_integer)
        return "an integer beyond 64 bits";
    if (finds->twice)
        return "a member that stands twice";
    return NULL;
}

enum err fingerprint_of(struct fingerprint *out, const struct request *r,
                        const struct fingerprint_parts *parts, struct arena *arena)
{
    static const char version = FINGERPRINT_VERSION;
    struct canonical_finds finds;
    struct str canonical;
    enum err err = canonical_body(r, arena, &canonical, &finds);

    if (err)
        return err;
    digest_start();
    digest_add((struct str){ &version, 1 });
    digest_add_part(parts->scope);
    digest_add_part(endpoint_word(r->endpoint));
    digest_add_part(r->model);
    digest_add_part(parts->plan);
    digest_add_part(parts->headers);
    digest_add_part(canonical);
    digest_end(&out->key);
    out->canonical = canonical;
    out->never_cached = why_never(&finds);
    return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include "weir/base/scan.h"

#include <string.h>

static struct str json_string(struct arena *arena, struct str s)
{
    struct buf text = { 0 };
    struct str copy;

    scan_put_string(&text, s);
    copy = arena_copy(arena, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

size_t wire_behind_bracket(struct str body, struct str object)
{
    const char *bracket = memchr(object.at, '{', object.len);

    return (size_t)(bracket + 1 - body.at);
}

bool wire_has_members(struct str object)
{
    struct scan s;
    struct scan_member m;

    scan_start(&s, object);
    return scan_next(&s, &m);
}

enum err wire_splice_model(const struct request *r, struct str upstream_model,
                           struct arena *arena, struct splices *splices)
{
    size_t from;
    struct str name;

    if (str_eq(upstream_model, r->model) && r->model_value.at)
        return OK;
    name = json_string(arena, upstream_model);
    if (name.at && !r->model_value.at) {
        name = arena_printf(arena, "\"model\":%.*s%s", STR_ARG(name),
                            wire_has_members(r->body) ? "," : "");
        from = wire_behind_bracket(r->body, r->body);
        splice_add(splices, from, from, name);
    } else if (name.at) {
        from = (size_t)(r->model_value.at - r->body.at);
        splice_add(splices, from, from + r->model_value.len, name);
    }
    return name.at ? OK : ERR_TOO_LARGE;
}

static void add_part(struct dialect_body *out, struct str part)
{
    if (part.len > 0)
        out->parts[out->count++] = part;
}

void wire_put(const struct request *r, const struct splices *splices, struct dialect_body *out)
{
    size_t at = 0;

    for (size_t i = 0; i < splices->count; i++) {
        add_part(out, str_cut(r->body, at, splices->at[i].from));
        add_part(out, splices->at[i].with);
        at = splices->at[i].to;
    }
    add_part(out, str_cut(r->body, at, r->body.len));
}

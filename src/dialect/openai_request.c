/* SPDX-License-Identifier: Apache-2.0 */
#include "openai_parts.h"

#include <string.h>

/*
 * The body goes upstream as it came, in pieces around what is spliced: the model's name, and
 * for streams the wish for a usage chunk, without which nobody could say what they cost.
 */

static struct str json_string(struct arena *arena, struct str s)
{
    struct buf text = { 0 };
    struct str copy;

    scan_put_string(&text, s);
    copy = arena_copy(arena, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

/* Behind the opening bracket of an object that lies in the body. */
static size_t behind_bracket(struct str body, struct str object)
{
    const char *bracket = memchr(object.at, '{', object.len);

    return (size_t)(bracket + 1 - body.at);
}

static bool has_members(struct str object)
{
    struct scan s;
    struct scan_member m;

    scan_start(&s, object);
    return scan_next(&s, &m);
}

static enum err splice_model(const struct request *r, struct str upstream_model,
                             struct arena *arena, struct splices *splices)
{
    size_t from;
    struct str name;

    if (str_eq(upstream_model, r->model) && r->model_value.at)
        return OK;
    name = json_string(arena, upstream_model);
    if (name.at && !r->model_value.at) {
        name = arena_printf(arena, "\"model\":%.*s%s", STR_ARG(name),
                            has_members(r->body) ? "," : "");
        from = behind_bracket(r->body, r->body);
        splice_add(splices, from, from, name);
    } else if (name.at) {
        from = (size_t)(r->model_value.at - r->body.at);
        splice_add(splices, from, from + r->model_value.len, name);
    }
    return name.at ? OK : ERR_TOO_LARGE;
}

static void ask_for_usage(const struct request *r, struct splices *splices)
{
    struct scan_member usage;
    size_t from;

    if (!r->options_value.at) {
        from = behind_bracket(r->body, r->body);
        splice_add(splices, from, from, STR("\"stream_options\":{\"include_usage\":true},"));
    } else if (scan_type_of(r->options_value) == SCAN_NULL) {
        from = (size_t)(r->options_value.at - r->body.at);
        splice_add(splices, from, from + r->options_value.len, STR("{\"include_usage\":true}"));
    } else if (scan_get(r->options_value, STR("include_usage"), &usage)) {
        from = (size_t)(usage.value.at - r->body.at);
        splice_add(splices, from, from + usage.value.len, STR("true"));
    } else {
        from = behind_bracket(r->body, r->options_value);
        splice_add(splices, from, from,
                   has_members(r->options_value) ? STR("\"include_usage\":true,")
                                                 : STR("\"include_usage\":true"));
    }
}

static void add_part(struct dialect_body *out, struct str part)
{
    if (part.len > 0)
        out->parts[out->count++] = part;
}

enum err openai_request_put(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out)
{
    struct splices splices = { .count = 0 };
    struct dialect_body body = { .count = 0 };
    size_t at = 0;
    enum err err = splice_model(r, upstream_model, arena, &splices);

    if (err)
        return err;
    if (ask_usage && r->stream && !r->include_usage &&
        (r->endpoint == ENDPOINT_CHAT || r->endpoint == ENDPOINT_COMPLETIONS)) {
        ask_for_usage(r, &splices);
        body.usage_injected = true;
    }
    for (size_t i = 0; i < splices.count; i++) {
        add_part(&body, str_cut(r->body, at, splices.at[i].from));
        add_part(&body, splices.at[i].with);
        at = splices.at[i].to;
    }
    add_part(&body, str_cut(r->body, at, r->body.len));
    *out = body;
    return OK;
}

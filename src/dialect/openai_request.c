/* SPDX-License-Identifier: Apache-2.0 */
#include "openai_parts.h"
#include "wire.h"

/*
 * Beside the model's name, streams get the wish for a usage chunk, without which nobody could
 * say what they cost.
 */

static void ask_for_usage(const struct request *r, struct splices *splices)
{
    struct scan_member usage;
    size_t from;

    if (!r->options_value.at) {
        from = wire_behind_bracket(r->body, r->body);
        splice_add(splices, from, from, STR("\"stream_options\":{\"include_usage\":true},"));
    } else if (scan_type_of(r->options_value) == SCAN_NULL) {
        from = (size_t)(r->options_value.at - r->body.at);
        splice_add(splices, from, from + r->options_value.len, STR("{\"include_usage\":true}"));
    } else if (scan_get(r->options_value, STR("include_usage"), &usage)) {
        from = (size_t)(usage.value.at - r->body.at);
        splice_add(splices, from, from + usage.value.len, STR("true"));
    } else {
        from = wire_behind_bracket(r->body, r->options_value);
        splice_add(splices, from, from,
                   wire_has_members(r->options_value) ? STR("\"include_usage\":true,")
                                                      : STR("\"include_usage\":true"));
    }
}

enum err openai_request_put(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out)
{
    struct splices splices = { .count = 0 };
    struct dialect_body body = { .count = 0 };
    enum err err = wire_splice_model(r, upstream_model, arena, &splices);

    if (err)
        return err;
    if (ask_usage && r->stream && !r->include_usage &&
        (r->endpoint == ENDPOINT_CHAT || r->endpoint == ENDPOINT_COMPLETIONS)) {
        ask_for_usage(r, &splices);
        body.usage_injected = true;
    }
    wire_put(r, &splices, &body);
    *out = body;
    return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include "weir/base/scan.h"
#include "weir/dialect/fingerprint.h"

static bool is_set(const struct scan_member *m)
{
    return m->type != SCAN_NULL && !str_eq(m->value, STR("false"));
}

/* Anthropic's own tools that the client runs; behind the name stands the date of its form. */
static bool is_run_by_client(const struct scan_member *type)
{
    static const char *const names[] = { "\"bash_", "\"text_editor_", "\"computer_",
                                         "\"memory_" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_starts(type->value, str_of(names[i])))
            return true;
    }
    return false;
}

/* A tool without a type is a function: some clients leave the word out. */
static bool has_hosted_tool(enum endpoint e, struct str tools)
{
    struct scan s;
    struct scan_member tool, type;

    scan_start(&s, tools);
    while (scan_next(&s, &tool)) {
        if (!scan_get(tool.value, STR("type"), &type) || scan_text_is(&type, STR("custom")))
            continue;
        if (endpoint_is_anthropic(e) ? !is_run_by_client(&type)
                                     : !scan_text_is(&type, STR("function")))
            return true;
    }
    return false;
}

static bool has_reference(struct str input)
{
    struct scan s;
    struct scan_member item, type;

    scan_start(&s, input);
    while (!s.object && scan_next(&s, &item)) {
        if (scan_get(item.value, STR("type"), &type) &&
            scan_text_is(&type, STR("item_reference")))
            return true;
    }
    return false;
}

const char *state_of(const struct request *r)
{
    bool stored = r->endpoint == ENDPOINT_RESPONSES; /* unless the request says otherwise */
    const char *why = NULL;
    struct scan s;
    struct scan_member m;

    if (r->endpoint == ENDPOINT_PREDICT)
        return NULL;
    if (r->endpoint == ENDPOINT_TOKENS)
        return "a count of tokens";
    scan_start(&s, r->body);
    while (scan_next(&s, &m)) {
        if (scan_key_is(m.key, STR("store")) && str_eq(m.value, STR("false")))
            stored = false;
        else if (scan_key_is(m.key, STR("web_search_options")) && is_set(&m))
            why = "a tool that runs upstream";
        else if (member_class_of(r->endpoint, m.key) == MEMBER_STATE && is_set(&m))
            why = "a conversation that lives upstream";
        else if (scan_key_is(m.key, STR("tools")) && has_hosted_tool(r->endpoint, m.value))
            why = "a tool that runs upstream";
        else if (r->endpoint == ENDPOINT_RESPONSES && scan_key_is(m.key, STR("input")) &&
                 has_reference(m.value))
            why = "a conversation that lives upstream";
    }
    if (!why && stored)
        why = "the answer is kept upstream (store is not false)";
    return why;
}

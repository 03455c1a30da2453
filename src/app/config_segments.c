/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The parts of a model's traffic that are watched apart. Where a value comes from is written in
 * one word, so that a person can say it: header:x-plan, tenant, /metadata/country. Several
 * models may go by the same header: the plan lists each once, and requests are read for all.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"

static const char PREFIX[] = "models.<name>.segments[]";

static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '.' && c != '_' && c != '~')
            return false;
    }
    return name.len > 0;
}

/* ---- a segment of its own ---- */

static void check_name(struct config_build *b, const struct yaml_node *list,
                       const struct yaml_node *node, const struct segment *s)
{
    const struct yaml_node *name = yaml_at(node, STR("name"));

    if (!name) {
        config_fault_key(b->report, node, "name", "is missing: what is it called? plan");
        return;
    }
    if (name->kind != YAML_TEXT || name->broken)
        return;
    if (!is_plain(s->name))
        config_fault(b->report, name, "a name has letters, digits and -._~ alone");
    for (const struct yaml_node *other = list->first; other != node; other = other->next) {
        const struct yaml_node *taken = yaml_at(other, STR("name"));

        if (taken && str_eq(taken->text, name->text)) {
            config_fault(b->report, name, "the name is taken (line %u)", taken->line);
            return;
        }
    }
}

/* Its place among the headers that the plan's segments go by. */
static void take_header(struct config_build *b, const struct yaml_node *from, struct segment *s)
{
    struct plan *plan = b->config->plan;
    size_t i = 0;

    if (!value_is_header_name(s->from)) {
        config_fault(b->report, from, "behind header: comes the name of a header: x-plan");
        return;
    }
    while (i < plan->segment_header_count && !str_eq_nocase(plan->segment_headers[i], s->from))
        i++;
    if (i == PLAN_SEGMENT_HEADERS) {
        config_fault(b->report, from, "more than %d headers are looked at for segments",
                     PLAN_SEGMENT_HEADERS);
        return;
    }
    if (i == plan->segment_header_count)
        plan->segment_headers[plan->segment_header_count++] = arena_copy(&plan->arena, s->from);
    s->header = (unsigned)i;
}

static void read_from(struct config_build *b, const struct yaml_node *node, struct arena *arena,
                      struct segment *s)
{
    const struct yaml_node *from = yaml_at(node, STR("from"));
    struct str header = STR("header:");

    if (!from) {
        config_fault_key(b->report, node, "from",
                         "is missing: header:x-plan, tenant, or /a/place/in/the/request?");
        return;
    }
    if (from->kind != YAML_TEXT || from->broken)
        return;
    s->from = arena_copy(arena, from->text);
    if (str_starts(s->from, header)) {
        s->kind = SEGMENT_HEADER;
        s->from = str_cut(s->from, header.len, s->from.len);
        take_header(b, from, s);
    } else if (str_eq(s->from, STR("tenant"))) {
        s->kind = SEGMENT_TENANT;
    } else if (value_is_pointer(s->from)) {
        s->kind = SEGMENT_POINTER;
    } else {
        config_fault(b->report, from, "is none of header:x-plan, tenant, /a/json/pointer");
    }
}

static void read_values(struct config_build *b, const struct yaml_node *list,
                        struct arena *arena, struct segment *s)
{
    struct str *values;

    if (!list || list->kind != YAML_LIST)
        return;
    if (list->count > SEGMENT_VALUES) {
        config_fault(b->report, list, "has more than %d values", SEGMENT_VALUES);
        return;
    }
    values = arena_take(arena, (list->count + 1) * sizeof(*values));
    yaml_each(member, list)
    {
        for (size_t i = 0; i < s->value_count; i++)
            if (str_eq(values[i], member->text)) {
                config_fault(b->report, member, "the value stands here twice");
                break;
            }
        values[s->value_count++] = arena_copy(arena, member->text);
    }
    s->values = values;
}

/* ---- several together ---- */

static bool find_part(const struct watchlist *l, struct str name, uint8_t *part)
{
    for (size_t i = 0; i < l->segment_count; i++)
        if (l->segments[i].name.at && str_eq(l->segments[i].name, name)) {
            *part = (uint8_t)i;
            return true;
        }
    return false;
}

static void check_alone(struct config_build *b, const struct yaml_node *node)
{
    static const char *const others[] = { "name", "from", "values" };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct yaml_node *other = yaml_at(node, str_of(others[i]));

        if (other)
            config_fault(b->report, other, "does not go with together");
    }
}

static void read_together(struct config_build *b, const struct yaml_node *list,
                          const struct watchlist *l, struct segment *s)
{
    s->kind = SEGMENT_TOGETHER;
    if (list->kind != YAML_LIST)
        return;
    if (list->count < 2 || list->count > SEGMENT_PARTS) {
        config_fault(b->report, list, "takes two to %d segments", SEGMENT_PARTS);
        return;
    }
    yaml_each(member, list)
    {
        uint8_t part = 0;

        if (member->kind != YAML_TEXT || member->broken)
            continue;
        if (!find_part(l, member->text, &part))
            config_fault(b->report, member, "is the name of no segment above");
        else if (memchr(s->parts, part, s->part_count))
            config_fault(b->report, member, "the segment stands here twice");
        else
            s->parts[s->part_count++] = part;
    }
}

/* ---- all of a model ---- */

static void read_segment(struct config_build *b, const struct yaml_node *list,
                         const struct yaml_node *node, struct watchlist *l)
{
    const struct yaml_node *together = yaml_at(node, STR("together"));
    struct segment *s = &l->segments[l->segment_count];

    schema_store(PREFIX, node, s, &l->arena);
    if (together) {
        check_alone(b, node);
        s->name = (struct str){ 0 };
        read_together(b, together, l, s);
    } else {
        check_name(b, list, node, s);
        read_from(b, node, &l->arena, s);
        read_values(b, yaml_at(node, STR("values")), &l->arena, s);
    }
    segment_open(s, l->segments);
    l->segment_count++;
}

void config_segments(struct config_build *b, const struct yaml_node *list, struct model *m)
{
    struct watchlist *l = m->watch;

    if (!list || list->kind != YAML_LIST)
        return;
    if (list->count > SEGMENT_MOST) {
        config_fault(b->report, list, "has more than %d segments", SEGMENT_MOST);
        return;
    }
    l->segments = arena_take(&l->arena, (list->count + 1) * sizeof(*l->segments));
    yaml_each(node, list)
    {
        if (node->kind == YAML_MAP)
            read_segment(b, list, node, l);
    }
}

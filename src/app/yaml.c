/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml_tree.h"

#include "weir/base/map.h"

#include <string.h>
#include <yaml.h>

/*
 * libyaml gives events; the builder keeps the collection that is open and the key that waits
 * for its value. Depth and size are bounded before anything is built, and a mapping's keys
 * are remembered in one map for the whole document, so that a mapping of many thousand keys
 * is read in linear time.
 */
enum {
    MOST_DEPTH = 32,     /* our deepest setting is at 7 */
    MOST_NODES = 200000, /* a few thousand tenants and models */
    MOST_KEY = 256,      /* bytes */
};

static const char HEX[] = "0123456789abcdef";

struct builder {
    struct arena *arena;
    struct config_report *report;
    struct yaml_node *root;
    struct yaml_node *open;
    struct str key; /* waits for its value when `keyed` */
    unsigned key_line;
    bool keyed;
    bool skipped; /* the key was a duplicate: its value is built, but not linked in */
    bool ended;
    size_t depth;
    size_t nodes;
    size_t documents;
    struct map *seen; /* "<address of the mapping><key>" -> the first node of that name */
};

static unsigned line_of(const yaml_event_t *e)
{
    return (unsigned)e->start_mark.line + 1;
}

static enum err fail(struct builder *b, unsigned line, const char *what)
{
    config_fault_line(b->report, line, "%s", what);
    return ERR_CONFIG;
}

static struct str seen_key(struct builder *b, struct str key)
{
    return arena_printf(b->arena, "%p %.*s", (void *)b->open, STR_ARG(key));
}

static bool is_fit_for_key(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
            return false;
    }
    return s.len > 0 && s.len <= MOST_KEY;
}

/* Scalars under a mapping are key and value by turns. */
static enum err take_key(struct builder *b, const yaml_event_t *e)
{
    struct str text = { (const char *)e->data.scalar.value, e->data.scalar.length };
    struct yaml_node *first;

    if (!is_fit_for_key(text))
        return fail(b, line_of(e), "a key must have 1 to 256 bytes, no control characters");
    b->key = arena_copy(b->arena, text);
    b->key_line = line_of(e);
    b->keyed = true;
    first = map_get(b->seen, seen_key(b, text));
    b->skipped = first;
    if (first) {
        struct yaml_node again = { .line = line_of(e), .key = b->key, .parent = b->open };

        config_fault(b->report, &again, "given twice (first on line %u)", first->line);
    }
    return OK;
}

static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind, unsigned line)
{
    struct yaml_node *n = ARENA_NEW(b->arena, struct yaml_node);

    *n = (struct yaml_node){ .kind = kind, .line = line, .parent = b->open };
    if (!b->open) {
        b->root = n;
        return n;
    }
    if (b->open->kind == YAML_MAP) {
        n->key = b->key;
        if (kind != YAML_TEXT)
            n->line = b->key_line;
        b->keyed = false;
        if (b->skipped)
            return n;
        (void)map_put(b->seen, seen_key(b, n->key), n);
    }
    n->index = b->open->count++;
    if (b->open->last)
        b->open->last->next = n;
    else
        b->open->first = n;
    b->open->last = n;
    return n;
}

static enum err check_extras(struct builder *b, const yaml_event_t *e,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (++b->nodes > MOST_NODES)
        return fail(b, line_of(e), "the document is too large");
    if (anchor)
        return fail(b, line_of(e), "anchors (&name) are not read here: write the value out");
    if (tag)
        return fail(b, line_of(e), "tags (!name) are not read here: write the plain value");
    return OK;
}

static bool wants_key(const struct builder *b)
{
    return b->open && b->open->kind == YAML_MAP && !b->keyed;
}

static enum err on_scalar(struct builder *b, const yaml_event_t *e)
{
    struct yaml_node *n;
    enum err err = check_extras(b, e, e->data.scalar.anchor, e->data.scalar.tag);

    if (err)
        return err;
    if (wants_key(b))
        return take_key(b, e);
    n = add_node(b, YAML_TEXT, line_of(e));
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_copy(
        b->arena, (struct str){ (const char *)e->data.scalar.value, e->data.scalar.length });
    return OK;
}

static enum err on_start(struct builder *b, const yaml_event_t *e, enum yaml_kind kind)
{
    enum err err = kind == YAML_MAP ? check_extras(b, e, e->data.mapping_start.anchor,
                                                   e->data.mapping_start.tag)
                                    : check_extras(b, e, e->data.sequence_start.anchor,
                                                   e->data.sequence_start.tag);

    if (err)
        return err;
    if (wants_key(b))
        return fail(b, line_of(e),
                    "a key must be plain text, not a list or a mapping "
                    "(a value that starts with { or [ needs quotes)");
    if (++b->depth > MOST_DEPTH)
        return fail(b, line_of(e), "nested too deeply");
    b->open = add_node(b, kind, line_of(e));
    b->skipped = false;
    return OK;
}

static enum err on_event(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return on_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT: return on_start(b, e, YAML_LIST);
    case YAML_MAPPING_START_EVENT: return on_start(b, e, YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->open = b->open->parent;
        b->depth--;
        return OK;
    case YAML_ALIAS_EVENT:
        return fail(b, line_of(e),
                    "aliases (*name) are not read here: write the value out "
                    "(or put quotes around a text that starts with *)");
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            return fail(b, line_of(e), "a second document (---) starts here: one is read");
        return OK;
    case YAML_STREAM_END_EVENT: b->ended = true; return OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
    return OK;
}

/* Bytes that are no text are told by their offset, all else by its mark. */
static enum err fail_parse(struct builder *b, const yaml_parser_t *parser, struct str text)
{
    unsigned line = 1;

    if (parser->error != YAML_READER_ERROR) {
        line = (unsigned)parser->problem_mark.line + 1;
    } else {
        for (size_t i = 0; i < parser->problem_offset && i < text.len; i++)
            line += text.at[i] == '\n';
    }
    config_fault_line(b->report, line, "this is not YAML: %s%s%s",
                      parser->problem ? parser->problem : "it cannot be read",
                      parser->context ? ", " : "", parser->context ? parser->context : "");
    return ERR_CONFIG;
}

static enum err build(struct builder *b, yaml_parser_t *parser, struct str text)
{
    while (!b->ended) {
        yaml_event_t event;
        enum err err;

        if (!yaml_parser_parse(parser, &event))
            return fail_parse(b, parser, text);
        err = on_event(b, &event);
        yaml_event_delete(&event);
        if (err)
            return err;
    }
    return OK;
}

/* The code unit of a \\uXXXX at `at`; 0: none stands there. */
static unsigned escaped_unit(struct str s, size_t at)
{
    unsigned unit = 0;

    if (at + 6 > s.len || s.at[at] != '\\' || s.at[at + 1] != 'u')
        return 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        const char *digit = s.at[i] ? strchr(HEX, s.at[i] | 0x20) : NULL;

        if (!digit)
            return 0;
        unit = unit * 16 + (unsigned)(digit - HEX);
    }
    return unit;
}

/*
 * JSON writes a character beyond U+FFFF as two escapes, YAML as one: "\\ud83d\\ude00" becomes
 * "\\U0001f600". Only in what begins as a JSON document; lines stay where they are.
 */
static struct str join_surrogates(struct arena *arena, struct str s)
{
    struct buf out = { 0 };
    size_t start = 0, at = 0;

    while (start < s.len && strchr(" \t\r\n", s.at[start]))
        start++;
    if (start == s.len || s.at[start] != '{' || !memmem(s.at, s.len, "\\u", 2))
        return s;
    while (at < s.len) {
        unsigned high = escaped_unit(s, at), low = escaped_unit(s, at + 6);

        if (high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            buf_put_printf(&out, "\\U%08x", 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            at += 12;
            continue;
        }
        for (size_t end = at + (s.at[at] == '\\' ? 2 : 1); at < end && at < s.len; at++)
            buf_put(&out, str_cut(s, at, at + 1));
    }
    s = arena_copy(arena, buf_str(&out));
    buf_deinit(&out);
    return s;
}

enum err yaml_read(struct yaml_node **root, struct arena *arena, struct str text,
                   struct config_report *report)
{
    AUTO(map_free) struct map *seen = map_new();
    struct builder b = { .arena = arena, .report = report, .seen = seen };
    yaml_parser_t parser;
    enum err err;

    if (!yaml_parser_initialize(&parser))
        return fail(&b, 1, "out of memory");
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* a byte order mark: some editors write one */
        text = str_cut(text, 3, text.len);
    text = join_surrogates(arena, text);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.at ? text.at : ""),
                                 text.len);
    err = build(&b, &parser, text);
    yaml_parser_delete(&parser);
    if (err)
        return err;
    if (!b.root)
        return fail(&b, 1, "there is nothing in it");
    *root = b.root;
    return OK;
}

struct yaml_node *yaml_at(const struct yaml_node *map, struct str key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    yaml_each(child, map)
    {
        if (str_eq(child->key, key))
            return child;
    }
    return NULL;
}

bool yaml_is_null(const struct yaml_node *n)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };

    if (n->kind != YAML_TEXT || n->quoted)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (str_eq(n->text, str_of(words[i])))
            return true;
    }
    return false;
}

void yaml_put_path(const struct yaml_node *n, struct buf *out)
{
    const struct yaml_node *line[MOST_DEPTH + 1];
    size_t depth = 0;

    for (; n && n->parent && depth <= MOST_DEPTH; n = n->parent)
        line[depth++] = n;
    while (depth-- > 0) {
        if (line[depth]->parent->kind == YAML_LIST)
            buf_put_printf(out, "[%zu]", line[depth]->index);
        else
            buf_put_printf(out, "%s%.*s", out->len > 0 ? "." : "", STR_ARG(line[depth]->key));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/scan.h"

#include "scan_lex.h"
#include "weir/base/utf8.h"

/*
 * The whole of RFC 8259 in one pass, without recursion: `objects` holds one bit for each open
 * bracket, the innermost lowest, which is all that a stack of JSON needs to know.
 * Behind a value only a comma or the closing bracket may come; that is all the state there is.
 */
struct check {
    const char *at;
    const char *start;
    const char *end;
    uint64_t objects;
    unsigned depth;
    struct fault *why;
};

static enum err refuse(struct check *c, enum err err, const char *what)
{
    return fault_set(c->why, err, NULL, "%s at byte %zu", what, (size_t)(c->at - c->start));
}

static enum err read_escape(struct check *c)
{
    static const char kinds[] = "\"\\/bfnrt";
    char kind;

    c->at++;
    if (c->at == c->end)
        return refuse(c, ERR_MALFORMED, "unfinished JSON");
    kind = *c->at;
    if (kind == 'u' && scan_lex_hex(c->at + 1, c->end) >= 0) {
        c->at += 5;
        return OK;
    }
    if (!memchr(kinds, kind, sizeof(kinds) - 1))
        return refuse(c, ERR_MALFORMED, "an unknown escape");
    c->at++;
    return OK;
}

static enum err read_string(struct check *c)
{
    c->at++;
    for (;;) {
        size_t len;
        enum err err;

        c->at = scan_lex_plain(c->at, c->end);
        if (c->at == c->end)
            return refuse(c, ERR_MALFORMED, "unfinished JSON");
        if (*c->at == '"') {
            c->at++;
            return OK;
        }
        if (*c->at == '\\') {
            err = read_escape(c);
            if (err)
                return err;
            continue;
        }
        if ((unsigned char)*c->at < 0x20)
            return refuse(c, ERR_MALFORMED, "a control byte in a string");
        /* Text that is not ASCII is seldom one character alone. */
        while (c->at < c->end && (unsigned char)*c->at >= 0x80) {
            len = utf8_length(c->at, (size_t)(c->end - c->at));
            if (len == 0)
                return refuse(c, ERR_MALFORMED, "not UTF-8");
            c->at += len;
        }
    }
}

static enum err read_word(struct check *c, struct str word)
{
    struct str rest = { c->at, (size_t)(c->end - c->at) };

    if (!str_starts(rest, word))
        return refuse(c, ERR_MALFORMED, "no JSON value");
    c->at += word.len;
    return OK;
}

/* A member's name and its colon, up to where its value starts. */
static enum err read_key(struct check *c)
{
    enum err err;

    c->at = scan_lex_space(c->at, c->end);
    if (c->at == c->end || *c->at != '"')
        return refuse(c, ERR_MALFORMED, "no member name");
    err = read_string(c);
    if (err)
        return err;
    c->at = scan_lex_space(c->at, c->end);
    if (c->at == c->end || *c->at != ':')
        return refuse(c, ERR_MALFORMED, "no colon");
    c->at++;
    return OK;
}

/* Sets *open when a bracket was opened that is not closed at once: then a value is next. */
static enum err open_bracket(struct check *c, bool *open)
{
    bool object = *c->at == '{';

    if (c->depth == SCAN_DEPTH)
        return refuse(c, ERR_TOO_LARGE, "nested too deep");
    c->at = scan_lex_space(c->at + 1, c->end);
    if (c->at < c->end && *c->at == (object ? '}' : ']')) {
        c->at++;
        return OK;
    }
    c->depth++;
    c->objects = c->objects << 1 | object;
    *open = true;
    return object ? read_key(c) : OK;
}

static enum err read_value(struct check *c, bool *open)
{
    const char *number;

    *open = false;
    c->at = scan_lex_space(c->at, c->end);
    if (c->at == c->end)
        return refuse(c, ERR_MALFORMED, "unfinished JSON");
    switch (*c->at) {
    case '{':
    case '[': return open_bracket(c, open);
    case '"': return read_string(c);
    case 't': return read_word(c, STR("true"));
    case 'f': return read_word(c, STR("false"));
    case 'n': return read_word(c, STR("null"));
    default: break;
    }
    number = scan_lex_number(c->at, c->end);
    if (!number)
        return refuse(c, ERR_MALFORMED, "no JSON value");
    c->at = number;
    return OK;
}

/* Behind a value: closes brackets, and stops where the next value starts or all is closed. */
static enum err read_behind(struct check *c)
{
    while (c->depth > 0) {
        bool object = c->objects & 1;

        c->at = scan_lex_space(c->at, c->end);
        if (c->at == c->end)
            return refuse(c, ERR_MALFORMED, "unfinished JSON");
        if (*c->at == ',') {
            c->at++;
            return object ? read_key(c) : OK;
        }
        if (*c->at != (object ? '}' : ']'))
            return refuse(c, ERR_MALFORMED, "neither comma nor closing bracket");
        c->at++;
        c->depth--;
        c->objects >>= 1;
    }
    return OK;
}

enum err scan_check(struct str json, struct fault *why)
{
    struct check c = { .why = why };
    enum err err;
    bool open;

    if (json.len == 0)
        return fault_set(why, ERR_MALFORMED, NULL, "unfinished JSON at byte 0");
    c.at = c.start = json.at;
    c.end = json.at + json.len;
    do {
        err = read_value(&c, &open);
        if (err)
            return err;
        if (open)
            continue;
        err = read_behind(&c);
        if (err)
            return err;
    } while (c.depth > 0);
    c.at = scan_lex_space(c.at, c.end);
    return c.at == c.end ? OK : refuse(&c, ERR_MALFORMED, "more than one value");
}

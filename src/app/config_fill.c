/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_SECRET = 64 * 1024, /* bytes of a ${file:...}: keys and tokens, no documents */
    MOST_NAME = 256,
};

bool config_fill_beside(struct str other, struct str name, char out[CONFIG_FILL_PATH])
{
    size_t folder = other.len;

    while (folder > 0 && other.at[folder - 1] != '/')
        folder--;
    if (name.len > 0 && name.at[0] == '/')
        folder = 0;
    if (folder + name.len + 1 > CONFIG_FILL_PATH)
        return false;
    memcpy(out, other.at, folder);
    memcpy(out + folder, name.at, name.len);
    out[folder + name.len] = '\0';
    return true;
}

bool config_fill_file(struct buf *out, const char *path, size_t most, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool whole = false;

    *why = NULL;
    if (fd < 0) {
        *why = strerror(errno);
        return false;
    }
    while (!whole && !*why) {
        char piece[16 * 1024];
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            *why = strerror(errno);
        else if (out->len + (size_t)n > most)
            *why = "it is too large";
        else
            buf_put(out, (struct str){ piece, (size_t)n });
        whole = n == 0;
    }
    (void)close(fd);
    return whole;
}

bool config_fills(struct str s)
{
    return memmem(s.at ? s.at : "", s.len, "${", 2) != NULL;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.len > 0 && s.len < MOST_NAME;
}

static void put_file(struct buf *out, const struct yaml_node *n, struct str path,
                     struct config_report *report)
{
    struct buf text = { 0 };
    char name[CONFIG_FILL_PATH];
    const char *why = "the path is too long";

    if (path.len < sizeof(name)) {
        memcpy(name, path.at, path.len);
        name[path.len] = '\0';
        if (config_fill_file(&text, name, MOST_SECRET, &why)) {
            while (text.len > 0 &&
                   (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
                text.len--;
            buf_put(out, buf_str(&text));
            why = NULL;
        }
    }
    if (why)
        config_fault(report, n, "cannot read the file \"%.*s\": %s", STR_ARG(path), why);
    buf_deinit(&text);
}

/* As a shell does it: a default also stands in for an empty variable. */
static void put_variable(struct buf *out, const struct yaml_node *n, struct str inside,
                         struct config_report *report)
{
    const char *mark = memmem(inside.at, inside.len, ":-", 2);
    struct str name = mark ? str_cut(inside, 0, (size_t)(mark - inside.at)) : inside;
    char text[MOST_NAME];
    const char *value;

    if (!is_name(name)) {
        config_fault(report, n, "expected ${NAME}, ${NAME:-default} or ${file:/path}");
        return;
    }
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    value = getenv(text);
    if (mark && (!value || !*value))
        buf_put(out, str_cut(inside, name.len + 2, inside.len));
    else if (value)
        buf_put_text(out, value);
    else
        config_fault(report, n,
                     "the environment has no %s (set it, or give a default: ${%s:-...})", text,
                     text);
}

static void fill_text(struct yaml_node *n, struct arena *arena, struct config_report *report)
{
    struct str rest = n->text;
    size_t faults = report->fault_count;
    struct buf out = { 0 };
    const char *at;

    while ((at = rest.len > 0 ? memmem(rest.at, rest.len, "${", 2) : NULL)) {
        size_t from = (size_t)(at - rest.at);
        const char *end = memchr(at, '}', rest.len - from);
        struct str inside;

        if (!end) {
            config_fault(report, n, "${ without its }");
            break;
        }
        inside = str_cut(rest, from + 2, (size_t)(end - rest.at));
        buf_put(&out, str_cut(rest, 0, from));
        if (str_starts(inside, STR("file:")))
            put_file(&out, n, str_cut(inside, sizeof("file:") - 1, inside.len), report);
        else
            put_variable(&out, n, inside, report);
        rest = str_cut(rest, (size_t)(end - rest.at) + 1, rest.len);
    }
    buf_put(&out, rest);
    n->text = arena_copy(arena, buf_str(&out));
    n->filled = true;
    n->broken = report->fault_count > faults;
    n->quoted = true;
    buf_deinit(&out);
}

void config_fill(struct yaml_node *root, struct arena *arena, struct config_report *report)
{
    if (root->kind == YAML_TEXT && config_fills(root->text))
        fill_text(root, arena, report);
    yaml_each(child, root)
    {
        config_fill(child, arena, report);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct http_kept {
    char *body;
    struct room_share share;
    struct http_field fields[]; /* and the text of the head behind them */
};

static size_t text_size(const struct http_request *r)
{
    size_t size = r->target.len;

    for (size_t i = 0; i < r->field_count; i++)
        size += r->fields[i].name.len + r->fields[i].value.len;
    return size;
}

static struct str put(char **to, struct str s)
{
    char *at = *to;

    if (s.len > 0)
        memcpy(at, s.at, s.len);
    *to += s.len;
    return (struct str){ at, s.len };
}

struct http_kept *http_kept_new(struct http_request *r, char *body, struct room_share share)
{
    size_t fields_size = r->field_count * sizeof(struct http_field);
    struct http_kept *k = mem_new(sizeof(*k) + fields_size + text_size(r));
    char *text = (char *)k->fields + fields_size;
    size_t path_len = r->path.len;

    r->target = put(&text, r->target);
    r->path = str_cut(r->target, 0, path_len);
    if (r->query.at)
        r->query = str_cut(r->target, path_len + 1, r->target.len);
    for (size_t i = 0; i < r->field_count; i++) {
        k->fields[i].name = put(&text, r->fields[i].name);
        k->fields[i].value = put(&text, r->fields[i].value);
    }
    r->fields = k->fields;

    k->body = body;
    k->share = share;
    if (!body && r->body.len > 0) {
        k->body = mem_new(r->body.len);
        memcpy(k->body, r->body.at, r->body.len);
    }
    r->body.at = r->body.len > 0 ? k->body : "";
    return k;
}

void http_kept_free(struct http_kept *k)
{
    if (!k)
        return;
    room_share_end(&k->share);
    free(k->body);
    free(k);
}

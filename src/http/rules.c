/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <string.h>

struct field_counts {
    unsigned hosts, lengths, codings;
};

static void refuse(struct rules *out, int status, const char *what)
{
    if (out->status != 0)
        return;
    out->status = status;
    out->what = what;
}

static bool has_token(struct str list, struct str token)
{
    struct str piece;

    while (str_split(&list, ',', &piece)) {
        if (str_eq_nocase(str_trim(piece), token))
            return true;
    }
    return false;
}

/* A name, an address or nothing, and a port: no list, no user, no path. */
static bool is_host(struct str value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._~%!$&'()*+;=:[]";

    for (size_t i = 0; i < value.len; i++) {
        if (!memchr(allowed, value.at[i], sizeof(allowed) - 1))
            return false;
    }
    return true;
}

static void apply_coding(struct rules *out, struct str value, unsigned version)
{
    if (version < 11)
        refuse(out, 400, "Transfer-Encoding in HTTP/1.0");
    if (!str_eq_nocase(value, STR("chunked")))
        refuse(out, 400, "a Transfer-Encoding other than chunked");
    out->is_chunked = true;
}

static void apply_connection(struct rules *out, struct str value)
{
    if (has_token(value, STR("close")))
        out->is_kept_alive = false;
    else if (has_token(value, STR("keep-alive")))
        out->is_kept_alive = true;
}

static void apply_field(struct rules *out, struct field_counts *counts,
                        const struct http_field *f, unsigned version)
{
    if (str_eq_nocase(f->name, STR("Host"))) {
        if (counts->hosts++ > 0)
            refuse(out, 400, "more than one Host");
        if (!is_host(f->value))
            refuse(out, 400, "a Host that is no host");
    } else if (str_eq_nocase(f->name, STR("Content-Length"))) {
        if (counts->lengths++ > 0)
            refuse(out, 400, "more than one Content-Length");
        if (!str_to_u64(f->value, &out->content_length))
            refuse(out, 400, "a Content-Length that is no number");
    } else if (str_eq_nocase(f->name, STR("Transfer-Encoding"))) {
        if (counts->codings++ > 0)
            refuse(out, 400, "more than one Transfer-Encoding");
        apply_coding(out, f->value, version);
    } else if (str_eq_nocase(f->name, STR("Connection"))) {
        apply_connection(out, f->value);
    } else if (str_eq_nocase(f->name, STR("Upgrade"))) {
        refuse(out, 400, "Upgrade is not supported; speak plain HTTP/1.1");
    } else if (str_eq_nocase(f->name, STR("Expect")) && version >= 11) {
        if (!str_eq_nocase(f->value, STR("100-continue")))
            refuse(out, 417, "an expectation other than 100-continue");
        out->expects_continue = true;
    }
}

/* Only a path, which may have a query; proxies' and tunnels' forms are not for us. */
static void apply_target(struct rules *out, const struct http_request *r)
{
    bool is_server_wide = str_eq(r->target, STR("*")) && str_eq(r->method_text, STR("OPTIONS"));

    if (str_eq(r->method_text, STR("CONNECT")))
        refuse(out, 501, "CONNECT is not supported");
    if (!str_starts(r->target, STR("/")) && !is_server_wide)
        refuse(out, 400, "a request target that does not begin with /");
    if (r->target.len > 0 && memchr(r->target.at, '#', r->target.len))
        refuse(out, 400, "a fragment in the request target");
}

void rules_apply(struct rules *out, const struct http_request *r, unsigned version)
{
    struct field_counts counts = { 0 };

    *out = (struct rules){ .is_kept_alive = version >= 11 };
    if (version != 10 && version != 11)
        refuse(out, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    apply_target(out, r);
    for (size_t i = 0; i < r->field_count; i++)
        apply_field(out, &counts, &r->fields[i], version);
    if (counts.codings > 0 && counts.lengths > 0)
        refuse(out, 400, "both Transfer-Encoding and Content-Length");
    if (counts.hosts == 0 && version >= 11)
        refuse(out, 400, "no Host");
}

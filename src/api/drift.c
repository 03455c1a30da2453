/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include <stdio.h>

enum { PARTS = 3 };

void drift_answer(struct http_conn *c, int status, struct str json)
{
    http_conn_answer(c,
                     &(struct http_answer){ .status = status,
                                            .fields = STR("Content-Type: application/json\r\n"
                                                          "Cache-Control: no-store\r\n"),
                                            .body = { json } });
}

void drift_refuse(struct http_conn *c, int status, const char *code, const char *what)
{
    struct buf fields = { 0 };
    struct problem p;

    problem_say(&p, CALLER_PLAIN, status, code, "%s", what);
    problem_put_fields(&p, &fields);
    http_conn_answer(c, &(struct http_answer){ .status = p.status,
                                               .fields = buf_str(&fields),
                                               .body = { buf_str(&p.body) } });
    buf_deinit(&fields);
    problem_deinit(&p);
}

/* "/admin/baselines/ab12/pin" to its parts behind /admin/; absent where there is none. */
static bool split(struct str path, struct str parts[PARTS])
{
    struct str prefix = STR("/admin/"), rest, piece;

    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct str){ 0 };
    if (!str_starts(path, prefix))
        return false;
    rest = str_cut(path, prefix.len, path.len);
    for (size_t i = 0; str_split(&rest, '/', &piece); i++) {
        if (i == PARTS || piece.len == 0)
            return false;
        parts[i] = piece;
    }
    return parts[0].at;
}

bool drift_knows(struct str path)
{
    static const struct str names[] = {
        { "drift", 5 }, { "alarms", 6 }, { "changes", 7 }, { "silences", 8 }, { "baselines", 9 }
    };
    struct str parts[PARTS];

    if (!split(path, parts))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(parts[0], names[i]))
            return true;
    return false;
}

static bool put_baseline(const struct judge *j, struct str id, struct buf *out)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(str_head(id, sizeof(text) - 1)));
    return judge_put_baseline(j, text, out);
}

/* False: there is no such page. */
static bool put_page(const struct judge *j, const struct str parts[PARTS], struct buf *out)
{
    if (parts[2].at || (parts[1].at && !str_eq(parts[0], STR("baselines"))))
        return false;
    if (parts[1].at)
        return put_baseline(j, parts[1], out);
    if (str_eq(parts[0], STR("drift")))
        judge_put_drift(j, out);
    else if (str_eq(parts[0], STR("alarms")))
        judge_put_alarms(j, out);
    else if (str_eq(parts[0], STR("changes")))
        judge_put_changes(j, out);
    else if (str_eq(parts[0], STR("silences")))
        judge_put_silences(j, out);
    else
        judge_put_baselines(j, out);
    return true;
}

static void serve_page(const struct judge *j, struct http_conn *c,
                       const struct str parts[PARTS])
{
    struct buf out = { 0 };

    if (put_page(j, parts, &out))
        drift_answer(c, 200, buf_str(&out));
    else
        drift_refuse(c, 404, "not_found",
                     parts[1].at && !parts[2].at && str_eq(parts[0], STR("baselines"))
                         ? "There is no baseline of that id: /admin/baselines lists them."
                         : "There is nothing of that name.");
    buf_deinit(&out);
}

/* A page of another site, open in an operator's browser, changes nothing here. */
static bool is_foreign(const struct http_request *r)
{
    struct str origin = http_request_field(r, STR("origin")), scheme;
    struct str host = http_request_field(r, STR("host"));

    if (!origin.at)
        return false;
    return !str_split(&origin, ':', &scheme) || !str_starts(origin, STR("//")) ||
           !str_eq_nocase(str_cut(origin, 2, origin.len), host);
}

void drift_serve(struct judge *j, const struct plan *plan, struct http_conn *c,
                 const struct http_request *r)
{
    struct str parts[PARTS];

    (void)split(r->path, parts);
    if (!j)
        drift_refuse(c, 503, "not_judged", "Nothing is judged here.");
    else if (r->method == HTTP_GET || r->method == HTTP_HEAD)
        serve_page(j, c, parts);
    else if (is_foreign(r))
        drift_refuse(c, 403, "foreign_origin", "This is for the admin page itself.");
    else if (!drift_order(j, plan, c, r, parts))
        drift_refuse(c, 405, "method_not_allowed", "This path does not take that method.");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char head[] = "/path?queryNamevalue";
static char body[] = "{}";

static struct http_request request(struct http_field *field)
{
    struct http_request r = { .target = { head, 11 },
                              .path = { head, 5 },
                              .query = { head + 6, 5 },
                              .fields = field,
                              .field_count = 1,
                              .body = { body, 2 } };

    *field = (struct http_field){ { head + 11, 4 }, { head + 15, 5 } };
    return r;
}

Test(kept, a_request_outlives_the_bytes_it_was_read_from, .timeout = 5)
{
    struct http_field field;
    struct http_request r = request(&field);
    struct http_kept *k = http_kept_new(&r, NULL, (struct room_share){ 0 });

    memset(head, 'x', sizeof(head));
    memset(body, 'x', sizeof(body));
    memset(&field, 0, sizeof(field));
    cr_assert(str_eq(r.target, STR("/path?query")));
    cr_assert(str_eq(r.path, STR("/path")));
    cr_assert(str_eq(r.query, STR("query")));
    cr_assert(str_eq(http_request_field(&r, STR("NAME")), STR("value")));
    cr_assert(str_eq(r.body, STR("{}")));
    http_kept_free(k);
}

Test(kept, a_body_with_memory_of_its_own_is_taken_over, .timeout = 5)
{
    struct http_field field;
    struct http_request r = request(&field);
    char *own = malloc(2);
    struct http_kept *k;

    memcpy(own, "[]", 2);
    r.body.at = own;
    k = http_kept_new(&r, own, (struct room_share){ 0 });
    cr_assert_eq(r.body.at, own);
    http_kept_free(k);
}

Test(kept, an_absent_query_stays_absent, .timeout = 5)
{
    struct http_field field;
    struct http_request r = request(&field);
    struct http_kept *k;

    r.query = (struct str){ NULL, 0 };
    r.target.len = 5;
    k = http_kept_new(&r, NULL, (struct room_share){ 0 });
    cr_assert_null(r.query.at);
    http_kept_free(k);
}

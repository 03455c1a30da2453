/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watchlist.h"

#include "weir/base/buf.h"

#include <criterion/criterion.h>

TestSuite(watchlist, .timeout = 10);

static struct watchlist *with_segments(const char *first, const char *second)
{
    struct watchlist *l = watchlist_new(STR("m"));

    l->segments = arena_take(&l->arena, 2 * sizeof(*l->segments));
    l->segments[0] = (struct segment){ .name = str_of(first), .kind = SEGMENT_TENANT };
    l->segments[1] = (struct segment){ .name = str_of(second), .kind = SEGMENT_TENANT };
    for (size_t i = 0; i < 2; i++)
        segment_open(&l->segments[i], l->segments);
    l->segment_count = 2;
    return l;
}

Test(watchlist, no_two_have_the_same_id_before)
{
    struct watchlist *a = watchlist_new(STR("m")), *b = watchlist_new(STR("m"));

    cr_assert_neq(a->id, b->id);
    watchlist_unref(a);
    watchlist_unref(b);
}

Test(watchlist, sealed_ones_have_the_same_id_where_they_are_equal)
{
    struct watchlist *a = with_segments("a", "b"), *b = with_segments("a", "b");
    struct watchlist *c = with_segments("a", "c");

    watchlist_seal(a);
    watchlist_seal(b);
    watchlist_seal(c);
    cr_assert_eq(a->id, b->id);
    cr_assert_neq(a->id, c->id);
    watchlist_unref(a);
    watchlist_unref(b);
    watchlist_unref(c);
}

Test(watchlist, the_last_reference_frees_it)
{
    struct watchlist *l = watchlist_ref(with_segments("a", "b"));

    watchlist_unref(l);
    cr_assert(str_eq(l->model, STR("m")));
    watchlist_unref(l);
    watchlist_unref(NULL);
}

Test(watchlist, values_are_taken_over_up_to_the_first_segment_that_differs)
{
    struct watchlist *old = with_segments("a", "b"), *new = with_segments("a", "c");

    watchlist_adopt(new, old);
    cr_assert_eq(new->segments[0].table, old->segments[0].table);
    cr_assert_neq(new->segments[1].table, old->segments[1].table);
    watchlist_unref(old);
    cr_assert(str_eq(segment_text(&new->segments[0], SEGMENT_NONE), STR("a=none")));
    watchlist_unref(new);
}

/* ---- fields ---- */

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx;
    (void)r;
}

static struct watchlist *with_schema(enum watch_side side, const char *schema)
{
    struct watchlist *l = watchlist_new(STR("m"));

    cr_assert_eq(jsonschema_new(&l->schemas[side], str_of(schema), ignore, NULL), OK);
    watchlist_add_fields(l);
    return l;
}

Test(watchlist, each_declared_field_is_a_prediction)
{
    struct watchlist *l = with_schema(
        WATCH_ANSWER, "{\"properties\":{\"b/c\":{\"type\":\"string\"},\"a\":{\"maximum\":1}}}");

    cr_assert_eq(l->prediction_count, 2);
    cr_assert(str_eq(l->predictions[0].name, STR("field:answer/b~1c")));
    cr_assert(str_eq(l->predictions[1].name, STR("field:answer/a")));
    cr_assert(
        str_eq(prediction_value(&l->predictions[0], STR("{\"b/c\":1}")), STR("wrong_type")));
    cr_assert(str_eq(prediction_value(&l->predictions[0], STR("{\"b/c\":\"\"}")), STR("ok")));
    cr_assert(
        str_eq(prediction_value(&l->predictions[1], STR("{\"a\":2}")), STR("out_of_domain")));
    cr_assert(str_eq(prediction_value(&l->predictions[1], STR("{\"a\":null}")), STR("null")));
    cr_assert(str_eq(prediction_value(&l->predictions[1], STR("{}")), STR("missing")));
    watchlist_unref(l);
}

Test(watchlist, of_many_fields_the_first_sixteen_are_watched)
{
    struct buf text = { 0 };
    struct watchlist *l;

    buf_put_text(&text, "{\"properties\":{");
    for (unsigned i = 0; i < 20; i++)
        buf_put_printf(&text, "%s\"f%u\":true", i > 0 ? "," : "", i);
    buf_put(&text, (struct str){ "}}", 3 });
    l = with_schema(WATCH_REQUEST, text.at);
    cr_assert_eq(l->prediction_count, 16);
    cr_assert(str_eq(l->predictions[15].name, STR("field:request/f15")));
    watchlist_unref(l);
    buf_deinit(&text);
}

Test(watchlist, another_schema_makes_another_list)
{
    struct watchlist *a = with_schema(WATCH_ANSWER, "{\"properties\":{\"a\":{\"minimum\":1}}}");
    struct watchlist *b = with_schema(WATCH_ANSWER, "{\"properties\":{\"a\":{\"minimum\":2}}}");

    watchlist_seal(a);
    watchlist_seal(b);
    cr_assert_neq(a->id, b->id);
    watchlist_unref(a);
    watchlist_unref(b);
}

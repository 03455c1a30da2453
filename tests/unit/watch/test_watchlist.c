/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watchlist.h"

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

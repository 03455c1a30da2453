/* SPDX-License-Identifier: Apache-2.0 */

/* What must hold of every table of shapes, however it changes. */

#include "shape.h"

#include "weir/base/scan.h"

#include <criterion/criterion.h>
#include <string.h>

typedef void visit_fn(const struct shape *row, const struct shape *table);

static unsigned visited;

static void walk(const struct shape *table, visit_fn *visit)
{
    const struct shape *row = table;

    do {
        visited++;
        visit(row, table);
        if (row->inside)
            walk(row->inside, visit);
    } while ((row++)->key);
}

static void walk_all(visit_fn *visit)
{
    walk(shape_chat, visit);
    walk(shape_completions, visit);
    walk(shape_tool_call, visit);
    walk(shape_message, visit);
    cr_assert_gt(visited, 50);
}

static void expect_once(const struct shape *row, const struct shape *table)
{
    for (; table != row; table++)
        cr_assert_str_neq(table->key, row->key ? row->key : "");
}

Test(shape, no_member_stands_twice_in_its_table, .timeout = 5)
{
    walk_all(expect_once);
}

static void expect_inside(const struct shape *row, const struct shape *table)
{
    bool deep = row->how == GROW_OBJECT || row->how == GROW_INDEX;

    (void)table;
    cr_assert_eq(row->inside != NULL, deep, "%s", row->key ? row->key : "the rest");
}

Test(shape, objects_and_lists_by_index_say_what_is_inside_and_no_others, .timeout = 5)
{
    walk_all(expect_inside);
}

static void expect_json(const struct shape *row, const struct shape *table)
{
    (void)table;
    if (row->absent)
        cr_assert_eq(scan_check(str_of(row->absent), NULL), OK, "%s: %s", row->key,
                     row->absent);
}

Test(shape, what_is_written_for_an_absent_member_is_json, .timeout = 5)
{
    walk_all(expect_json);
}

static void expect_plain_rest(const struct shape *row, const struct shape *table)
{
    (void)table;
    if (!row->key)
        cr_assert(!row->absent && !row->as && row->how != GROW_DROP && row->how != GROW_NAME);
}

Test(shape, unknown_members_are_kept, .timeout = 5)
{
    walk_all(expect_plain_rest);
}

static unsigned names;

static void count_name(const struct shape *row, const struct shape *table)
{
    names += row->how == GROW_NAME;
    cr_assert(row->how != GROW_NAME || table == shape_chat || table == shape_completions ||
              table == shape_message);
}

Test(shape, the_models_name_stands_once_at_the_top, .timeout = 5)
{
    walk_all(count_name);
    cr_assert_eq(names, 3);
}

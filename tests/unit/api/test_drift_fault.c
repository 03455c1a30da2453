/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "weir/base/buf.h"
#include "weir/base/map.h"
#include "weir/base/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct buf text;

static void stop(void)
{
    buf_deinit(&text);
}

TestSuite(drift_fault, .fini = stop, .timeout = 10);

Test(drift_fault, a_word_is_shown_short_and_without_what_moves_a_cursor)
{
    drift_put_word(&text, STR("a\x1b[2J\n"));
    cr_assert(str_eq(buf_str(&text), STR("\"a?[2J?\"")));
    buf_reset(&text);
    drift_put_word(&text, STR("0123456789012345678901234567890123456789x"));
    cr_assert(str_ends(buf_str(&text), STR("789...\"")));
}

Test(drift_fault, no_character_is_cut_in_two)
{
    /* forty bytes end within the twentieth of these */
    drift_put_word(&text, STR("xäääääääääääääääääääää"));
    cr_assert_neq(utf8_count(buf_str(&text)), SIZE_MAX);
    cr_assert_eq(text.len, 39 + 5);
}

Test(drift_fault, the_name_that_is_near_is_a_hint_and_else_all_of_them)
{
    AUTO(map_free) struct map *names = map_new();

    (void)map_put(names, STR("refund"), NULL);
    (void)map_put(names, STR("other"), NULL);
    drift_put_hint(&text, names, STR("refnud"));
    cr_assert(str_eq(buf_str(&text), STR(" (did you mean \"refund\"?)")));
    buf_reset(&text);
    drift_put_hint(&text, names, STR("zzz"));
    cr_assert(str_eq(buf_str(&text), STR(": there is refund, other")));
}

Test(drift_fault, a_long_list_of_names_is_broken_off)
{
    AUTO(map_free) struct map *names = map_new();

    for (unsigned i = 0; i < 100; i++) {
        struct buf name = { 0 };

        buf_put_printf(&name, "value%u", i);
        (void)map_put(names, buf_str(&name), NULL);
        buf_deinit(&name);
    }
    drift_put_hint(&text, names, STR("zzz"));
    cr_assert(str_ends(buf_str(&text), STR(", ...")));
    cr_assert_lt(text.len, 120);
}

Test(drift_fault, what_is_too_long_for_a_fault_is_cut)
{
    struct fault why = { 0 };

    for (unsigned i = 0; i < 200; i++)
        buf_put(&text, STR("ä"));
    cr_assert_eq(drift_fault(&why, &text), ERR_MALFORMED);
    cr_assert_eq(strlen(why.text), sizeof(why.text) - 2);
    cr_assert_eq(text.len, 0);
}

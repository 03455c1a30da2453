/* SPDX-License-Identifier: Apache-2.0 */
#include "top_past.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static struct top_past past;
static struct buf drawn;

static void stop(void)
{
    buf_deinit(&drawn);
}

TestSuite(top_past, .fini = stop, .timeout = 20);

static bool is_drawn(const char *model, const char *picture)
{
    buf_reset(&drawn);
    top_past_put(&drawn, &past, str_of(model));
    return str_eq(buf_str(&drawn), str_of(picture));
}

Test(top_past, what_was_never_noted_has_no_picture)
{
    cr_assert(is_drawn("chat", ""));
}

Test(top_past, the_highest_rate_is_a_whole_bar)
{
    top_past_note(&past, STR("chat"), 0);
    top_past_note(&past, STR("chat"), 40);
    top_past_note(&past, STR("chat"), 80);
    cr_assert(is_drawn("chat", " \u2584\u2588"));
}

Test(top_past, nothing_asked_is_drawn_as_nothing)
{
    top_past_note(&past, STR("chat"), 0);
    top_past_note(&past, STR("chat"), 0);
    cr_assert(is_drawn("chat", "  "));
}

Test(top_past, each_model_has_its_own)
{
    top_past_note(&past, STR("chat"), 1);
    top_past_note(&past, STR("code"), 0);
    cr_assert(is_drawn("chat", "\u2588"));
    cr_assert(is_drawn("code", " "));
}

Test(top_past, it_is_as_long_as_its_place)
{
    for (unsigned i = 0; i < TOP_PAST_LOOKS * 2; i++)
        top_past_note(&past, STR("chat"), i);
    cr_assert_eq(past.models[0].count, TOP_PAST_LOOKS);
    cr_assert_eq(past.models[0].rates[TOP_PAST_LOOKS - 1], TOP_PAST_LOOKS * 2 - 1);
}

Test(top_past, what_is_no_rate_is_none)
{
    top_past_note(&past, STR("chat"), -5);
    top_past_note(&past, STR("chat"), (double)NAN);
    top_past_note(&past, STR("chat"), 5);
    cr_assert(is_drawn("chat", "  \u2588"));
}

Test(top_past, a_name_that_is_too_long_is_known_by_its_beginning)
{
    char name[200];

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i + 1 < sizeof(name) ? 'a' : '\0';
    top_past_note(&past, str_of(name), 1);
    top_past_note(&past, str_of(name), 1);
    cr_assert_eq(past.count, 1);
    cr_assert(is_drawn(name, "\u2588\u2588"));
}

Test(top_past, a_model_more_than_it_can_know_has_no_picture)
{
    char name[16];

    for (unsigned i = 0; i <= TOP_PAST_MODELS; i++) {
        (void)snprintf(name, sizeof(name), "model-%u", i);
        top_past_note(&past, str_of(name), 1);
    }
    cr_assert(is_drawn("model-0", "\u2588"));
    cr_assert(is_drawn(name, ""));
}

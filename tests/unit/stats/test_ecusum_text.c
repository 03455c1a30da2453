/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/ecusum.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct bound bounds[] = { { .5, .8 }, { .2, .5 } };
static const struct ecusum_rule rule = { .bounds = bounds, .bins = 2, .n_min = 50 };

/* A state with evidence, and with a few answers that wait. */
static struct ecusum lived(void)
{
    static const uint64_t ticks[][2] = { { 70, 30 }, { 40, 60 }, { 33, 67 }, { 4, 3 } };
    struct ecusum e;

    ecusum_init(&e, 2);
    for (size_t t = 0; t < 4; t++)
        (void)!ecusum_fold(&e, &rule, ticks[t][0] + ticks[t][1], ticks[t]);
    return e;
}

Test(ecusum_text, a_state_comes_back_to_the_last_bit, .timeout = 5)
{
    struct ecusum before = lived(), after;
    struct buf text = { .most = 0 };

    ecusum_put(&before, &text);
    cr_assert(ecusum_read(&after, buf_str(&text)));
    cr_assert(ecusum_equal(&before, &after));
    cr_assert_eq(after.held_n, 7);
    buf_deinit(&text);
}

Test(ecusum_text, the_widest_state_comes_back, .timeout = 5)
{
    struct ecusum before, after;
    struct buf text = { .most = 0 };

    ecusum_init(&before, ECUSUM_BINS);
    for (size_t k = 0; k < ECUSUM_BINS; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            before.ln_m[k][j] = (double)k / 7 - (double)j * 1e9;
    ecusum_put(&before, &text);
    cr_assert(ecusum_read(&after, buf_str(&text)));
    cr_assert(ecusum_equal(&before, &after));
    buf_deinit(&text);
}

Test(ecusum_text, it_is_printable_and_stands_behind_what_was_there, .timeout = 5)
{
    struct ecusum e = lived();
    struct buf text = { .most = 0 };

    buf_put_text(&text, "\"");
    ecusum_put(&e, &text);
    for (size_t i = 1; i < text.len; i++)
        cr_assert(text.at[i] > ' ' && text.at[i] < 127 && text.at[i] != '"');
    cr_assert(ecusum_read(&e, str_cut(buf_str(&text), 1, text.len)));
    buf_deinit(&text);
}

Test(ecusum_text, any_single_change_is_refused, .timeout = 10)
{
    struct ecusum e = lived(), untouched = e;
    struct buf text = { .most = 0 };

    ecusum_put(&e, &text);
    for (size_t i = 0; i < text.len; i++) {
        char was = text.at[i];

        text.at[i] = was == '0' ? '1' : '0';
        cr_assert_not(ecusum_read(&e, buf_str(&text)), "byte %zu", i);
        text.at[i] = was;
    }
    cr_assert(ecusum_equal(&e, &untouched));
    buf_deinit(&text);
}

Test(ecusum_text, a_part_of_it_or_more_than_it_is_refused, .timeout = 10)
{
    struct ecusum e = lived();
    struct buf text = { .most = 0 };

    ecusum_put(&e, &text);
    for (size_t len = 0; len < text.len; len++)
        cr_assert_not(ecusum_read(&e, str_head(buf_str(&text), len)), "%zu bytes", len);
    buf_put_text(&text, "0");
    cr_assert_not(ecusum_read(&e, buf_str(&text)));
    buf_deinit(&text);
}

/* Text whose checksum is right and whose content no fold can have led to. */
static bool reads(const struct ecusum *wrong)
{
    struct buf text = { .most = 0 };
    struct ecusum e;
    bool read;

    ecusum_put(wrong, &text);
    read = ecusum_read(&e, buf_str(&text));
    buf_deinit(&text);
    return read;
}

Test(ecusum_text, impossible_states_are_refused, .timeout = 5)
{
    struct ecusum e = lived();

    e.held[1] = e.held_n + 1;
    cr_assert_not(reads(&e));
    e = lived();
    e.ln_m[1][3] = __builtin_inf();
    cr_assert_not(reads(&e));
    e.ln_m[1][3] = __builtin_nan("");
    cr_assert_not(reads(&e));
    e = lived();
    e.bins = 0;
    cr_assert_not(reads(&e));
    e = lived();
    cr_assert(reads(&e));
}

Test(ecusum_text, another_version_is_refused, .timeout = 5)
{
    struct ecusum e;

    cr_assert_not(ecusum_read(&e, STR("")));
    cr_assert_not(ecusum_read(&e, STR("ecusum1:")));
    cr_assert_not(ecusum_read(&e, STR("ecusum2:0000000000000001")));
}

Test(ecusum_text, a_huge_number_of_bins_is_refused, .timeout = 5)
{
    struct ecusum e;

    cr_assert_not(
        ecusum_read(&e, STR("ecusum1:ffffffffffffffff00000000000000000000000000000000")));
    cr_assert_not(
        ecusum_read(&e, STR("ecusum1:00000000000000490000000000000000000000000000000")));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/change.h"

#include <criterion/criterion.h>

static struct buf text, again;

static void stop(void)
{
    buf_deinit(&text);
    buf_deinit(&again);
}

TestSuite(change, .fini = stop, .timeout = 10);

static struct change a_change(void)
{
    struct change c = { .kind = CHANGE_FINGERPRINT,
                        .model = STR("chat"),
                        .version = STR("gpt-4o"),
                        .upstream = STR("openai"),
                        .before = STR("{\"values\":[]}"),
                        .after = STR("null"),
                        .since_ms = 1700000000000,
                        .at_ms = 1700000060000,
                        .sentence = STR("system_fingerprint a\"b \u2192 c") };

    change_name(&c, STR("chat:gpt-4o:system_fingerprint"), 17, 0);
    return c;
}

Test(change, what_is_written_is_what_is_read)
{
    struct change c = a_change(), *read;

    change_put(&c, &text);
    read = change_read(buf_str(&text));
    cr_assert_not_null(read);
    change_put(read, &again);
    change_free(read);
    cr_assert(str_eq(buf_str(&text), buf_str(&again)));
}

Test(change, a_copy_says_the_same)
{
    struct change c = a_change(), *copy = change_copy(&c);

    change_put(&c, &text);
    change_put(copy, &again);
    change_free(copy);
    cr_assert(str_eq(buf_str(&text), buf_str(&again)));
}

Test(change, its_id_is_made_of_histogram_and_tick)
{
    struct change a = a_change(), b = a_change();

    cr_assert_str_eq(a.id, b.id);
    change_name(&b, STR("chat:gpt-4o:system_fingerprint"), 18, 0);
    cr_assert_str_neq(a.id, b.id);
    change_name(&b, STR("chat:gpt-4o:system_fingerprint"), 17, 1);
    cr_assert_str_neq(a.id, b.id);
}

Test(change, other_json_is_refused)
{
    cr_assert_null(change_read(STR("")));
    cr_assert_null(change_read(STR("{}")));
    cr_assert_null(change_read(STR("{\"id\":\"0123456789abcdef\",\"kind\":\"other\"}")));
}

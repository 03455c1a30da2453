/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/base64.h"

#include <criterion/criterion.h>

/* RFC 4648, section 10. */
static void encodes(const char *text, const char *wanted)
{
    struct buf out = { 0 };

    buf_put_text(&out, "=");
    base64_put(&out, str_of(text));
    cr_assert(str_eq(str_cut(buf_str(&out), 1, out.len), str_of(wanted)), "%s", text);
    buf_deinit(&out);
}

Test(base64, encodes_the_vectors_of_its_standard, .timeout = 10)
{
    encodes("", "");
    encodes("f", "Zg==");
    encodes("fo", "Zm8=");
    encodes("foo", "Zm9v");
    encodes("foob", "Zm9vYg==");
    encodes("fooba", "Zm9vYmE=");
    encodes("foobar", "Zm9vYmFy");
}

static void reads(const char *text, const char *wanted)
{
    struct buf out = { 0 };

    buf_put_text(&out, "=");
    cr_assert_eq(base64_read(&out, str_of(text)), wanted != NULL, "%s", text);
    cr_assert(str_eq(str_cut(buf_str(&out), 1, out.len), str_of(wanted ? wanted : "")), "%s",
              text);
    buf_deinit(&out);
}

Test(base64, reads_the_vectors_of_its_standard, .timeout = 10)
{
    reads("", "");
    reads("Zg==", "f");
    reads("Zm8=", "fo");
    reads("Zm9v", "foo");
    reads("Zm9vYg==", "foob");
    reads("Zm9vYmE=", "fooba");
    reads("Zm9vYmFy", "foobar");
}

Test(base64, refuses_what_is_none, .timeout = 10)
{
    reads("Zg", NULL);
    reads("Z===", NULL);
    reads("====", NULL);
    reads("Zm 9v", NULL);
    reads(" Zm9vYg=", NULL);
    reads("Zm9vYg==Zg==", NULL);
    reads("Zm-_", NULL);
    reads("Zm9\n", NULL);
}

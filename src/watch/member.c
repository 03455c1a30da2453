/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include "weir/base/ensure.h"
#include "weir/base/escape.h"

#include <string.h>

static void put_escaped(struct buf *out, struct str text)
{
    enum err err = escape_add(out, text);

    ensure(!err);
}

void member_put(struct buf *out, const struct tick_histogram *name)
{
    put_escaped(out, name->model);
    buf_put(out, STR(":"));
    put_escaped(out, name->version);
    buf_put(out, STR(":"));
    put_escaped(out, name->prediction);
    if (name->segment.len > 0) {
        buf_put(out, STR("@"));
        buf_put(out, name->segment);
    }
}

static bool read_digit(char c, unsigned *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    *out = at ? (unsigned)(at - digits) : 0;
    return at;
}

bool member_unescape(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '%') {
            unsigned high, low;

            if (i + 2 >= text.len || !read_digit(text.at[i + 1], &high) ||
                !read_digit(text.at[i + 2], &low))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        buf_put(out, (struct str){ &c, 1 });
    }
    return true;
}

static bool copy(struct str text, struct str *out, struct arena *arena)
{
    struct buf plain = { 0 };
    bool good = member_unescape(&plain, text);

    if (good)
        *out = arena_copy(arena, buf_str(&plain));
    buf_deinit(&plain);
    return good && out->at;
}

bool member_read(struct str member, struct tick_histogram *out, struct arena *arena)
{
    struct str model, version, prediction;

    if (!str_split(&member, ':', &model) || !str_split(&member, ':', &version) ||
        !str_split(&member, '@', &prediction) || memchr(prediction.at, ':', prediction.len))
        return false;
    if (!copy(model, &out->model, arena) || !copy(version, &out->version, arena) ||
        !copy(prediction, &out->prediction, arena))
        return false;
    out->segment = arena_copy(arena, member.at ? member : STR(""));
    return out->segment.at;
}

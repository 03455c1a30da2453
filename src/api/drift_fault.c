/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "weir/base/buf.h"
#include "weir/base/map.h"

enum {
    MOST_WORD = 40,  /* bytes of what somebody wrote */
    MOST_NAMES = 90, /* bytes of a list of names */
};

/* Its first bytes, and no half of a character. */
static struct str cut(struct str text, size_t most)
{
    if (text.len <= most)
        return text;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return str_head(text, most);
}

void drift_put_word(struct buf *out, struct str word)
{
    struct str shown = cut(word, MOST_WORD);

    buf_put(out, STR("\""));
    for (size_t i = 0; i < shown.len; i++) {
        struct str c = str_cut(shown, i, i + 1);

        buf_put(out, (unsigned char)c.at[0] < 0x20 || c.at[0] == 0x7F ? STR("?") : c);
    }
    buf_put(out, shown.len < word.len ? STR("...\"") : STR("\""));
}

void drift_put_hint(struct buf *out, const struct map *names, struct str word)
{
    struct str near = map_nearest(names, word);
    size_t from = out->len;

    if (near.at) {
        buf_put(out, STR(" (did you mean "));
        drift_put_word(out, near);
        buf_put(out, STR("?)"));
        return;
    }
    for (size_t i = 0; i < map_size(names) && out->len - from < MOST_NAMES; i++) {
        buf_put_text(out, i > 0 ? ", " : ": there is ");
        buf_put(out, cut(map_key_at(names, i), MOST_WORD));
        if (out->len - from >= MOST_NAMES && i + 1 < map_size(names))
            buf_put(out, STR(", ..."));
    }
}

enum err drift_fault(struct fault *why, struct buf *out)
{
    struct str text = cut(buf_str(out), sizeof(why->text) - 1);
    enum err err = fault_set(why, ERR_MALFORMED, NULL, "%.*s", STR_ARG(text));

    buf_deinit(out);
    return err;
}

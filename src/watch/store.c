/* SPDX-License-Identifier: Apache-2.0 */
#include "store_inner.h"

#include "weir/base/clock.h"

#include <stdio.h>
#include <string.h>

void store_free(struct store *s)
{
    if (s)
        s->kind->free(s);
}

static void copy_id(struct str text, char out[BASELINE_ID])
{
    (void)snprintf(out, BASELINE_ID, "%.*s", STR_ARG(str_head(text, BASELINE_ID - 1)));
}

static void acknowledge(struct book *b, const char *id)
{
    struct alarm *alarm = book_alarm(b, id);

    if (alarm && alarm->state == ALARM_FIRING)
        alarm->state = ALARM_ACKNOWLEDGED;
}

/* Those that are over leave with the next that comes. */
static void silence(struct book *b, const struct edit *edit)
{
    uint64_t now_ms = clock_wall_ms();

    for (size_t i = b->silence_count; i > 0; i--)
        if (b->silences[i - 1].until_ms <= now_ms)
            (void)book_unsilence(b, str_of(b->silences[i - 1].id));
    book_silence(b, edit->key, edit->text, edit->at_ms);
}

void store_apply(struct book *b, const struct edit *edit)
{
    char key[BASELINE_ID], text[BASELINE_ID];
    struct baseline *baseline;

    copy_id(edit->key, key);
    copy_id(edit->text, text);
    switch (edit->kind) {
    case EDIT_BASELINE:
        baseline = baseline_read(edit->text);
        if (baseline)
            (void)book_add_baseline(b, baseline);
        break;
    case EDIT_PIN: book_pin(b, edit->key, text); break;
    case EDIT_DROP: book_drop_baseline(b, key); break;
    case EDIT_ACKNOWLEDGE: acknowledge(b, key); break;
    case EDIT_SILENCE: silence(b, edit); break;
    case EDIT_UNSILENCE: (void)book_unsilence(b, edit->key); break;
    case EDIT_DELIVERED: book_delivered(b, edit->key); break;
    }
}

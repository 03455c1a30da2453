/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"

#include "member.h"
#include "weir/base/map.h"
#include "weir/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *at, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return at;
    *capacity = *capacity > 0 ? *capacity * 2 : 16;
    return mem_grow(at, *capacity * size);
}

static char *copy_text(struct str text)
{
    char *own = mem_new(text.len + 1);

    if (text.len > 0)
        memcpy(own, text.at, text.len);
    return own;
}

void book_init(struct book *b)
{
    *b = (struct book){ .ours = false };
    arena_init(&b->row_texts, 0);
}

void book_deinit(struct book *b)
{
    for (size_t i = 0; i < b->subject_count; i++)
        subject_free(b->subjects[i]);
    for (size_t i = 0; i < b->baseline_count; i++)
        baseline_free(b->baselines[i]);
    for (size_t i = 0; i < b->alarm_count; i++)
        alarm_free(b->alarms[i]);
    book_forget_changes(b);
    book_unpin_all(b);
    book_unsilence_all(b);
    book_deliver_none(b);
    arena_deinit(&b->row_texts);
    free(b->subjects);
    free(b->baselines);
    free(b->alarms);
    free(b->pins);
    free(b->silences);
    free(b->deliveries);
    free(b->rows);
    *b = (struct book){ .ours = false };
}

/* ---- subjects ------------------------------------------------------------------------------ */

static size_t find_subject(const struct book *b, struct str member, bool *found)
{
    size_t low = 0, high = b->subject_count;

    *found = false;
    while (low < high && !*found) {
        size_t middle = (low + high) / 2;
        int order = str_compare(b->subjects[middle]->member, member);

        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

struct subject *book_find(const struct book *b, struct str member)
{
    bool found;
    size_t at = find_subject(b, member, &found);

    return found ? b->subjects[at] : NULL;
}

struct subject *book_subject(struct book *b, struct str member)
{
    bool found;
    size_t at = find_subject(b, member, &found);
    struct subject *s;

    if (found)
        return b->subjects[at];
    if (b->subject_count == BOOK_SUBJECTS) {
        b->left_out++;
        return NULL;
    }
    s = subject_new(member);
    if (!s)
        return NULL;
    b->subjects = grow(b->subjects, b->subject_count, &b->subject_capacity,
                       sizeof(b->subjects[0]));
    memmove(&b->subjects[at + 1], &b->subjects[at],
            (b->subject_count - at) * sizeof(b->subjects[0]));
    b->subjects[at] = s;
    b->subject_count++;
    s->unread = true;
    return s;
}

static void drop_subject(struct book *b, size_t i)
{
    subject_free(b->subjects[i]);
    b->subject_count--;
    memmove(&b->subjects[i], &b->subjects[i + 1],
            (b->subject_count - i) * sizeof(b->subjects[0]));
}

/* With an alarm it stays, for nothing else would end that. */
static bool is_free(const struct subject *s)
{
    return !s->unsaved && !(s->drift && s->drift->latch.on != LATCHED_NOT);
}

void book_keep_only(struct book *b, const struct map *members)
{
    for (size_t i = b->subject_count; i > 0; i--)
        if (is_free(b->subjects[i - 1]) && !map_get(members, b->subjects[i - 1]->member))
            drop_subject(b, i - 1);
}

void book_forget(struct book *b, uint64_t oldest)
{
    for (size_t i = b->subject_count; i > 0; i--) {
        const struct subject *s = b->subjects[i - 1];

        if (s->last < oldest && s->tick < oldest && is_free(s))
            drop_subject(b, i - 1);
    }
}

/* ---- baselines ----------------------------------------------------------------------------- */

static size_t find_baseline(const struct book *b, const char *id, bool *found)
{
    size_t low = 0, high = b->baseline_count;

    *found = false;
    while (low < high && !*found) {
        size_t middle = (low + high) / 2;
        int order = strcmp(b->baselines[middle]->id, id);

        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

const struct baseline *book_baseline(const struct book *b, const char *id)
{
    bool found;
    size_t at = find_baseline(b, id, &found);

    return found ? b->baselines[at] : NULL;
}

const struct baseline *book_add_baseline(struct book *b, struct baseline *baseline)
{
    bool found;
    size_t at = find_baseline(b, baseline->id, &found);

    if (found) {
        baseline_free(baseline);
        return b->baselines[at];
    }
    b->baselines = grow(b->baselines, b->baseline_count, &b->baseline_capacity,
                        sizeof(b->baselines[0]));
    memmove(&b->baselines[at + 1], &b->baselines[at],
            (b->baseline_count - at) * sizeof(b->baselines[0]));
    b->baselines[at] = baseline;
    b->baseline_count++;
    return baseline;
}

bool book_is_judged_by(const struct book *b, const struct baseline *baseline)
{
    for (size_t i = 0; i < b->subject_count; i++)
        if (subject_baseline(b->subjects[i]) == baseline)
            return true;
    return false;
}

void book_drop_baseline(struct book *b, const char *id)
{
    bool found;
    size_t at = find_baseline(b, id, &found);

    if (!found || book_is_judged_by(b, b->baselines[at]))
        return;
    baseline_free(b->baselines[at]);
    b->baseline_count--;
    memmove(&b->baselines[at], &b->baselines[at + 1],
            (b->baseline_count - at) * sizeof(b->baselines[0]));
}

/* ---- alarms -------------------------------------------------------------------------------- */

struct alarm *book_alarm(const struct book *b, const char *id)
{
    for (size_t i = 0; i < b->alarm_count; i++)
        if (strcmp(b->alarms[i]->id, id) == 0)
            return b->alarms[i];
    return NULL;
}

/* The place of the alarm whose state changed longest ago. */
static size_t find_oldest(const struct book *b)
{
    size_t oldest = 0;

    for (size_t i = 1; i < b->alarm_count; i++)
        if (b->alarms[i]->updated_ms < b->alarms[oldest]->updated_ms)
            oldest = i;
    return oldest;
}

void book_put_alarm(struct book *b, struct alarm *alarm)
{
    size_t at = 0;

    while (at < b->alarm_count && strcmp(b->alarms[at]->id, alarm->id) != 0)
        at++;
    if (at == b->alarm_count && at == BOOK_ALARMS)
        at = find_oldest(b);
    if (at < b->alarm_count) {
        alarm_free(b->alarms[at]);
    } else {
        b->alarms = grow(b->alarms, at, &b->alarm_capacity, sizeof(b->alarms[0]));
        b->alarm_count++;
    }
    b->alarms[at] = alarm;
}

/* ---- silences ------------------------------------------------------------------------------ */

static void free_silence(struct silence *s)
{
    free(s->id);
    free(s->json);
}

bool book_unsilence(struct book *b, struct str id)
{
    for (size_t i = 0; i < b->silence_count; i++) {
        if (!str_eq(str_of(b->silences[i].id), id))
            continue;
        free_silence(&b->silences[i]);
        b->silences[i] = b->silences[--b->silence_count];
        return true;
    }
    return false;
}

void book_silence(struct book *b, struct str id, struct str json, uint64_t until_ms)
{
    (void)book_unsilence(b, id);
    b->silences = grow(b->silences, b->silence_count, &b->silence_capacity,
                       sizeof(b->silences[0]));
    b->silences[b->silence_count++] = (struct silence){ copy_text(id), copy_text(json),
                                                        until_ms };
}

void book_unsilence_all(struct book *b)
{
    while (b->silence_count > 0)
        free_silence(&b->silences[--b->silence_count]);
}

/* ---- deliveries ---------------------------------------------------------------------------- */

void book_delivered(struct book *b, struct str key)
{
    for (size_t i = 0; i < b->delivery_count; i++) {
        if (!str_eq(str_of(b->deliveries[i].key), key))
            continue;
        free(b->deliveries[i].key);
        free(b->deliveries[i].json);
        b->deliveries[i] = b->deliveries[--b->delivery_count];
        return;
    }
}

void book_deliver(struct book *b, struct str key, struct str json)
{
    book_delivered(b, key);
    b->deliveries = grow(b->deliveries, b->delivery_count, &b->delivery_capacity,
                         sizeof(b->deliveries[0]));
    b->deliveries[b->delivery_count++] = (struct delivery){ copy_text(key), copy_text(json) };
}

void book_deliver_none(struct book *b)
{
    while (b->delivery_count > 0)
        book_delivered(b, str_of(b->deliveries[b->delivery_count - 1].key));
}

/* ---- what is to be written down ------------------------------------------------------------ */

const char *book_row_word(const struct row *row)
{
    return row->kind == ROW_CHANGE ? "changed" : alarm_state_word(row->state);
}

static struct row *add_row(struct book *b, enum row_kind kind, struct subject *s)
{
    b->rows = grow(b->rows, b->row_count, &b->row_capacity, sizeof(b->rows[0]));
    s->unsaved = true;
    b->rows[b->row_count] = (struct row){ .kind = kind, .subject = s };
    return &b->rows[b->row_count++];
}

void book_write_alarm(struct book *b, struct subject *s, const struct alarm *alarm)
{
    struct row *row = add_row(b, ROW_ALARM, s);
    struct buf json = { 0 };

    alarm_put(alarm, &json);
    row->id = arena_copy(&b->row_texts, str_of(alarm->id));
    row->state = alarm->state;
    row->at_ms = alarm->updated_ms;
    row->text = arena_copy(&b->row_texts, buf_str(&json));
    buf_deinit(&json);
}

void book_write_change(struct book *b, struct subject *s, const struct change *c)
{
    struct row *row = add_row(b, ROW_CHANGE, s);
    struct buf json = { 0 };

    change_put(c, &json);
    row->id = arena_copy(&b->row_texts, str_of(c->id));
    row->at_ms = c->at_ms;
    row->text = arena_copy(&b->row_texts, buf_str(&json));
    buf_deinit(&json);
}

void book_write_hour(struct book *b, struct subject *s, uint64_t hour, struct str text)
{
    struct row *row = add_row(b, ROW_HOUR, s);

    row->at_ms = hour;
    row->text = arena_copy(&b->row_texts, text);
}

void book_drop_rows(struct book *b)
{
    b->row_count = 0;
    arena_deinit(&b->row_texts);
}

void book_rows_written(struct book *b)
{
    struct buf key = { 0 };

    for (size_t i = 0; i < b->row_count; i++) {
        const struct row *row = &b->rows[i];

        if (row->kind == ROW_HOUR)
            continue;
        buf_reset(&key);
        buf_put_printf(&key, "%.*s:%s", STR_ARG(row->id), book_row_word(row));
        book_deliver(b, buf_str(&key), row->text);
    }
    buf_deinit(&key);
    book_drop_rows(b);
}

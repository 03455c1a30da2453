/* SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include "meaning.h"
#include "member.h"
#include "reading.h"
#include "weir/base/digest.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { REVISIONS = 1000 }; /* changes between two ticks: people pin by hand */

struct subject *subject_new(struct str member)
{
    struct subject *s = MEM_NEW(struct subject);

    arena_init(&s->arena, 0);
    s->member = arena_copy(&s->arena, member);
    if (!member_read(s->member, &s->of, &s->arena)) {
        subject_free(s);
        return NULL;
    }
    if (str_eq(s->of.prediction, READING_RETURNED_MODEL) ||
        str_eq(s->of.prediction, READING_FINGERPRINT))
        s->identity = MEM_NEW(struct identity);
    if (str_eq(s->of.prediction, READING_LENGTH) || str_eq(s->of.prediction, READING_TIME))
        s->regime = MEM_NEW(struct regime);
    if (s->regime)
        (void)regime_init(s->regime, s->of.prediction);
    s->fixed = subject_is_apart(s) ||
               (reading_built_in(s->of.prediction) && s->of.segment.len == 0);
    return s;
}

static void forget_changes(struct subject *s)
{
    if (s->identity)
        identity_deinit(s->identity);
    if (s->regime)
        (void)regime_init(s->regime, s->of.prediction);
}

static void forget(struct subject *s)
{
    if (s->drift)
        drift_deinit(s->drift);
    free(s->drift);
    s->drift = NULL;
    draft_deinit(&s->draft);
}

void subject_free(struct subject *s)
{
    if (!s)
        return;
    forget(s);
    forget_changes(s);
    free(s->identity);
    free(s->regime);
    counts_deinit(&s->gathered);
    arena_deinit(&s->arena);
    free(s);
}

void subject_forget(struct subject *s)
{
    forget(s);
    forget_changes(s);
    counts_deinit(&s->gathered);
    s->tick = s->revision = s->hour = 0;
    s->of.meaning = 0;
    s->mixed = s->redefined = false;
    s->unsaved = false;
    s->unread = true;
}

/* ---- folding ------------------------------------------------------------------------------- */

static void gather(struct subject *s, uint64_t tick, const struct counts *counts,
                   struct subject_news *news)
{
    uint64_t hour = tick / WINDOW_HOUR;

    if (s->hour != hour && s->gathered.size > 0) {
        news->hour_closed = true;
        news->hour = s->hour;
        counts_put(&s->gathered, &news->hour_text);
        counts_deinit(&s->gathered);
    }
    s->hour = hour;
    counts_merge(&s->gathered, counts);
}

static void draw_up(struct subject *s, const struct subject_rules *rules,
                    const struct drift_tick *t)
{
    draft_add(&s->draft, t->counts, DRIFT_STEP_N, rules->draft_steps);
    if (!rules->by_hour)
        draft_drop_week(&s->draft);
    else
        draft_add_hour(&s->draft, t->tick * rules->tick_ms, t->counts);
}

void subject_fold(struct subject *s, const struct subject_rules *rules,
                  const struct drift_tick *t, struct subject_news *news)
{
    news->turn = DRIFT_STAYED;
    news->score = 0;
    news->hour_closed = false;
    buf_reset(&news->hour_text);
    if (t->tick <= s->tick)
        return;
    s->tick = t->tick;
    s->revision = 0;
    s->mixed = false;
    s->unsaved = true;
    if (subject_is_apart(s))
        return;
    gather(s, t->tick, t->counts, news);
    if (s->drift)
        news->turn = drift_fold(s->drift, rules->threshold, t, &news->score);
    else
        draw_up(s, rules, t);
}

bool subject_adopt(struct subject *s, const struct baseline *b)
{
    bool over = s->drift && s->drift->latch.on != LATCHED_NOT;

    forget(s);
    s->drift = MEM_NEW(struct drift);
    drift_init(s->drift, b);
    if (s->of.meaning == 0)
        s->of.meaning = b->of.meaning;
    s->redefined = false;
    s->revision++;
    s->unsaved = true;
    return over;
}

void subject_settle(struct subject *s)
{
    s->drift->latch.on = LATCHED_NOT;
    s->revision++;
    s->unsaved = true;
}

bool subject_is_apart(const struct subject *s)
{
    return s->identity || s->regime;
}

void subject_skip(struct subject *s, uint64_t tick)
{
    s->tick = tick;
    s->revision = 0;
    s->mixed = true;
    s->unsaved = true;
}

void subject_redefine(struct subject *s, uint32_t meaning)
{
    s->redefined = s->redefined || s->drift;
    forget(s);
    counts_deinit(&s->gathered);
    s->of.meaning = meaning;
    s->unsaved = true;
}

bool subject_is_paused(const struct subject *s)
{
    return s->mixed || s->redefined;
}

bool subject_is_watched(const struct subject *s)
{
    return !subject_is_apart(s) && !s->gone;
}

bool subject_put_control(const struct subject *s, struct buf *member)
{
    struct tick_histogram control = s->of;

    if (!s->drift || s->drift->baseline->control.len == 0)
        return false;
    control.version = s->drift->baseline->control;
    member_put(member, &control);
    return true;
}

const struct baseline *subject_baseline(const struct subject *s)
{
    return s->drift ? s->drift->baseline : NULL;
}

enum drift_verdict subject_verdict(const struct subject *s, uint64_t now_tick)
{
    if (subject_is_paused(s))
        return DRIFT_INSUFFICIENT_DATA;
    return s->drift ? drift_verdict(s->drift, now_tick) : DRIFT_NO_BASELINE;
}

uint64_t subject_stamp(const struct subject *s)
{
    return s->tick * REVISIONS + (s->revision < REVISIONS ? s->revision : REVISIONS - 1);
}

uint64_t subject_stamp_at(uint64_t tick)
{
    return tick * REVISIONS;
}

/* ---- as text ------------------------------------------------------------------------------- */

enum { MARK_BYTES = 17 }; /* the checksum's digits, and the end of the line */

static void put_sum(struct str body, char out[MARK_BYTES])
{
    struct digest digest;
    char hex[DIGEST_HEX];

    digest_of(&digest, body);
    digest_hex(&digest, hex);
    memcpy(out, hex, MARK_BYTES - 1);
    out[MARK_BYTES - 1] = '\n';
}

/* Behind all else, where those who do not look for it do not find it. */
static void put_changes(const struct subject *s, struct buf *out)
{
    if (s->of.meaning != 0) {
        buf_put(out, STR("#"));
        meaning_put(s->of.meaning, out);
        buf_put_text(out, s->mixed ? " mixed" : "");
        buf_put_text(out, s->redefined ? " redefined" : "");
        buf_put(out, STR("\n"));
    }
    if (s->identity && s->identity->last > 0) {
        identity_put(s->identity, out);
        buf_put(out, STR("\n"));
    }
    if (s->regime && s->regime->paces[0].step_from > 0) {
        regime_put(s->regime, out);
        buf_put(out, STR("\n"));
    }
}

void subject_put(const struct subject *s, struct buf *out)
{
    const struct baseline *b = subject_baseline(s);
    struct buf body = { 0 };
    char sum[MARK_BYTES];

    buf_put_printf(&body, "1 %llu %llu %llu %s\n", (unsigned long long)s->tick,
                   (unsigned long long)s->revision, (unsigned long long)s->hour,
                   b ? b->id : "-");
    if (s->drift) {
        drift_put(s->drift, &body);
    } else {
        draft_put(&s->draft, &body);
        buf_put(&body, STR("\n"));
    }
    counts_put(&s->gathered, &body);
    buf_put(&body, STR("\n"));
    put_changes(s, &body);
    put_sum(buf_str(&body), sum);
    buf_put(out, (struct str){ sum, MARK_BYTES });
    buf_put(out, buf_str(&body));
    buf_deinit(&body);
}

struct head {
    uint64_t tick, revision, hour;
    char baseline[BASELINE_ID];
};

static bool read_head(struct str line, struct head *out)
{
    struct str word, mark = STR("1");
    uint64_t *const numbers[] = { &out->tick, &out->revision, &out->hour };

    if (!str_split(&line, ' ', &word) || !str_eq(word, mark))
        return false;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!str_split(&line, ' ', &word) || !str_to_u64(word, numbers[i]))
            return false;
    out->baseline[0] = '\0';
    if (str_eq(line, STR("-")))
        return true;
    if (line.len != BASELINE_ID - 1)
        return false;
    memcpy(out->baseline, line.at, line.len);
    out->baseline[line.len] = '\0';
    return true;
}

/* The head, with *text moved on behind it; false for a text that was touched. */
static bool open_text(struct str *text, struct head *out)
{
    char sum[MARK_BYTES];
    struct str body, line;

    if (text->len < MARK_BYTES || text->len > SUBJECT_MOST_TEXT)
        return false;
    body = str_cut(*text, MARK_BYTES, text->len);
    put_sum(body, sum);
    if (memcmp(sum, text->at, MARK_BYTES) != 0 || !str_split(&body, '\n', &line))
        return false;
    *text = body;
    return read_head(line, out);
}

bool subject_peek(struct str text, char baseline[BASELINE_ID], uint64_t *stamp)
{
    struct head head;

    if (!open_text(&text, &head))
        return false;
    memcpy(baseline, head.baseline, BASELINE_ID);
    *stamp = head.tick * REVISIONS + head.revision;
    return true;
}

static bool read_evidence(struct subject *s, struct str *lines, const struct baseline *b)
{
    struct str line;

    if (!b)
        return str_split(lines, '\n', &line) && draft_read(&s->draft, line);
    s->drift = MEM_NEW(struct drift);
    if (drift_read(s->drift, b, lines))
        return true;
    free(s->drift);
    s->drift = NULL;
    return false;
}

static bool read_meaning(struct subject *s, struct str line)
{
    struct str word;

    if (!str_starts(line, STR("#")) || !str_split(&line, ' ', &word) ||
        !meaning_read(str_cut(word, 1, word.len), &s->of.meaning))
        return false;
    while (str_split(&line, ' ', &word)) {
        s->mixed = s->mixed || str_eq(word, STR("mixed"));
        s->redefined = s->redefined || str_eq(word, STR("redefined"));
    }
    return true;
}

/* What cannot be read begins anew. */
static void read_changes(struct subject *s, struct str lines)
{
    struct str line;

    if (!str_split(&lines, '\n', &line) ||
        (read_meaning(s, line) && !str_split(&lines, '\n', &line)))
        return;
    if ((s->identity && !identity_read(s->identity, line)) ||
        (s->regime && !regime_read(s->regime, line)))
        forget_changes(s);
}

bool subject_read(struct subject *s, struct str text, const struct baseline *b)
{
    struct head head;
    struct str line;

    if (!open_text(&text, &head) || strcmp(head.baseline, b ? b->id : "") != 0)
        return false;
    forget(s);
    forget_changes(s);
    counts_deinit(&s->gathered);
    if (!read_evidence(s, &text, b) || !str_split(&text, '\n', &line) ||
        !counts_read(&s->gathered, line)) {
        forget(s);
        counts_deinit(&s->gathered);
        return false;
    }
    s->of.meaning = 0;
    s->mixed = s->redefined = false;
    read_changes(s, text);
    s->tick = head.tick;
    s->revision = head.revision;
    s->hour = head.hour;
    return true;
}

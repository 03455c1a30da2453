/* SPDX-License-Identifier: Apache-2.0 */
#include "statefile.h"

#include "store_inner.h"
#include "weir/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILE = 256 << 20 };

/* ---- writing ------------------------------------------------------------------------------- */

static void put_book(const struct book *b, struct buf *out)
{
    struct buf state = { 0 };

    buf_put(out, STR("weir-drift 1\n"));
    for (size_t i = 0; i < b->baseline_count; i++) {
        buf_put(out, STR("baseline "));
        baseline_put(b->baselines[i], out);
        buf_put(out, STR("\n"));
    }
    for (size_t i = 0; i < b->pin_count; i++)
        buf_put_printf(out, "pin %s %s\n", b->pins[i].member, b->pins[i].baseline);
    for (size_t i = 0; i < b->alarm_count; i++) {
        buf_put(out, STR("alarm "));
        alarm_put(b->alarms[i], out);
        buf_put(out, STR("\n"));
    }
    for (size_t i = b->change_count; i > 0; i--) {
        buf_put(out, STR("change "));
        change_put(b->changes[i - 1], out);
        buf_put(out, STR("\n"));
    }
    for (size_t i = 0; i < b->silence_count; i++)
        buf_put_printf(out, "silence %s %llu %s\n", b->silences[i].id,
                       (unsigned long long)b->silences[i].until_ms, b->silences[i].json);
    for (size_t i = 0; i < b->delivery_count; i++)
        buf_put_printf(out, "delivery %s %s\n", b->deliveries[i].key, b->deliveries[i].json);
    for (size_t i = 0; i < b->subject_count; i++) {
        buf_reset(&state);
        subject_put(b->subjects[i], &state);
        buf_put_printf(out, "state %.*s %zu\n", STR_ARG(b->subjects[i]->member), state.len);
        buf_put(out, buf_str(&state));
    }
    buf_put(out, STR("end\n"));
    buf_deinit(&state);
}

static bool write_whole(const char *path, struct str bytes)
{
    FILE *file = fopen(path, "we");
    bool good = file && fwrite(bytes.at, 1, bytes.len, file) == bytes.len &&
                fflush(file) == 0 && fsync(fileno(file)) == 0;

    if (file && fclose(file) != 0)
        good = false;
    return good;
}

enum err statefile_write(const char *path, const struct book *b, struct fault *why)
{
    struct buf text = { 0 }, beside = { 0 };
    enum err err = OK;

    if (!path)
        return OK;
    put_book(b, &text);
    buf_put_printf(&beside, "%s.new", path);
    buf_put(&beside, (struct str){ "", 1 });
    if (!write_whole(beside.at, buf_str(&text)) || rename(beside.at, path) != 0) {
        err = fault_set(why, ERR_STORE_DOWN, NULL, "%s", strerror(errno));
        (void)unlink(beside.at);
    }
    buf_deinit(&text);
    buf_deinit(&beside);
    return err;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool read_state(struct book *b, struct str line, struct str *rest)
{
    struct str member;
    struct subject *subject;
    char id[BASELINE_ID];
    uint64_t size, stamp;
    struct str text;

    if (!str_split(&line, ' ', &member) || !str_to_u64(line, &size) || size > rest->len)
        return false;
    text = str_head(*rest, size);
    *rest = str_cut(*rest, size, rest->len);
    subject = book_subject(b, member);
    if (!subject)
        return false;
    subject->unread = false;
    if (!subject_peek(text, id, &stamp) ||
        !subject_read(subject, text, id[0] ? book_baseline(b, id) : NULL))
        log_warn("drift_state_refused", F_STR("histogram", member),
                 F_TEXT("why", "it is damaged"));
    return true;
}

static bool read_pin(struct book *b, struct str line)
{
    struct str member;

    if (!str_split(&line, ' ', &member))
        return false;
    store_apply(b, &(struct edit){ .kind = EDIT_PIN, .key = member, .text = line });
    return true;
}

static bool read_alarm(struct book *b, struct str line)
{
    struct alarm *alarm = alarm_read(line);

    if (alarm)
        book_put_alarm(b, alarm);
    return alarm;
}

static bool read_change(struct book *b, struct str line)
{
    struct change *c = change_read(line);

    if (c)
        book_put_change(b, c);
    return c;
}

static bool read_silence(struct book *b, struct str line)
{
    struct str id, until;
    uint64_t until_ms;

    if (!str_split(&line, ' ', &id) || !str_split(&line, ' ', &until) ||
        !str_to_u64(until, &until_ms))
        return false;
    book_silence(b, id, line, until_ms);
    return true;
}

static bool read_delivery(struct book *b, struct str line)
{
    struct str key;

    if (!str_split(&line, ' ', &key))
        return false;
    book_deliver(b, key, line);
    return true;
}

static bool read_line(struct book *b, struct str line, struct str *rest)
{
    struct str word;

    if (!str_split(&line, ' ', &word))
        return false;
    if (str_eq(word, STR("baseline"))) {
        store_apply(b, &(struct edit){ .kind = EDIT_BASELINE, .text = line });
        return true;
    }
    if (str_eq(word, STR("pin")))
        return read_pin(b, line);
    if (str_eq(word, STR("alarm")))
        return read_alarm(b, line);
    if (str_eq(word, STR("change")))
        return read_change(b, line);
    if (str_eq(word, STR("silence")))
        return read_silence(b, line);
    if (str_eq(word, STR("delivery")))
        return read_delivery(b, line);
    return str_eq(word, STR("state")) && read_state(b, line, rest);
}

static bool read_book(struct book *b, struct str text)
{
    struct str line;

    if (!str_split(&text, '\n', &line) || !str_eq(line, STR("weir-drift 1")) ||
        !str_ends(text, STR("end\n")))
        return false;
    while (str_split(&text, '\n', &line) && !str_eq(line, STR("end")))
        if (!read_line(b, line, &text))
            return false;
    return str_eq(line, STR("end")) && text.len == 0;
}

/* False: there is none, or it cannot be read. */
static bool read_bytes(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    size_t got = 1;

    if (!file)
        return false;
    while (got > 0 && out->len < MOST_FILE) {
        char piece[64 << 10];

        got = fread(piece, 1, sizeof(piece), file);
        buf_put(out, (struct str){ piece, got });
    }
    (void)fclose(file);
    return true;
}

void statefile_read(const char *path, struct book *b)
{
    struct buf text = { 0 };

    if (path && read_bytes(path, &text) && !read_book(b, buf_str(&text))) {
        log_error("drift_state_refused", F_TEXT("file", path),
                  F_TEXT("why", "it is damaged; judging begins anew"));
        book_deinit(b);
        book_init(b);
    }
    buf_deinit(&text);
}

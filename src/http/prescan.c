/* SPDX-License-Identifier: Apache-2.0 */
#include "prescan.h"

/*
 * START is before the request line, where empty lines are forgiven, as HTTP asks for;
 * NEXT is the first byte of a line behind it; the CR places expect an LF.
 */
enum place { START, START_CR, LINE, LINE_CR, NEXT, NEXT_CR };

void prescan_init(struct prescan *p)
{
    *p = (struct prescan){ .at = START };
}

static enum prescan_verdict refuse(struct prescan *p, const char *what)
{
    p->what = what;
    return PRESCAN_BAD;
}

/* One byte that ends a line or may not be where it is. */
static enum prescan_verdict step(struct prescan *p, char byte)
{
    bool is_after_cr = p->at == START_CR || p->at == LINE_CR || p->at == NEXT_CR;

    if (is_after_cr && byte != '\n')
        return refuse(p, "a carriage return without a line feed");
    if (!is_after_cr && byte == '\n')
        return refuse(p, "a line feed without a carriage return");
    if (byte == '\0')
        return refuse(p, "a NUL byte in the head");
    if ((p->at == NEXT || p->at == START) && (byte == ' ' || byte == '\t'))
        return refuse(p, "a line that begins with white space");
    if (p->at == NEXT && byte == ':')
        return refuse(p, "a field without a name");

    switch ((enum place)p->at) {
    case START: p->at = byte == '\r' ? START_CR : LINE; break;
    case LINE: p->at = byte == '\r' ? LINE_CR : LINE; break;
    case NEXT: p->at = byte == '\r' ? NEXT_CR : LINE; break;
    case START_CR: p->at = START; break;
    case LINE_CR: p->at = NEXT; break;
    case NEXT_CR: return PRESCAN_END;
    }
    return PRESCAN_MORE;
}

/* Past bytes that cannot matter inside a line. CR is the highest of those that can. */
static size_t skip_plain(struct str bytes, size_t i)
{
    while (i < bytes.len && (unsigned char)bytes.at[i] > '\r')
        i++;
    return i;
}

enum prescan_verdict prescan_feed(struct prescan *p, struct str bytes, size_t *used)
{
    enum prescan_verdict verdict = PRESCAN_MORE;
    size_t room = PRESCAN_HEAD_BYTES - p->bytes;
    struct str head = str_cut(bytes, 0, bytes.len < room ? bytes.len : room);
    size_t i = 0;

    while (verdict == PRESCAN_MORE && i < head.len) {
        if (p->at == LINE)
            i = skip_plain(head, i);
        if (i < head.len)
            verdict = step(p, head.at[i++]);
    }
    p->bytes += i;
    *used = i;
    if (verdict == PRESCAN_MORE && p->bytes == PRESCAN_HEAD_BYTES)
        return PRESCAN_TOO_LONG;
    return verdict;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <criterion/criterion.h>

TestSuite(script, .timeout = 10);

static void assert_script(const char *text, enum script script)
{
    cr_assert_eq(script_of(str_of(text)), script, "%s", text);
}

Test(script, each_is_told_by_its_letters)
{
    assert_script("Where is my parcel?", SCRIPT_latin);
    assert_script("Größe, ça va, đường", SCRIPT_latin);
    assert_script("Где моя посылка?", SCRIPT_cyrillic);
    assert_script("Πού είναι το δέμα μου;", SCRIPT_greek);
    assert_script("أين طردي؟", SCRIPT_arabic);
    assert_script("איפה החבילה שלי?", SCRIPT_hebrew);
    assert_script("मेरा पार्सल कहाँ है?", SCRIPT_devanagari);
    assert_script("我的包裹在哪里？", SCRIPT_han);
    assert_script("내 소포는 어디에 있나요?", SCRIPT_hangul);
    assert_script("พัสดุของฉันอยู่ที่ไหน", SCRIPT_thai);
    assert_script("என் பார்சல் எங்கே?", SCRIPT_other);
}

Test(script, japanese_is_told_by_its_kana)
{
    assert_script("荷物はどこですか", SCRIPT_hiragana_katakana);
    assert_script("東京都港区配送先確認中の荷物", SCRIPT_hiragana_katakana);
}

Test(script, most_letters_decide)
{
    assert_script("OK, где моя посылка", SCRIPT_cyrillic);
    assert_script("The word Привет is Russian", SCRIPT_latin);
}

Test(script, digits_marks_and_nothing_have_none)
{
    assert_script("", SCRIPT_none);
    assert_script("12.50 - 7 = ?", SCRIPT_none);
    assert_script("\U0001F600\U0001F680", SCRIPT_none);
}

Test(script, a_text_is_looked_at_for_its_first_256_characters)
{
    char text[256 + 100 * 2 + 1];

    memset(text, ' ', 256);
    text[0] = 'a';
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 256 + 2 * i, "\xd0\x96", 2);
    text[256 + 200] = '\0';
    assert_script(text, SCRIPT_latin);
    assert_script(text + 1, SCRIPT_cyrillic);
}

Test(script, what_is_no_utf8_ends_the_text)
{
    assert_script("a\xff\xd0\x96\xd0\x96\xd0\x96", SCRIPT_latin);
    assert_script("\xff", SCRIPT_none);
}

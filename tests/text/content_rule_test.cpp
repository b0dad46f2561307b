#include "text/content_rule.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "base/limits/call.hpp"
#include "text/repeated.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::string_view_literals;

bool answers(Action action, std::string_view request, std::string_view response) {
  return fit(action, request, response) == Fit::exact;
}

/// What CPython 3.11 (Unicode 14) made of `text`: generated, not written by hand.
struct PythonRow {
  std::string_view text;
  std::string_view upper;     // text.upper()
  std::string_view lower;     // text.lower()
  std::string_view title;     // text.title()
  std::string_view capwords;  // string.capwords(text)
  std::string_view reversed;  // text[::-1]
};

// clang-format off
constexpr PythonRow python_rows[] = {
    {""sv, ""sv, ""sv, ""sv, ""sv, ""sv},
    {"hello"sv, "HELLO"sv, "hello"sv, "Hello"sv, "Hello"sv, "olleh"sv},
    {"Hello, World!"sv, "HELLO, WORLD!"sv, "hello, world!"sv, "Hello, World!"sv, "Hello, World!"sv, "!dlroW ,olleH"sv},
    {"they're bill's friends from the UK"sv, "THEY'RE BILL'S FRIENDS FROM THE UK"sv, "they're bill's friends from the uk"sv, "They'Re Bill'S Friends From The Uk"sv, "They're Bill's Friends From The Uk"sv, "KU eht morf sdneirf s'llib er'yeht"sv},
    {"one  two\tthree\nfour"sv, "ONE  TWO\tTHREE\nFOUR"sv, "one  two\tthree\nfour"sv, "One  Two\tThree\nFour"sv, "One Two Three Four"sv, "ruof\neerht\towt  eno"sv},
    {" around "sv, " AROUND "sv, " around "sv, " Around "sv, "Around"sv, " dnuora "sv},
    {"a_b _c 3d x-y 1st"sv, "A_B _C 3D X-Y 1ST"sv, "a_b _c 3d x-y 1st"sv, "A_B _C 3D X-Y 1St"sv, "A_b _c 3d X-y 1st"sv, "ts1 y-x d3 c_ b_a"sv},
    {"O'NEILL'S"sv, "O'NEILL'S"sv, "o'neill's"sv, "O'Neill'S"sv, "O'neill's"sv, "S'LLIEN'O"sv},
    {"a\000b"sv, "A\000B"sv, "a\000b"sv, "A\000B"sv, "A\000b"sv, "b\000a"sv},
    {"one\r\ntwo"sv, "ONE\r\nTWO"sv, "one\r\ntwo"sv, "One\r\nTwo"sv, "One Two"sv, "owt\n\reno"sv},
    {"tabs\037and\013more\302\205here\u00A0now\u2003end"sv, "TABS\037AND\013MORE\302\205HERE\u00A0NOW\u2003END"sv, "tabs\037and\013more\302\205here\u00A0now\u2003end"sv, "Tabs\037And\013More\302\205Here\u00A0Now\u2003End"sv, "Tabs And More Here Now End"sv, "dne\u2003won\u00A0ereh\302\205erom\013dna\037sbat"sv},
    {"straße"sv, "STRASSE"sv, "straße"sv, "Straße"sv, "Straße"sv, "eßarts"sv},
    {"ﬁve ﬂoors"sv, "FIVE FLOORS"sv, "ﬁve ﬂoors"sv, "Five Floors"sv, "Five Floors"sv, "srooﬂ evﬁ"sv},
    {"ŉ ǰ ΐ և"sv, "ʼN J\u030C Ι\u0308\u0301 ԵՒ"sv, "ŉ ǰ ΐ և"sv, "ʼN J\u030C Ι\u0308\u0301 Եւ"sv, "ʼN J\u030C Ι\u0308\u0301 Եւ"sv, "և ΐ ǰ ŉ"sv},
    {"Maße und STRASSE"sv, "MASSE UND STRASSE"sv, "maße und strasse"sv, "Maße Und Strasse"sv, "Maße Und Strasse"sv, "ESSARTS dnu eßaM"sv},
    {"ISTANBUL İSTANBUL"sv, "ISTANBUL İSTANBUL"sv, "istanbul i\u0307stanbul"sv, "Istanbul İstanbul"sv, "Istanbul İstanbul"sv, "LUBNATSİ LUBNATSI"sv},
    {"ıi Iİ"sv, "II Iİ"sv, "ıi ii\u0307"sv, "Ii Ii\u0307"sv, "Ii Ii\u0307"sv, "İI iı"sv},
    {"ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ"sv, "ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ"sv, "οδυσσευς σοφος"sv, "Οδυσσευς Σοφος"sv, "Οδυσσευς Σοφος"sv, "ΣΟΦΟΣ ΣΥΕΣΣΥΔΟ"sv},
    {"Σ ΑΣ ΑΣΑ ΑΣ. Α.Σ ΑΣ\u00AD"sv, "Σ ΑΣ ΑΣΑ ΑΣ. Α.Σ ΑΣ\u00AD"sv, "σ ας ασα ας. α.ς ας\u00AD"sv, "Σ Ας Ασα Ας. Α.Σ Ας\u00AD"sv, "Σ Ας Ασα Ας. Α.ς Ας\u00AD"sv, "\u00ADΣΑ Σ.Α .ΣΑ ΑΣΑ ΣΑ Σ"sv},
    {"ς σ Σ"sv, "Σ Σ Σ"sv, "ς σ σ"sv, "Σ Σ Σ"sv, "Σ Σ Σ"sv, "Σ σ ς"sv},
    {"Σ\u0301 Α\u0301Σ\u0301"sv, "Σ\u0301 Α\u0301Σ\u0301"sv, "σ\u0301 α\u0301ς\u0301"sv, "Σ\u0301 Α\u0301Σ\u0301"sv, "Σ\u0301 Α\u0301ς\u0301"sv, "\u0301Σ\u0301Α \u0301Σ"sv},
    {"άέ ᾳ ᾼ ῷ"sv, "ΆΈ ΑΙ ΑΙ Ω\u0342Ι"sv, "άέ ᾳ ᾳ ῷ"sv, "Άέ ᾼ ᾼ Ω\u0342\u0345"sv, "Άέ ᾼ ᾼ Ω\u0342\u0345"sv, "ῷ ᾼ ᾳ έά"sv},
    {"ǆ ǅ Ǆ ǆAb ǈ ǌ ǳ"sv, "Ǆ Ǆ Ǆ ǄAB Ǉ Ǌ Ǳ"sv, "ǆ ǆ ǆ ǆab ǉ ǌ ǳ"sv, "ǅ ǅ ǅ ǅab ǈ ǋ ǲ"sv, "ǅ ǅ ǅ ǅab ǈ ǋ ǲ"sv, "ǳ ǌ ǈ bAǆ Ǆ ǅ ǆ"sv},
    {"привет МИР"sv, "ПРИВЕТ МИР"sv, "привет мир"sv, "Привет Мир"sv, "Привет Мир"sv, "РИМ тевирп"sv},
    {"ґанок їжак"sv, "ҐАНОК ЇЖАК"sv, "ґанок їжак"sv, "Ґанок Їжак"sv, "Ґанок Їжак"sv, "кажї конаґ"sv},
    {"հայերեն և"sv, "ՀԱՅԵՐԵՆ ԵՒ"sv, "հայերեն և"sv, "Հայերեն Եւ"sv, "Հայերեն Եւ"sv, "և ներեյահ"sv},
    {"ქართული ᲥᲐᲠᲗᲣᲚᲘ"sv, "ᲥᲐᲠᲗᲣᲚᲘ ᲥᲐᲠᲗᲣᲚᲘ"sv, "ქართული ქართული"sv, "ქართული Ქართული"sv, "ქართული Ქართული"sv, "ᲘᲚᲣᲗᲠᲐᲥ ილუთრაქ"sv},
    {"Ꭰꭰ ᏸ"sv, "ᎠᎠ Ᏸ"sv, "ꭰꭰ ᏸ"sv, "Ꭰꭰ Ᏸ"sv, "Ꭰꭰ Ᏸ"sv, "ᏸ ꭰᎠ"sv},
    {"𐐨𐐀 deseret"sv, "𐐀𐐀 DESERET"sv, "𐐨𐐨 deseret"sv, "𐐀𐐨 Deseret"sv, "𐐀𐐨 Deseret"sv, "teresed 𐐀𐐨"sv},
    {"\U0001E900\U0001E922"sv, "\U0001E900\U0001E900"sv, "\U0001E922\U0001E922"sv, "\U0001E900\U0001E922"sv, "\U0001E900\U0001E922"sv, "\U0001E922\U0001E900"sv},
    {"e\u0301le\u0300ve"sv, "E\u0301LE\u0300VE"sv, "e\u0301le\u0300ve"sv, "E\u0301Le\u0300Ve"sv, "E\u0301le\u0300ve"sv, "ev\u0300el\u0301e"sv},
    {"E\u0301A\u030A"sv, "E\u0301A\u030A"sv, "e\u0301a\u030A"sv, "E\u0301A\u030A"sv, "E\u0301a\u030A"sv, "\u030AA\u0301E"sv},
    {"noël noe\u0308l"sv, "NOËL NOE\u0308L"sv, "noël noe\u0308l"sv, "Noël Noe\u0308L"sv, "Noël Noe\u0308l"sv, "l\u0308eon lëon"sv},
    {"한국어"sv, "한국어"sv, "한국어"sv, "한국어"sv, "한국어"sv, "어국한"sv},
    {"\u1112\u1161\u11AB\u1100\u116E\u11A8"sv, "\u1112\u1161\u11AB\u1100\u116E\u11A8"sv, "\u1112\u1161\u11AB\u1100\u116E\u11A8"sv, "\u1112\u1161\u11AB\u1100\u116E\u11A8"sv, "\u1112\u1161\u11AB\u1100\u116E\u11A8"sv, "\u11A8\u116E\u1100\u11AB\u1161\u1112"sv},
    {"日本語テキスト"sv, "日本語テキスト"sv, "日本語テキスト"sv, "日本語テキスト"sv, "日本語テキスト"sv, "トスキテ語本日"sv},
    {"\u05E9\u05DC\u05D5\u05DD \u05E2\u05D5\u05DC\u05DD"sv, "\u05E9\u05DC\u05D5\u05DD \u05E2\u05D5\u05DC\u05DD"sv, "\u05E9\u05DC\u05D5\u05DD \u05E2\u05D5\u05DC\u05DD"sv, "\u05E9\u05DC\u05D5\u05DD \u05E2\u05D5\u05DC\u05DD"sv, "\u05E9\u05DC\u05D5\u05DD \u05E2\u05D5\u05DC\u05DD"sv, "\u05DD\u05DC\u05D5\u05E2 \u05DD\u05D5\u05DC\u05E9"sv},
    {"\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"sv, "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"sv, "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"sv, "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"sv, "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645"sv, "\u0645\u0644\u0627\u0639\u0644\u0627\u0628 \u0627\u0628\u062D\u0631\u0645"sv},
    {"ภาษาไทย"sv, "ภาษาไทย"sv, "ภาษาไทย"sv, "ภาษาไทย"sv, "ภาษาไทย"sv, "ยทไาษาภ"sv},
    {"नमस\u094Dत\u0947 द\u0941न\u093Fय\u093E"sv, "नमस\u094Dत\u0947 द\u0941न\u093Fय\u093E"sv, "नमस\u094Dत\u0947 द\u0941न\u093Fय\u093E"sv, "नमस\u094Dत\u0947 द\u0941न\u093Fय\u093E"sv, "नमस\u094Dत\u0947 द\u0941न\u093Fय\u093E"sv, "\u093Eय\u093Fन\u0941द \u0947त\u094Dसमन"sv},
    {"👨\u200D👩\u200D👧\u200D👦 family"sv, "👨\u200D👩\u200D👧\u200D👦 FAMILY"sv, "👨\u200D👩\u200D👧\u200D👦 family"sv, "👨\u200D👩\u200D👧\u200D👦 Family"sv, "👨\u200D👩\u200D👧\u200D👦 Family"sv, "ylimaf 👦\u200D👧\u200D👩\u200D👨"sv},
    {"🇦🇹🇩🇪🇦"sv, "🇦🇹🇩🇪🇦"sv, "🇦🇹🇩🇪🇦"sv, "🇦🇹🇩🇪🇦"sv, "🇦🇹🇩🇪🇦"sv, "🇦🇪🇩🇹🇦"sv},
    {"👍\U0001F3FD ok ✌\uFE0F"sv, "👍\U0001F3FD OK ✌\uFE0F"sv, "👍\U0001F3FD ok ✌\uFE0F"sv, "👍\U0001F3FD Ok ✌\uFE0F"sv, "👍\U0001F3FD Ok ✌\uFE0F"sv, "\uFE0F✌ ko \U0001F3FD👍"sv},
    {"e\u0301\u0323 x"sv, "E\u0301\u0323 X"sv, "e\u0301\u0323 x"sv, "E\u0301\u0323 X"sv, "E\u0301\u0323 X"sv, "x \u0323\u0301e"sv},
    {"ⓐⓑ ⅰⅷ"sv, "ⒶⒷ ⅠⅧ"sv, "ⓐⓑ ⅰⅷ"sv, "Ⓐⓑ Ⅰⅷ"sv, "Ⓐⓑ Ⅰⅷ"sv, "ⅷⅰ ⓑⓐ"sv},
    {"ʰa ªb ʼn"sv, "ʰA ªB ʼN"sv, "ʰa ªb ʼn"sv, "ʰa ªb ʼN"sv, "ʰa ªb ʼn"sv, "nʼ bª aʰ"sv},
    {"\u0345α"sv, "ΙΑ"sv, "\u0345α"sv, "Ια"sv, "Ια"sv, "α\u0345"sv},
    {"\u0301abc"sv, "\u0301ABC"sv, "\u0301abc"sv, "\u0301Abc"sv, "\u0301abc"sv, "cba\u0301"sv},
    {"‘tis “quoted” ‚yes‘"sv, "‘TIS “QUOTED” ‚YES‘"sv, "‘tis “quoted” ‚yes‘"sv, "‘Tis “Quoted” ‚Yes‘"sv, "‘tis “quoted” ‚yes‘"sv, "‘sey‚ ”detouq“ sit‘"sv},
    {"l’été d'été"sv, "L’ÉTÉ D'ÉTÉ"sv, "l’été d'été"sv, "L’Été D'Été"sv, "L’été D'été"sv, "été'd été’l"sv},
    {"x.y.z a:b c;d e,f 1,2.3"sv, "X.Y.Z A:B C;D E,F 1,2.3"sv, "x.y.z a:b c;d e,f 1,2.3"sv, "X.Y.Z A:B C;D E,F 1,2.3"sv, "X.y.z A:b C;d E,f 1,2.3"sv, "3.2,1 f,e d;c b:a z.y.x"sv},
    {"Mc\u00ADDonald"sv, "MC\u00ADDONALD"sv, "mc\u00ADdonald"sv, "Mc\u00ADDonald"sv, "Mc\u00ADdonald"sv, "dlanoD\u00ADcM"sv},
    {"\uFEFFbom"sv, "\uFEFFBOM"sv, "\uFEFFbom"sv, "\uFEFFBom"sv, "\uFEFFbom"sv, "mob\uFEFF"sv},
    {"\uE000private"sv, "\uE000PRIVATE"sv, "\uE000private"sv, "\uE000Private"sv, "\uE000private"sv, "etavirp\uE000"sv},
    {"ａｂＣ"sv, "ＡＢＣ"sv, "ａｂｃ"sv, "Ａｂｃ"sv, "Ａｂｃ"sv, "Ｃｂａ"sv},
    {"ß"sv, "SS"sv, "ß"sv, "Ss"sv, "Ss"sv, "ß"sv},
    {"ẞ"sv, "ẞ"sv, "ß"sv, "ẞ"sv, "ẞ"sv, "ẞ"sv},
    {"ŉa"sv, "ʼNA"sv, "ŉa"sv, "ʼNa"sv, "ʼNa"sv, "aŉ"sv},
    {"ﬀ"sv, "FF"sv, "ﬀ"sv, "Ff"sv, "Ff"sv, "ﬀ"sv},
    {"K Å Ω"sv, "K Å Ω"sv, "k å ω"sv, "K Å Ω"sv, "K Å Ω"sv, "Ω Å K"sv},
    {"ſ ẛ"sv, "S Ṡ"sv, "ſ ẛ"sv, "S Ṡ"sv, "S Ṡ"sv, "ẛ ſ"sv},
};
// clang-format on

TEST(ContentRule, AcceptsWhatPythonAnswers) {
  for (const PythonRow& row : python_rows) {
    EXPECT_TRUE(answers(Action::uppercase, row.text, row.upper)) << row.text;
    EXPECT_TRUE(answers(Action::lowercase, row.text, row.lower)) << row.text;
    EXPECT_TRUE(answers(Action::title_case, row.text, row.title)) << row.text;
    EXPECT_TRUE(answers(Action::title_case, row.text, row.capwords)) << row.text;
    EXPECT_TRUE(answers(Action::reverse, row.text, row.reversed)) << row.text;
    EXPECT_TRUE(answers(Action::shuffle, row.text, row.reversed)) << row.text;
  }
}

TEST(ContentRule, AcceptsWhatOurOwnResponderAnswers) {
  for (const PythonRow& row : python_rows) {
    for (const Action action : all_actions) {
      const std::string response = transform(action, row.text, [](auto) { return 0U; });
      EXPECT_TRUE(answers(action, row.text, response)) << to_string(action) << ' ' << row.text;
    }
  }
}

TEST(ContentRule, RefusesTheAnswerToAnotherRequest) {
  for (const PythonRow& row : python_rows) {
    for (const Action action : all_actions) {
      EXPECT_FALSE(answers(action, row.text, std::string(row.text) + "x")) << row.text;
      EXPECT_FALSE(answers(action, std::string(row.text) + "x", row.text)) << row.text;
    }
  }
}

struct Row {
  std::string_view request;
  std::string_view response;
  std::string_view how;
};

void expect_accepted(Action action, const auto& rows) {
  for (const Row& row : rows)
    EXPECT_TRUE(answers(action, row.request, row.response)) << row.request << ": " << row.how;
}

void expect_refused(Action action, const auto& rows) {
  for (const Row& row : rows)
    EXPECT_FALSE(answers(action, row.request, row.response)) << row.request << ": " << row.how;
}

TEST(ContentRule, AcceptsEveryMappingToUpperCase) {
  constexpr Row accepted[] = {
      {"straße é", "STRASSE É", "full"},
      {"straße é", "STRAßE É", "single code points"},
      {"straße é", "STRAßE é", "ASCII"},
      {"ﬁ", "FI", "full"},
      {"ﬁ", "ﬁ", "single code points"},
      {"ᾳ", "ΑΙ", "full"},
      {"ᾳ", "ᾼ", "single code points"},
      {"ıi", "II", "full"},
      {"ıi", "ıI", "ASCII"},
      {"", "", "nothing"},
  };
  expect_accepted(Action::uppercase, accepted);
  constexpr Row refused[] = {
      {"straße é", "straße é", "unchanged"},
      {"straße é", "STRASSE é", "two mappings mixed"},
      {"hello", "Hello", "title case"},
      {"hello", "HELLO\n", "a line"},
      {"hello", "HELLO ", "a space more"},
      {"hello", "HELL", "cut"},
      {"hello", "", "nothing"},
      {"", "X", "something for nothing"},
      {"i", "İ", "Turkish"},
  };
  expect_refused(Action::uppercase, refused);
}

TEST(ContentRule, AcceptsEveryMappingToLowerCase) {
  constexpr Row accepted[] = {
      {"ΌΔΟΣ A", "όδος a", "full, with the final sigma"},
      {"ΌΔΟΣ A", "όδοσ a", "single code points"},
      {"ΌΔΟΣ A", "ΌΔΟΣ a", "ASCII"},
      {"İI", "i\u0307i", "full"},
      {"İI", "ii", "single code points"},
      {"İI", "İi", "ASCII"},
  };
  expect_accepted(Action::lowercase, accepted);
  constexpr Row refused[] = {
      {"ΌΔΟΣ A", "όδοΣ a", "two mappings mixed"},
      {"HELLO", "hellO", "half done"},
      {"I", "ı", "Turkish"},
  };
  expect_refused(Action::lowercase, refused);
}

TEST(ContentRule, AcceptsEveryNotionOfAWordInTitleCase) {
  constexpr Row accepted[] = {
      {"they're x-ray", "They're X-Ray", "word boundaries"},
      {"they're x-ray", "They're X-ray", "spaces"},
      {"they're x-ray", "They'Re X-Ray", "runs of letters"},
      {"a\tb", "A\tb", "split at spaces only"},
      {"a\tb", "A\tB", "split at white space"},
      {"  a  b ", "A B", "spaces collapsed"},
      {"\u00A0a\u00A0b", "A B", "spaces collapsed"},
      {"_abc", "_Abc", "word boundaries"},
      {"_abc", "_abc", "spaces"},
      {"3d", "3d", "word boundaries"},
      {"3d", "3D", "runs of letters"},
  };
  expect_accepted(Action::title_case, accepted);
  constexpr Row refused[] = {
      {"they're x-ray", "they're x-ray", "unchanged"},
      {"they're x-ray", "THEY'RE X-RAY", "upper case"},
      {"they're x-ray", "They're x-ray", "the first word only"},
      {"they're x-ray", "They'Re X-ray", "two notions mixed"},
      {"a  b", "AB", "spaces lost"},
  };
  expect_refused(Action::title_case, refused);
}

TEST(ContentRule, AcceptsEveryMappingInTitleCase) {
  constexpr Row accepted[] = {
      {"ǆa ßA ÉT ", "ǅa Ssa Ét ", "full, title"},
      {"ǆa ßA ÉT ", "Ǆa SSa Ét ", "full, upper"},
      {"ǆa ßA ÉT ", "ǅa ßa Ét ", "single code points, title"},
      {"ǆa ßA ÉT ", "Ǆa ßa Ét ", "single code points, upper"},
      {"ǆa ßA ÉT ", "ǆa ßa Ét ", "ASCII"},
      {"éÉ'ÉÉ", "Éé'éé", "full, word boundaries"},
      {"éÉ'ÉÉ", "Éé'Éé", "full, runs of letters"},
      {"éÉ'ÉÉ", "éÉ'ÉÉ", "ASCII"},
      {"ΑΣ.Α ΣΑΣ", "Ασ.Α Σας", "full; the run ends there, the sigma's word does not"},
      {"ΑΣ ΣΑΣ", "Ας Σας", "full"},
      {"ΑΣ ΣΑΣ", "Ασ Σασ", "single code points"},
      {"ΑΣ ΣΑΣ", "ΑΣ ΣΑΣ", "ASCII"},
  };
  expect_accepted(Action::title_case, accepted);
}

TEST(ContentRule, AcceptsAReversalByByteCodePointAndGrapheme) {
  constexpr Row accepted[] = {
      {"aé",
       "\xA9\xC3"
       "a",
       "byte"},
      {"aé", "éa", "code point"},
      {"ae\u0301", "\u0301ea", "code point"},
      {"ae\u0301", "e\u0301a", "grapheme cluster"},
      {"🇦🇹!", "!🇹🇦", "code point"},
      {"🇦🇹!", "!🇦🇹", "grapheme cluster"},
      {"a\r\nb", "b\n\ra", "byte"},
      {"a\r\nb", "b\r\na", "grapheme cluster"},
      {"a\0b"sv, "b\0a"sv, "byte"},
  };
  expect_accepted(Action::reverse, accepted);
  constexpr Row refused[] = {
      {"abc", "abc", "unchanged"},
      {"abc", "bca", "another order"},
      {"a\0b"sv, "b", "cut at the NUL"},
      {"ab", "Ba", "another case"},
  };
  expect_refused(Action::reverse, refused);
}

TEST(ContentRule, AcceptsEveryPermutationAsAShuffle) {
  std::string bytes = "aabé";
  std::ranges::sort(bytes);
  do {
    EXPECT_TRUE(answers(Action::shuffle, "aabé", bytes)) << bytes;
  } while (std::ranges::next_permutation(bytes).found);
}

TEST(ContentRule, RefusesAShuffleThatLosesOrAddsOrSwapsAByte) {
  constexpr Row refused[] = {
      {"aabé", "abé", "one a lost"},
      {"aabé", "aaabé", "one a more"},
      {"aabé", "abbé", "an a for a b"},
      {"aabé", "Aabé", "another case"},
      {"aabé", "aabe\u0301", "the same letters in other bytes"},
      {"aabé", "", "nothing"},
      {"", "a", "something for nothing"},
      {"a\0"sv, "a", "the NUL lost"},
  };
  expect_refused(Action::shuffle, refused);
}

TEST(ContentRule, CountsEachByteOfAShuffleBeyondWhatOneOrTwoBytesHold) {
  for (const std::size_t size : {255U, 256U, 65'535U, 65'536U}) {
    const std::string text(size, 'a');
    EXPECT_TRUE(answers(Action::shuffle, text, text)) << size;
    EXPECT_FALSE(answers(Action::shuffle, text, text + 'a')) << size;
    EXPECT_FALSE(answers(Action::shuffle, text, text.substr(1))) << size;
  }
}

TEST(ContentRule, HasNoDuplicateAmongItsKeys) {
  for (const PythonRow& row : python_rows) {
    for (const Action action : all_actions) {
      const std::vector<std::string> keys = answer_keys(action, row.text);
      EXPECT_FALSE(keys.empty());
      EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size())
          << to_string(action) << ' ' << row.text;
    }
  }
}

TEST(ContentRule, HasFewKeysForAscii) {
  using Keys = std::vector<std::string>;
  EXPECT_EQ(answer_keys(Action::uppercase, "Hello"), Keys{"HELLO"});
  EXPECT_EQ(answer_keys(Action::lowercase, "Hello"), Keys{"hello"});
  EXPECT_EQ(answer_keys(Action::reverse, "Hello"), Keys{"olleH"});
  EXPECT_EQ(answer_keys(Action::title_case, "hello world"), Keys{"Hello World"});
  EXPECT_EQ(answer_keys(Action::title_case, "they're"), (Keys{"They'Re", "They're"}));
  EXPECT_EQ(answer_keys(Action::shuffle, "Hello").size(), 1U);
}

TEST(ContentRule, FoldsARequestAndItsAnswersTogether) {
  for (const PythonRow& row : python_rows) {
    for (const auto& [action, response] :
         {std::pair{Action::uppercase, row.upper}, std::pair{Action::lowercase, row.lower},
          std::pair{Action::title_case, row.title}}) {
      if (row.text.find("ı") != std::string_view::npos)
        continue;  // folds to itself, "I" to "i"
      EXPECT_EQ(folded_key(action, row.text), folded_key(action, response)) << row.text;
    }
  }
}

TEST(ContentRule, FoldsBeyondTheMappingsThatItKnows) {
  EXPECT_EQ(folded_key(Action::uppercase, "Straße ΟΔΟΣ"), "strasse οδοσ");
  EXPECT_EQ(folded_key(Action::uppercase, "straße é"), folded_key(Action::uppercase, "STRASSE é"));
  EXPECT_EQ(folded_key(Action::title_case, "hello World"),
            folded_key(Action::title_case, "Hello world"));
  EXPECT_EQ(folded_key(Action::lowercase, "ΑΣ"), folded_key(Action::lowercase, "ας"));
  EXPECT_NE(folded_key(Action::lowercase, "ab"), folded_key(Action::lowercase, "ac"));
  EXPECT_EQ(folded_key(Action::lowercase, ""), "");
  EXPECT_EQ(folded_key(Action::lowercase, "A\0B"sv), "a\0b"sv);
}

TEST(ContentRule, FoldsOnlyTheCaseActionsAndOnlyUtf8) {
  EXPECT_EQ(folded_key(Action::reverse, "abc"), std::nullopt);
  EXPECT_EQ(folded_key(Action::shuffle, "abc"), std::nullopt);
  for (const Action action : {Action::uppercase, Action::lowercase, Action::title_case}) {
    EXPECT_TRUE(folded_key(action, "abc"));
    EXPECT_EQ(folded_key(action, "\xFF"), std::nullopt);
    EXPECT_EQ(folded_key(action, "\xED\xA0\x80"), std::nullopt);
  }
}

TEST(ContentRule, TakesAResponseThatIsNotUtf8) {
  for (const Action action : all_actions) {
    EXPECT_FALSE(answers(action, "hello", "\xFF\xC0\x80"));
  }
}

TEST(ContentRule, ChecksAMebibyte) {
  for (const std::string_view piece :
       {"hello WORLD, they're "sv, "Straße ΟΔΟΣ "sv, "👨\u200D👩\u200D👧 "sv, "\r\n"sv}) {
    const std::string request = repeated(piece, limits::payload_bytes);
    for (const Action action : all_actions) {
      std::string response = transform(action, request, [](auto bound) { return bound / 2; });
      EXPECT_TRUE(answers(action, request, response)) << to_string(action) << ' ' << piece;
      response.back() ^= 1;
      EXPECT_FALSE(answers(action, request, response)) << to_string(action) << ' ' << piece;
    }
  }
}

/// Every character that case mappings or title-casing treat in some way of their own.
std::vector<std::string> characters_that_matter() {
  std::vector<std::string> characters;
  for (UChar32 c = 0; c <= 0x10FFFF; ++c) {
    if (U_IS_SURROGATE(c) || !(u_hasBinaryProperty(c, UCHAR_CHANGES_WHEN_CASEMAPPED) ||
                               u_hasBinaryProperty(c, UCHAR_CASED) || u_isspace(c)))
      continue;
    icu::UnicodeString(c).toUTF8String(characters.emplace_back());
  }
  return characters;
}

TEST(Likeness, IsThatOfEveryAnswer) {
  for (const std::string& c : characters_that_matter()) {
    const std::string request = "x" + c + "y " + c + c + "\tI";
    for (const Action action : {Action::uppercase, Action::lowercase, Action::title_case}) {
      for (const std::string& answer : answer_keys(action, request))
        ASSERT_EQ(prefilter_key(action, answer), prefilter_key(action, request)) << answer;
    }
  }
}

TEST(Likeness, IsThatOfWhatIsEqualUnderFolding) {
  for (const std::string& c : characters_that_matter()) {
    const std::string folded = *folded_key(Action::uppercase, c);
    ASSERT_EQ(prefilter_key(Action::uppercase, folded), prefilter_key(Action::uppercase, c)) << c;
  }
}

TEST(Likeness, IsThatOfEveryPermutation) {
  for (const Action action : {Action::reverse, Action::shuffle}) {
    EXPECT_EQ(prefilter_key(action, "é\xff!"), prefilter_key(action, "!\xff\xa9\xc3"));
    EXPECT_NE(prefilter_key(action, "aab"), prefilter_key(action, "abb"));
  }
}

TEST(Likeness, TellsOtherTextsApart) {
  EXPECT_NE(prefilter_key(Action::uppercase, "one"), prefilter_key(Action::uppercase, "two"));
  EXPECT_NE(prefilter_key(Action::uppercase, ""), prefilter_key(Action::uppercase, "\xff"));
}

}  // namespace
}  // namespace mqtt_bridge

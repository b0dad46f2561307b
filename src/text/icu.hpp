// What our text functions have of ICU in common: its errors, and the boundaries that it finds.
#pragma once

#include <unicode/brkiter.h>
#include <unicode/utypes.h>

namespace mqtt_bridge {

/// An error of ICU's becomes an exception: on well-formed text it fails for want of memory or of
/// its data only.
void check(UErrorCode status);

/// Each thread has one of its own, which keeps the text that it was last set to. Boundaries of
/// words and of extended grapheme clusters (UAX #29), in no language.
icu::BreakIterator& word_breaks();
icu::BreakIterator& grapheme_breaks();

}  // namespace mqtt_bridge

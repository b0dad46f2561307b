#include "text/icu.hpp"

#include <memory>
#include <stdexcept>
#include <string>

#include <unicode/locid.h>

namespace mqtt_bridge {
namespace {

using OpenBreakIterator = icu::BreakIterator* (*)(const icu::Locale&, UErrorCode&);

std::unique_ptr<icu::BreakIterator> opened(OpenBreakIterator open) {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::BreakIterator> iterator(open(icu::Locale::getRoot(), status));
  check(status);
  return iterator;
}

}  // namespace

void check(UErrorCode status) {
  if (U_FAILURE(status))
    throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
}

// Opening an iterator parses its rules, which costs far more than a short text: once per thread.

icu::BreakIterator& word_breaks() {
  thread_local const auto iterator = opened(&icu::BreakIterator::createWordInstance);
  return *iterator;
}

icu::BreakIterator& grapheme_breaks() {
  thread_local const auto iterator = opened(&icu::BreakIterator::createCharacterInstance);
  return *iterator;
}

}  // namespace mqtt_bridge

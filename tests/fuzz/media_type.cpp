// The input: the value of a Content-Type field; and the same as the value of its charset.
#include "http/media_type.hpp"

#include <string>

#include "fuzz.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  const auto charset = foreign_charset(input);
  require(!charset || !charset->empty(), "a charset has a name");
  require(!charset || charset->size() < input.size(), "a charset stands in its field");

  std::string quoted;
  for (const char c : input)
    quoted.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
  const auto again = foreign_charset("text/plain; charset=\"" + quoted + "\"; a=b");
  require(!again || *again == input, "a quoted charset is what is in the quotes");
  const auto behind = foreign_charset("text/plain; a=\"" + quoted + "\"; charset=x");
  require(behind == "x", "what is quoted hides nothing that follows");
}

}  // namespace mqtt_bridge

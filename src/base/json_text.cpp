#include "base/json_text.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/limits/call.hpp"

namespace mqtt_bridge {
namespace {

// Not ordered_json, which looks through all the members of an object for each new one.
using Parsed = nlohmann::json;
using Pointer = Parsed::json_pointer;

/// Ends the parsing of a text that is not taken.
struct NotTaken {
  std::string why;
};

/// Called by the library for each part of a text.
class Inspector {
 public:
  bool operator()(int depth, Parsed::parse_event_t event, Parsed& parsed) {
    switch (event) {
      case Parsed::parse_event_t::object_start:
      case Parsed::parse_event_t::array_start:
        if (static_cast<std::size_t>(depth) >= limits::json_depth)
          throw NotTaken{"it is nested too deep"};
        names_.emplace_back();
        break;
      case Parsed::parse_event_t::key: {
        const auto& name = parsed.get_ref<const std::string&>();
        if (!names_.back().insert(name).second)
          throw NotTaken{"an object in it has the member \"" + name + "\" twice"};
        break;
      }
      case Parsed::parse_event_t::object_end:
      case Parsed::parse_event_t::array_end:
        names_.pop_back();
        break;
      case Parsed::parse_event_t::value:
        break;
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
};

const Parsed* find(const Parsed& document, const std::string& pointer) {
  try {
    const Pointer place(pointer);
    return document.contains(place) ? &document.at(place) : nullptr;
  } catch (const Parsed::exception&) {  // it leads nowhere in this document
    return nullptr;
  }
}

Parsed json_of(const JsonScalar& scalar) {
  return std::visit([](const auto& value) { return Parsed(value); }, scalar);
}

std::string dump(const Parsed& json) {
  return json.dump(-1, ' ', false, Parsed::error_handler_t::replace);
}

}  // namespace

struct JsonText::Document {
  Parsed json;
};

JsonText::JsonText(std::unique_ptr<Document> document) : document_(std::move(document)) {}
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;
JsonText::~JsonText() = default;

std::variant<JsonText, std::string> JsonText::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)  // which the library takes for the end
    return "it is not JSON";
  try {
    auto document = std::make_unique<Document>();
    document->json = Parsed::parse(
        text,
        [inspector = Inspector()](int depth, Parsed::parse_event_t event, Parsed& parsed) mutable {
          return inspector(depth, event, parsed);
        },
        false);
    if (document->json.is_discarded())
      return "it is not JSON";
    return JsonText(std::move(document));
  } catch (const NotTaken& not_taken) {
    return not_taken.why;
  }
}

std::optional<std::string> JsonText::id_at(const std::string& pointer) const {
  const Parsed* const value = find(document_->json, pointer);
  if (value == nullptr)
    return std::nullopt;
  if (value->is_string())
    return value->get<std::string>();
  return value->is_number_integer() ? std::optional(value->dump()) : std::nullopt;
}

bool JsonText::has(const JsonTest& test) const {
  const Parsed* const value = find(document_->json, test.pointer);
  return value != nullptr && *value == json_of(test.value);
}

bool JsonText::is_set(const std::string& pointer) const {
  const Parsed* const value = find(document_->json, pointer);
  if (value == nullptr || value->is_null())
    return false;
  if (value->is_boolean())
    return value->get<bool>();
  if (value->is_number())
    return *value != 0;
  return value->is_string() ? !value->get_ref<const std::string&>().empty() : !value->empty();
}

std::string JsonText::words_at(const std::string& pointer) const {
  const Parsed* const value = find(document_->json, pointer);
  if (value == nullptr)
    return {};
  if (value->is_string())
    return value->get<std::string>();
  for (const char* const name : {"message", "reason", "error", "description"}) {
    if (const auto member = value->find(name);
        value->is_object() && member != value->end() && member->is_string()) {
      return member->get<std::string>();
    }
  }
  return dump(*value);
}

std::optional<std::string> JsonText::string_at(const std::string& pointer) const {
  const Parsed* const value = find(document_->json, pointer);
  if (value == nullptr || !value->is_string())
    return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::string> JsonText::json_at(const std::string& pointer) const {
  const Parsed* const value = find(document_->json, pointer);
  return value != nullptr ? std::optional(dump(*value)) : std::nullopt;
}

std::vector<std::string> JsonText::names() const {
  std::vector<std::string> names;
  if (!document_->json.is_object())
    return names;
  for (const auto& [name, value] : document_->json.items())
    names.push_back(name);
  return names;
}

bool JsonText::is_object() const {
  return document_->json.is_object();
}

bool is_json_pointer(std::string_view text) {
  try {
    static_cast<void>(Pointer(std::string(text)));
    return true;
  } catch (const Parsed::exception&) {
    return false;
  }
}

}  // namespace mqtt_bridge

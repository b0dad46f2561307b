// Of route_config.hpp: routes beside each other.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "exchange/topic.hpp"
#include "route/route_config.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

std::string where(const Route& route) {
  return route.file + ":" + std::to_string(route.line);
}

/// The path with its variables' names left out: paths of one shape are the same paths.
std::string shape_of(const PathPattern& pattern) {
  std::string shape;
  for (const auto& [text, kind] : pattern.segments) {
    shape += kind == PathPattern::Kind::literal ? "/" + text
             : kind == PathPattern::Kind::one   ? "/{}"
                                                : "/{...}";
  }
  return shape;
}

constexpr std::string_view any_level = "+";

/// A level of the topics of a route.
struct Level {
  std::string text;                                   // "+": that has a variable
  const std::vector<std::string>* allowed = nullptr;  // its values, where it is a variable of these
  std::string begin = {};                             // before and after its variables
  std::string end = {};

  bool is_open() const { return text == any_level; }
};
using Levels = std::vector<Level>;

/// The values that the level may have; null where they have no limit.
const std::vector<std::string>* allowed_at(const Route& route, std::string_view level) {
  const auto limit = std::find_if(
      route.allowed.begin(), route.allowed.end(),
      [level](const Route::Allowed& each) { return level == "{" + each.variable + "}"; });
  return limit != route.allowed.end() ? &limit->values : nullptr;
}

Levels levels_in(const Route& route, std::string_view topic) {
  Levels levels;
  for (const std::string_view level : levels_of(topic)) {
    const bool is_ours = level == "{" + std::string(client_variable) + "}";
    const bool is_open = !is_ours && level.find_first_of("{+") != std::string_view::npos;
    levels.push_back({is_open ? "+" : std::string(level), allowed_at(route, level)});
    if (is_open && level != any_level) {
      levels.back().begin = level.substr(0, level.find('{'));
      levels.back().end = level.substr(level.rfind('}') + 1);
    }
  }
  return levels;
}

/// Nothing where a variable of several levels makes it any topic.
std::optional<Levels> levels_in(const Route& route, const TextTemplate& topic) {
  const auto& last = route.pattern.segments.back();
  if (last.kind == PathPattern::Kind::rest && topic.has(last.text))
    return std::nullopt;
  return levels_in(route, topic.text());
}

std::string filter_of(const Levels& levels) {
  std::string filter;
  for (const Level& level : levels)
    filter.append(filter.empty() ? "" : "/").append(level.text);
  return filter;
}

/// Whether a text can begin and end as both say.
bool have_common_ends(const Level& a, const Level& b) {
  return (a.begin.starts_with(b.begin) || b.begin.starts_with(a.begin)) &&
         (a.end.ends_with(b.end) || b.end.ends_with(a.end));
}

bool may_be_same(const Level& a, const Level& b) {
  if (!a.is_open() && !b.is_open())
    return a.text == b.text;
  if (!a.is_open() || !b.is_open()) {
    const Level& open = a.is_open() ? a : b;
    const Level& other = a.is_open() ? b : a;
    return other.text.starts_with(open.begin) && other.text.ends_with(open.end) &&
           (open.allowed == nullptr || is_allowed_value(other.text, *open.allowed));
  }
  if (!have_common_ends(a, b))
    return false;
  if (a.allowed == nullptr || b.allowed == nullptr)
    return true;
  const auto has_star = [](const auto& text) { return text.find('*') != std::string::npos; };
  return std::any_of(a.allowed->begin(), a.allowed->end(), [&](const std::string& value) {
    return has_star(value) || is_allowed_value(value, *b.allowed) ||
           std::any_of(b.allowed->begin(), b.allowed->end(), has_star);
  });
}

/// Whether some topic is one of both.
bool may_overlap(const Levels& a, const Levels& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), may_be_same);
}

/// Where the answers of a route come.
struct AnswerTopic {
  const Route* route;
  Levels levels;
  std::string filter;
  std::string response_filter;  // of the route; empty where it is not known
  bool is_of_errors;
};

/// Those whose topics are known.
std::vector<AnswerTopic> answer_topics_of(const Route& route) {
  std::vector<AnswerTopic> topics;
  if (route.linked == Route::Linked::not_at_all)
    return topics;
  const auto of_responses = levels_in(route, route.response_topic);
  const std::string response_filter = of_responses ? filter_of(*of_responses) : "";
  for (const TextTemplate* const topic : {&route.response_topic, &route.error_topic}) {
    const auto levels = topic->text().empty() ? std::nullopt : levels_in(route, *topic);
    if (levels) {
      topics.push_back(
          {&route, *levels, filter_of(*levels), response_filter, topic == &route.error_topic});
    }
  }
  return topics;
}

/// Whether answers of both can be told apart, where they come on one topic.
bool are_apart(const AnswerTopic& a, const AnswerTopic& b) {
  const bool takes_turns = a.route->linked == Route::Linked::by_turn;
  if (takes_turns != (b.route->linked == Route::Linked::by_turn))
    return false;
  // Those that take turns wait for one another on one response topic.
  return !takes_turns || (!a.response_filter.empty() && a.response_filter == b.response_filter);
}

/// The action of the bridge's own whose answers may come there too; nothing where none do.
std::optional<Action> action_at(const Route& route, const AnswerTopic& topic) {
  if (route.linked != Route::Linked::by_turn)
    return std::nullopt;
  for (const Action action : all_actions) {
    if (may_overlap(topic.levels, levels_in(route, response_topic("+", to_string(action)))))
      return action;
  }
  return std::nullopt;
}

/// Where the bridge is told other things.
std::string fault_beside_ours(const Route& route) {
  static const std::set<std::string_view> ours{"transform", "healthz", "readyz",       "metrics",
                                               "status",    "calls",   "openapi.json", "problems"};
  if (ours.contains(route.pattern.segments.front().text))
    return "/" + route.pattern.segments.front().text + " is the bridge's own; name another path";
  for (const AnswerTopic& topic : answer_topics_of(route)) {
    const std::string key = topic.is_of_errors ? "error-topic: " : "response-topic: ";
    if (!topic.levels.front().is_open() &&
        may_overlap(topic.levels, levels_in(route, status_topic("+")))) {
      return key + "there responders announce themselves";
    }
    const auto action = action_at(route, topic);
    if (action && topic.filter.find(to_string(*action)) != std::string::npos) {
      return key + "there the answers of /transform/" + std::string(to_string(*action)) + " come";
    }
  }
  return {};
}

using Shape = std::pair<std::string, std::string>;  // of a path, and the method
using Shapes = std::map<Shape, const Route*>;

/// The more literal routes that serve all that `route` could, where there are such.
std::string why_never_reached(const Route& route, const std::string& method, const Shapes& shapes) {
  if (route.pattern.segments.back().kind != PathPattern::Kind::rest)
    return {};
  std::string shape = shape_of(route.pattern);
  const std::string rest = shape.substr(shape.rfind('/'));
  shape.resize(shape.rfind('/'));
  std::string served;
  for (;;) {
    shape += "/{}";
    const auto one = shapes.find({shape, method});
    if (one == shapes.end())
      return {};
    served += one->second->path + " (" + where(*one->second) + "), ";
    if (const auto more = shapes.find({shape + rest, method}); more != shapes.end())
      return served + "and " + more->second->path + " (" + where(*more->second) + ")";
  }
}

}  // namespace

std::string conflict_of(const std::vector<std::shared_ptr<const Route>>& routes) {
  Shapes shapes;
  std::map<std::string, AnswerTopic> by_filter;
  for (const auto& route : routes) {
    if (auto fault = fault_beside_ours(*route); !fault.empty())
      return where(*route) + ": " + fault;
    for (const auto& method : route->methods) {
      const auto [other, is_new] =
          shapes.emplace(Shape(shape_of(route->pattern), method), route.get());
      if (!is_new) {
        return where(*route) + ": " + method + " " + route->path + " is what the route of " +
               where(*other->second) + " serves already";
      }
    }
    for (const AnswerTopic& topic : answer_topics_of(*route)) {
      const auto [other, is_new] = by_filter.emplace(topic.filter, topic);
      if (is_new || are_apart(topic, other->second) ||
          !may_overlap(topic.levels, other->second.levels)) {
        continue;
      }
      return where(*route) + ": its answers come on the topic of those of " +
             where(*other->second.route) +
             ", and one of the two has no id in its answers, so that they cannot be told apart";
    }
  }
  for (const auto& route : routes) {
    for (const auto& method : route->methods) {
      if (const auto why = why_never_reached(*route, method, shapes); !why.empty()) {
        return where(*route) + ": " + method + " " + route->path + " is never reached: " + why +
               " serve all of it";
      }
    }
  }
  return {};
}

namespace {

bool is_of_callers(const Route& route, const TextTemplate& topic) {
  if (!topic.begins_with_variable())
    return false;
  const auto first = topic.variables().front();
  return first != client_variable && first != id_variable && first != status_variable &&
         std::none_of(route.allowed.begin(), route.allowed.end(),
                      [&first](const auto& allowed) { return allowed.variable == first; });
}

void warn_of_topics(const Route& route, std::vector<std::string>& warnings) {
  if (is_of_callers(route, route.topic)) {
    warnings.push_back(where(route) +
                       ": its topic begins with a variable, so that callers can "
                       "publish nearly anywhere; limit it with allow");
  } else if (is_of_callers(route, route.response_topic) ||
             is_of_callers(route, route.error_topic)) {
    warnings.push_back(where(route) +
                       ": its response-topic or error-topic begins with a variable, so that "
                       "callers can read nearly anything; limit it with allow");
  }
}

/// AnswerTopics by how many levels they have, and by the last one.
class AnswerTopicIndex {
 public:
  explicit AnswerTopicIndex(const std::vector<AnswerTopic>& topics) {
    for (const AnswerTopic& topic : topics)
      by_ends_[{topic.levels.size(), topic.levels.back().text}].push_back(&topic);
  }

  /// Gives `take` all topics that may overlap with `topic`, itself and others besides.
  template <typename Take>
  void like(const AnswerTopic& topic, const Take& take) const {
    const std::size_t levels = topic.levels.size();
    const auto give = [&take](const AnswerTopics& topics) {
      std::for_each(topics.begin(), topics.end(), take);
    };
    if (!topic.levels.back().is_open()) {
      for (const std::string& last : {topic.levels.back().text, std::string(any_level)}) {
        if (const auto ends = by_ends_.find({levels, last}); ends != by_ends_.end())
          give(ends->second);
      }
      return;
    }
    for (auto ends = by_ends_.lower_bound({levels, ""});
         ends != by_ends_.end() && ends->first.first == levels; ++ends) {
      give(ends->second);
    }
  }

 private:
  using AnswerTopics = std::vector<const AnswerTopic*>;
  std::map<std::pair<std::size_t, std::string>, AnswerTopics> by_ends_;
};

/// What a caller could make come on one topic, by the values that it chooses.
void warn_of_overlaps(const std::vector<AnswerTopic>& topics, std::vector<std::string>& warnings) {
  const AnswerTopicIndex index(topics);
  std::set<const Route*> warned;
  for (const AnswerTopic& topic : topics) {
    if (const auto action = action_at(*topic.route, topic);
        action && warned.insert(topic.route).second) {
      warnings.push_back(where(*topic.route) +
                         ": a caller may name the topic on which the answers of /transform/" +
                         std::string(to_string(*action)) +
                         " come, and they cannot be told apart; limit it with allow");
    }
    if (topic.route->linked != Route::Linked::by_turn)
      continue;
    index.like(topic, [&](const AnswerTopic* const other) {
      if (topic.route == other->route || !may_overlap(topic.levels, other->levels) ||
          are_apart(topic, *other) || !warned.insert(topic.route).second) {
        return;
      }
      warnings.push_back(
          where(*topic.route) + ": a caller may name the topic on which the answers of " +
          where(*other->route) + " come, and they cannot be told apart; limit it with allow");
    });
  }
}

}  // namespace

std::vector<std::string> warnings_of(const std::vector<std::shared_ptr<const Route>>& routes) {
  std::vector<std::string> warnings;
  std::vector<AnswerTopic> topics;
  for (const auto& route : routes) {
    warn_of_topics(*route, warnings);
    for (AnswerTopic& topic : answer_topics_of(*route))
      topics.push_back(std::move(topic));
  }
  warn_of_overlaps(topics, warnings);
  return warnings;
}

}  // namespace mqtt_bridge

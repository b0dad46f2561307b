// The input, in lines: Host, Origin and Sec-Fetch-Site of a request, each absent where there is no
// line for it.
#include "http/access.hpp"

#include <algorithm>
#include <vector>

#include <arpa/inet.h>

#include "base/ascii.hpp"
#include "fuzz.hpp"
#include "http/authority.hpp"

namespace mqtt_bridge {
namespace {

const std::vector<std::string> extra_hosts{"bridge.example", "2001:db8::1"};
const AllowList without_pages{.hosts = extra_hosts, .origins = {}, .users = {}};
const AllowList with_pages{.hosts = extra_hosts, .origins = {"https://app.example"}, .users = {}};

bool may_call(const Caller& caller) {
  return !why_forbidden(caller, without_pages);
}

/// Whether a browser would reach another machine by this host, as far as the C library can tell.
bool is_elsewhere(std::string_view host) {
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), ascii::to_lower);
  if (name.ends_with('.'))
    name.pop_back();
  if (name == "localhost" || name.ends_with(".localhost") || name == extra_hosts[0])
    return false;
  in_addr ipv4{};
  if (inet_pton(AF_INET, name.c_str(), &ipv4) == 1)
    return (ntohl(ipv4.s_addr) >> 24) != 127;
  in6_addr ipv6{};
  in6_addr extra{};
  inet_pton(AF_INET6, extra_hosts[1].c_str(), &extra);
  if (!name.starts_with('[') || !name.ends_with(']') ||
      inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), &ipv6) != 1) {
    return true;
  }
  return !IN6_IS_ADDR_LOOPBACK(&ipv6) && !IN6_ARE_ADDR_EQUAL(&ipv6, &extra);
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  Caller caller;
  caller.host = *take_line(rest);
  caller.origin = take_line(rest);
  caller.sec_fetch_site = take_line(rest);

  Caller local = caller;
  local.via = Caller::Via::unix_socket;
  require(!may_call(caller) || may_call(local), "the unix socket is no stricter");
  Caller no_page = caller;
  no_page.origin.reset();
  no_page.sec_fetch_site.reset();
  require(!may_call(caller) || may_call(no_page), "who is no web page may call all the more");
  Caller stranger = caller;
  stranger.sec_fetch_site = "cross-site";
  require(!may_call(stranger), "another site may not call");
  stranger = caller;
  stranger.origin = "null";
  require(!may_call(stranger), "nobody's page may not call");

  const bool is_from_guest = caller.origin && is_allowed_origin(*caller.origin, with_pages);
  require(
      !is_from_guest || ascii::equals_ignoring_case(caller.origin->substr(0, 11), "https://app"),
      "a guest is the site that was named");
  const bool guests_may = !why_forbidden(caller, with_pages);
  require(guests_may == (may_call(caller) || (is_from_guest && may_call(no_page))),
          "a guest may call, by our names, and nobody else may for that");

  std::string shouted(*caller.host);
  for (char& c : shouted)
    c = ascii::is_alpha(c) ? static_cast<char>(c & ~0x20) : c;
  Caller shouting = caller;
  shouting.host = shouted;
  require(may_call(caller) == may_call(shouting), "a host is the same in capital letters");

  if (!may_call(caller))
    return;
  const auto host = parse_authority(*caller.host);
  require(host && !is_elsewhere(host->host), "nobody may call by the name of another machine");
  if (!caller.origin)
    return;
  const auto behind_scheme = caller.origin->find("://");
  require(behind_scheme != std::string_view::npos, "an Origin has a scheme");
  const auto origin = parse_authority(caller.origin->substr(behind_scheme + 3));
  require(origin && !is_elsewhere(origin->host), "a page of another machine may not call");
  require(!origin->port || !host->port || origin->port == host->port,
          "a page of another port may not call");
}

}  // namespace mqtt_bridge

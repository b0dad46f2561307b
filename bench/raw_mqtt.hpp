// MQTT 5 on a bare socket, as little of it as a peer with nothing else to do needs: what the wire
// and the broker cost without any library. Blocks; malformed packets end the program.
//
// Threads: owner serialises.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

[[noreturn]] inline void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct Message {
  std::uint16_t packet_id;
  std::string_view payload;  // all valid until the next read()
  std::string_view response_topic;
  std::string_view correlation;
};

class RawMqtt {
 public:
  RawMqtt(std::uint16_t port, std::string_view client_id)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      give_up("connect");
    }
    set(TCP_NODELAY);
    std::string connect("\0\4MQTT\5\2\0\0\0", 11);  // clean start, no keep alive, no properties
    append_string(connect, client_id);
    append_packet(0x10, connect);
    flush();
    expect(0x20);
  }
  RawMqtt(const RawMqtt&) = delete;
  RawMqtt& operator=(const RawMqtt&) = delete;
  ~RawMqtt() { close(socket_); }

  void subscribe(std::string_view filter) {
    std::string subscribe("\0\1\0", 3);  // packet id 1, no properties
    append_string(subscribe, filter);
    subscribe += '\1';  // QoS 1
    append_packet(0x82, subscribe);
    flush();
    expect(static_cast<char>(0x90));
  }

  int descriptor() const { return socket_; }

  /// How many PUBLISH packets may be without a PUBACK (Receive Maximum, MQTT 5.0 3.2.2.3.3).
  int receive_maximum() const { return receive_maximum_; }
  int unacknowledged() const { return unacknowledged_; }

  /// To be sent with the next flush(), QoS 1.
  void publish(std::string_view topic, std::string_view payload, std::string_view response_topic,
               std::string_view correlation) {
    std::string properties;
    if (!response_topic.empty()) {
      properties += '\x08';
      append_string(properties, response_topic);
    }
    if (!correlation.empty()) {
      properties += '\x09';
      append_string(properties, correlation);
    }
    std::string packet;
    append_string(packet, topic);
    next_packet_id_ = static_cast<std::uint16_t>(next_packet_id_ % 65535 + 1);
    append_number(packet, next_packet_id_);
    append_length(packet, properties.size());
    packet += properties;
    packet += payload;
    append_packet(0x32, packet);
    ++unacknowledged_;
  }
  void acknowledge(std::uint16_t packet_id) {
    out_ += "\x40\x02";
    append_number(out_, packet_id);
  }
  void flush() {
    std::string_view rest = out_;
    while (!rest.empty()) {
      const ssize_t sent = send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        give_up("send");
      }
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    out_.clear();
  }

  /// Waits until something came, for at most so long (-1: without end), and takes it in.
  void read(int milliseconds) {
    in_.erase(0, parsed_);
    parsed_ = 0;
    pollfd polled{socket_, POLLIN, 0};
    if (milliseconds >= 0 && poll(&polled, 1, milliseconds) == 0) {
      return;
    }
    char buffer[65536];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      give_up("the broker closed the connection");
    }
    set(TCP_QUICKACK);  // a stock broker waits for this ACK before it sends its next small packet
    in_.append(buffer, static_cast<std::size_t>(got));
  }
  /// The next message of what was read; counts PUBACKs on the way.
  std::optional<Message> next() {
    while (const auto packet = next_packet()) {
      switch (packet->front() & 0xf0) {
        case 0x30:
          return parse(packet->substr(1), static_cast<unsigned char>(packet->front()));
        case 0x40:
          --unacknowledged_;
          break;
        case 0xe0:
          give_up("the broker sent DISCONNECT");
        default:
          break;
      }
    }
    return std::nullopt;
  }

 private:
  void set(int option) {
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, option, &on, sizeof on);
  }

  static void append_number(std::string& to, std::size_t number) {
    to += static_cast<char>(number >> 8);
    to += static_cast<char>(number);
  }
  static void append_string(std::string& to, std::string_view text) {
    append_number(to, text.size());
    to += text;
  }
  static void append_length(std::string& to, std::size_t length) {
    do {
      const auto digit = static_cast<char>(length % 128);
      length /= 128;
      to += static_cast<char>(length > 0 ? digit | 0x80 : digit);
    } while (length > 0);
  }
  void append_packet(std::uint8_t type, std::string_view rest) {
    out_ += static_cast<char>(type);
    append_length(out_, rest.size());
    out_ += rest;
  }

  static std::size_t number(std::string_view at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(at[0])) << 8 |
           static_cast<unsigned char>(at[1]);
  }
  // A Variable Byte Integer (MQTT 5.0 1.5.5), taken off the front; nothing when it is incomplete.
  static std::optional<std::size_t> take_length(std::string_view& from) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4 && i < from.size(); ++i) {
      length |= static_cast<std::size_t>(from[i] & 0x7f) << (7 * i);
      if ((from[i] & 0x80) == 0) {
        from.remove_prefix(i + 1);
        return length;
      }
    }
    return std::nullopt;
  }
  static std::string_view take(std::string_view& from, std::size_t size) {
    if (from.size() < size) {
      give_up("a packet ends early");
    }
    const std::string_view taken = from.substr(0, size);
    from.remove_prefix(size);
    return taken;
  }
  static std::string_view take_string(std::string_view& from) {
    return take(from, number(take(from, 2)));
  }

  // Its first byte, and what follows the length; the length itself is cut out.
  std::optional<std::string_view> next_packet() {
    std::string_view rest = std::string_view(in_).substr(parsed_);
    if (rest.size() < 2) {
      return std::nullopt;
    }
    const char type = rest.front();
    rest.remove_prefix(1);
    const auto length = take_length(rest);
    if (!length || rest.size() < *length) {
      return std::nullopt;
    }
    const auto start = static_cast<std::size_t>(rest.data() - in_.data());
    in_[start - 1] = type;
    parsed_ = start + *length;
    return std::string_view(in_).substr(start - 1, *length + 1);
  }

  static Message parse(std::string_view packet, unsigned char flags) {
    Message message{};
    take_string(packet);  // the topic: each of our clients subscribes to one
    if ((flags & 0x06) != 0) {
      message.packet_id = static_cast<std::uint16_t>(number(take(packet, 2)));
    }
    std::string_view properties = take(packet, take_length(packet).value());
    message.payload = packet;
    while (!properties.empty()) {
      switch (take(properties, 1)[0]) {
        case 0x01:
          take(properties, 1);
          break;
        case 0x02:
          take(properties, 4);
          break;
        case 0x03:
          take_string(properties);
          break;
        case 0x08:
          message.response_topic = take_string(properties);
          break;
        case 0x09:
          message.correlation = take_string(properties);
          break;
        case 0x0b:
          take_length(properties);
          break;
        case 0x23:
          take(properties, 2);
          break;
        case 0x26:
          take_string(properties);
          take_string(properties);
          break;
        default:
          give_up("an unknown property");
      }
    }
    return message;
  }

  void expect(char type) {
    while (true) {
      read(-1);
      while (const auto packet = next_packet()) {
        if (packet->front() != type) {
          continue;
        }
        if (type == 0x20) {
          read_connack(packet->substr(1));
        }
        return;
      }
    }
  }
  void read_connack(std::string_view packet) {
    if (take(packet, 2)[1] != 0) {
      give_up("the broker refused the connection");
    }
    std::string_view properties = take(packet, take_length(packet).value());
    while (!properties.empty()) {
      switch (take(properties, 1)[0]) {
        case 0x21:
          receive_maximum_ = static_cast<int>(number(take(properties, 2)));
          break;
        case 0x22:
        case 0x13:
          take(properties, 2);
          break;
        case 0x11:
        case 0x27:
          take(properties, 4);
          break;
        case 0x12:
        case 0x15:
        case 0x16:
        case 0x1a:
        case 0x1c:
        case 0x1f:
          take_string(properties);
          break;
        case 0x26:
          take_string(properties);
          take_string(properties);
          break;
        default:  // 0x24, 0x25, 0x28, 0x29, 0x2a: what the broker can do
          take(properties, 1);
          break;
      }
    }
  }

  int socket_;
  int receive_maximum_ = 65535;
  int unacknowledged_ = 0;
  std::uint16_t next_packet_id_ = 0;
  std::string out_;
  std::string in_;
  std::size_t parsed_ = 0;
};

}  // namespace bench

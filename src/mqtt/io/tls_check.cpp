#include "mqtt/io/tls_check.hpp"

#include <utility>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/ssl.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace mqtt_bridge {
namespace {

/// Takes OpenSSL's errors, and gives the first: those after it say no more than where it came
/// through.
std::string openssl_reason() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const int library = ERR_GET_LIB(error);
  const int code = ERR_GET_REASON(error);
  if ((library == ERR_LIB_PEM && code == PEM_R_NO_START_LINE) ||
      (library == ERR_LIB_OSSL_DECODER && code == ERR_R_UNSUPPORTED))
    return "there is none in the PEM format";
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "not what was expected";
}

/// Answers for the person who would have to type a pass phrase, while it lives; notes that one was
/// asked for.
class NoPassPhrase {
 public:
  explicit NoPassPhrase(SSL_CTX* context) : context_(context) {
    SSL_CTX_set_default_passwd_cb_userdata(context_, this);
    SSL_CTX_set_default_passwd_cb(context_, [](char*, int, int, void* self) {
      static_cast<NoPassPhrase*>(self)->was_wanted_ = true;
      return 0;
    });
  }
  ~NoPassPhrase() {  // Asio would take what is left there for its own
    SSL_CTX_set_default_passwd_cb(context_, nullptr);
    SSL_CTX_set_default_passwd_cb_userdata(context_, nullptr);
  }
  NoPassPhrase(const NoPassPhrase&) = delete;
  NoPassPhrase& operator=(const NoPassPhrase&) = delete;

  bool was_wanted() const { return was_wanted_; }

 private:
  SSL_CTX* const context_;
  bool was_wanted_ = false;
};

/// Puts the files into `context`; gives the first fault.
std::optional<std::string> load(SSL_CTX* context, const MqttTls& tls) {
  const NoPassPhrase pass_phrase(context);
  const auto fault = [&](const std::string& file, const std::string& what) {
    const std::string reason = openssl_reason();
    return what + " " + file + ": " +
           (pass_phrase.was_wanted() ? "a pass phrase protects it; give it without one" : reason);
  };
  if (tls.ca_file.empty())
    SSL_CTX_set_default_verify_paths(context);
  else if (SSL_CTX_load_verify_locations(context, tls.ca_file.c_str(), nullptr) != 1)
    return fault(tls.ca_file, "cannot use the CA certificates in");
  if (tls.cert_file.empty())
    return std::nullopt;
  if (SSL_CTX_use_certificate_chain_file(context, tls.cert_file.c_str()) != 1)
    return fault(tls.cert_file, "cannot use the certificate in");
  if (SSL_CTX_use_PrivateKey_file(context, tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fault(tls.key_file, "cannot use the private key in");
  return std::nullopt;
}

}  // namespace

class TlsDiagnosis::Handshake : public std::enable_shared_from_this<Handshake> {
 public:
  Handshake(asio::io_context& loop, const std::string& host, const asio::ip::tcp::endpoint& peer,
            const MqttTls& tls, Done done)
      : host_(host),
        peer_(peer),
        fault_(load(context_.native_handle(), tls)),
        stream_(loop, context_),
        done_(std::move(done)) {}

  void run() {
    if (fault_) {
      return asio::post(stream_.get_executor(),
                        [self = shared_from_this()] { self->end(*self->fault_); });
    }
    stream_.next_layer().async_connect(
        peer_, [self = shared_from_this()](const std::error_code& error) {
          if (!self->done_)
            return;
          error ? self->end("the broker takes no second connection: " + error.message())
                : self->shake_hands();
        });
  }

  void abandon() {
    done_ = nullptr;
    std::error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  void shake_hands() {
    SSL* const ssl = stream_.native_handle();
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    std::error_code not_numeric;
    asio::ip::make_address(host_, not_numeric);
    if (not_numeric) {
      SSL_set_tlsext_host_name(ssl, host_.c_str());
      SSL_set1_host(ssl, host_.c_str());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host_.c_str());
    }
    stream_.async_handshake(
        asio::ssl::stream_base::client, [self = shared_from_this()](const std::error_code& error) {
          self->end(self->verdict(error),
                    self->is_trusted(error) ? ConnectFailure::closed : ConnectFailure::unreachable);
        });
  }

  bool is_trusted(const std::error_code& error) {
    return !error && SSL_get_verify_result(stream_.native_handle()) == X509_V_OK;
  }

  std::string verdict(const std::error_code& error) {
    const long verified = SSL_get_verify_result(stream_.native_handle());
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
      return "the broker's certificate is not for '" + host_ + "'";
    if (verified != X509_V_OK) {
      return std::string("the broker's certificate cannot be trusted: ") +
             X509_verify_cert_error_string(verified);
    }
    if (!error) {
      return "the broker closed the connection after the TLS handshake; does it ask for a client "
             "certificate, or for another one, or for MQTT 3.1.1?";
    }
    if (error.category() == asio::error::get_ssl_category()) {
      const auto code = static_cast<unsigned long>(error.value());
      if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        return "the broker does not speak TLS on this port";
      const char* const reason = ERR_reason_error_string(code);
      return std::string("the TLS handshake failed: ") + (reason != nullptr ? reason : "unknown");
    }
    return "the broker closed the connection within the TLS handshake; does it speak TLS on this "
           "port?";
  }

  void end(std::string why, ConnectFailure failure = ConnectFailure::unreachable) {
    if (auto done = std::exchange(done_, {}))
      done(failure, "no TLS connection: " + std::move(why));
  }

  const std::string host_;
  const asio::ip::tcp::endpoint peer_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  const std::optional<std::string> fault_;
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
  Done done_;
};

std::optional<std::string> why_not_usable(const MqttTls& tls) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  return load(context.native_handle(), tls);
}

TlsDiagnosis::TlsDiagnosis(asio::io_context& loop, const std::string& host,
                           const asio::ip::tcp::endpoint& peer, const MqttTls& tls, Done done)
    : handshake_(std::make_shared<Handshake>(loop, host, peer, tls, std::move(done))) {
  handshake_->run();
}

TlsDiagnosis::~TlsDiagnosis() {
  handshake_->abandon();
}

}  // namespace mqtt_bridge

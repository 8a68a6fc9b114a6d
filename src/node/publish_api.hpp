#pragma once

// The publish API over HTTP.

#include "access/hmac.hpp"
#include "node/counters.hpp"
#include "node/publisher.hpp"
#include "web/endpoint.hpp"
#include "web/worker.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace crier::node {

/// POST /api/v1/programs/{programId}/events with a bearer key and, if the publisher wants to repeat
/// it safely, an Idempotency-Key.
class PublishApi final : public web::Endpoint {
 public:
  static constexpr std::string_view prefix = "/api/v1/";

  /// Publisher::publish(), on whatever loop that runs; `done` is called on this worker's.
  using Publish = std::function<void(std::string program, std::string body, std::string token,
                                     Publisher::Done done)>;
  /// The worker outlives it. An empty key admits nobody.
  PublishApi(web::Worker& worker, Publish publish, std::string api_key, std::size_t body_bytes_max);

  std::size_t head(web::Connection& connection, const http::Request& request) override;
  void request(web::Connection& connection, http::Request& request) override;
  void body_failed(web::Connection& connection, int status) override;
  void lost(web::Connection& /*connection*/, bool /*answered*/) override {}
  [[nodiscard]] bool answers_half_closed() const override { return true; }
  /// From now on everything is answered 503.
  void refuse_all() { refusing_ = true; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Target {
    std::string program;
    std::string token;  ///< For Publisher::publish(); empty without an Idempotency-Key.
  };
  [[nodiscard]] Result<Target> check_head(const http::Request& request) const;
  [[nodiscard]] Result<std::string> token_of(const http::Request& request) const;
  [[nodiscard]] bool authorized(std::string_view authorization) const;
  void refuse(web::Connection& connection, const Error& error);

  web::Worker& worker_;
  Publish publish_;
  std::string api_key_;
  std::optional<access::Hmac> token_hmac_;  ///< With the API key.
  std::size_t body_bytes_max_;
  bool refusing_ = false;
  Counters counters_;
};

/// The answer to one that failed; with 503, after how long to come again.
http::Response publish_refusal(const Error& error);
/// The answer to a publish, here and on the demo's route: 202, or the error.
http::Response publish_response(const Result<Position>& result);
std::string position_json(const Position& position);

}  // namespace crier::node

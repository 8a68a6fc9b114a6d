// Handles the HTTP requests of the publish API.

#include "node/publish_api.hpp"

#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "http/error_response.hpp"

#include <algorithm>
#include <utility>

namespace crier::node {

namespace {

/// The programId in `/api/v1/programs/{programId}/events`, not decoded.
std::optional<std::string_view> program_in(std::string_view path) {
  constexpr std::string_view before = "/api/v1/programs/";
  constexpr std::string_view after = "/events";
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  const auto program = path.substr(before.size(), path.size() - before.size() - after.size());
  if (program.find('/') != std::string_view::npos) return std::nullopt;
  return program;
}

constexpr std::size_t idempotency_key_bytes_max = 255;

bool is_idempotency_key(std::string_view key) {
  return !key.empty() && key.size() <= idempotency_key_bytes_max &&
         std::ranges::all_of(key, [](char c) { return c > ' ' && c <= '~'; });
}

bool is_json(std::string_view content_type) {
  const auto media = content_type.substr(0, content_type.find(';'));
  const auto end = media.find_last_not_of(" \t");
  const auto type = end == std::string_view::npos ? std::string_view() : media.substr(0, end + 1);
  constexpr std::string_view wanted = "application/json";
  if (type.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i] >= 'A' && type[i] <= 'Z' ? static_cast<char>(type[i] + 32) : type[i];
    if (c != wanted[i]) return false;
  }
  return true;
}

}  // namespace

std::string position_json(const Position& position) {
  if (!position.recoverable) {
    return R"({"id":null,"seq":null,"timestamp":)" + json::quote(position.timestamp) +
           R"(,"recoverable":false})";
  }
  return "{\"id\":" + json::quote(position.id) + ",\"seq\":" + std::to_string(position.seq) +
         ",\"timestamp\":" + json::quote(position.timestamp) + "}";
}

http::Response publish_refusal(const Error& error) {
  http::Response response = http::error_response(error);
  if (error.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response publish_response(const Result<Position>& result) {
  if (!result) return publish_refusal(result.error());
  http::Response response = http::json(202, position_json(*result));
  if (result->repeated) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

PublishApi::PublishApi(web::Worker& worker, Publish publish, std::string api_key,
                       std::size_t body_bytes_max)
    : worker_(worker),
      publish_(std::move(publish)),
      api_key_(std::move(api_key)),
      body_bytes_max_(body_bytes_max) {
  if (!api_key_.empty()) token_hmac_.emplace(access::Algorithm::hs256, api_key_);
}

bool PublishApi::authorized(std::string_view authorization) const {
  constexpr std::string_view scheme = "Bearer ";
  if (api_key_.empty() || authorization.size() < scheme.size()) return false;
  if (!authorization.starts_with(scheme)) return false;
  return equal_in_constant_time(authorization.substr(scheme.size()), api_key_);
}

// What the store remembers: a digest, so that nobody who reads Redis learns a key of either kind,
// and the same word from a holder of another API key is another token.
Result<std::string> PublishApi::token_of(const http::Request& request) const {
  const auto is_key = [](const auto& header) { return header.first == "idempotency-key"; };
  const auto count = std::ranges::count_if(request.headers, is_key);
  if (count == 0) return std::string();
  const auto key = request.header("idempotency-key");
  if (count > 1 || !is_idempotency_key(key)) {
    return Unexpected{
        Error{400, "bad_idempotency_key",
              "The Idempotency-Key header must be one of 1 to 255 visible ASCII characters.", ""}};
  }
  constexpr std::size_t token_bytes = 16;
  return base64url_encode(token_hmac_->of(key).substr(0, token_bytes));
}

Result<PublishApi::Target> PublishApi::check_head(const http::Request& request) const {
  const auto program = program_in(request.path());
  if (!program) {
    return Unexpected{Error{404, "not_found", "There is nothing here.", ""}};
  }
  if (request.method != http::Method::post) {
    return Unexpected{Error{405, "method_not_allowed", "Events are published with POST.", ""}};
  }
  if (refusing_) {
    return Unexpected{
        Error{503, "shutting_down", "The gateway is shutting down; publish to another one.", ""}};
  }
  if (!authorized(request.header("authorization"))) {
    return Unexpected{Error{401, "unauthorized",
                            "The Authorization header must be `Bearer` and a valid API key.", ""}};
  }
  if (!is_json(request.header("content-type"))) {
    return Unexpected{
        Error{415, "unsupported_media_type", "The Content-Type must be application/json.", ""}};
  }
  auto decoded = percent_decode(*program);
  if (!decoded) {
    return Unexpected{Error{400, "bad_program", "The programId's escapes are malformed.", ""}};
  }
  auto token = token_of(request);
  if (!token) return Unexpected{std::move(token.error())};
  return Target{*std::move(decoded), *std::move(token)};
}

void PublishApi::refuse(web::Connection& connection, const Error& error) {
  counters_.publish_errors.add(error.code);
  http::Response response = publish_refusal(error);
  if (error.status == 405) response.headers.emplace_back("Allow", "POST");
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  connection.answer(response);
}

std::size_t PublishApi::head(web::Connection& connection, const http::Request& request) {
  const auto target = check_head(request);
  if (!target) refuse(connection, target.error());
  return body_bytes_max_;
}

void PublishApi::request(web::Connection& connection, http::Request& request) {
  auto target = check_head(request);
  if (!target) {
    refuse(connection, target.error());
    return;
  }
  publish_(std::move(target->program), std::move(request.body), std::move(target->token),
           [&worker = worker_, key = connection.key()](const Result<Position>& result) {
             web::Connection* waiting = worker.find(key);
             if (waiting != nullptr && waiting->awaits_answer()) {
               waiting->answer(publish_response(result));
             }
           });
}

void PublishApi::body_failed(web::Connection& connection, int status) {
  if (status == 413) {
    refuse(connection,
           {413, "too_large",
            "The body is larger than " + std::to_string(body_bytes_max_) + " bytes.", ""});
  } else {
    refuse(connection, {status, "bad_request", "The body is malformed.", ""});
  }
}

}  // namespace crier::node

#include "publisher.hpp"

#include "clock.hpp"
#include "http_response.hpp"

#include <algorithm>
#include <strings.h>

namespace load {

void Publisher::post(std::string_view request, std::int64_t now, std::int64_t stamp) {
  posted_ = now;
  stamp_ = stamp;
  request_ = request;
  send();
}

void Publisher::send() {
  if (!stream_.is_open()) {
    Route route;
    route.to = origin_.address;
    route.tls = origin_.tls.get();
    rest_.clear();
    answers_ = 0;
    if (!stream_.open(all_.loop_, route, *this))
      return failed("publish connect", stream_.problem());
  }
  stream_.send(request_);
}

void Publisher::ready(std::uint32_t /*events*/) {
  stream_.flush();
  while (stream_.is_open()) {
    const long count = stream_.read(all_.buffer_.data(), all_.buffer_.size());
    if (count == 0) return;
    if (count > 0) {
      read({all_.buffer_.data(), static_cast<std::size_t>(count)});
      continue;
    }
    stream_.reset();
    if (posted_ == 0) return;  // Idle for too long.
    // The request and the end of an idle connection crossed: nothing of it was read (RFC 9112
    // section 9.3.1).
    if (answers_ > 0 && rest_.empty()) return send();
    failed("publish connect", stream_.problem());
  }
}

void Publisher::read(std::string_view bytes) {
  if (!rest_.empty()) bytes = rest_.append(bytes);
  HttpResponse response;
  const std::size_t taken = read_response(bytes, response);
  if (taken == std::string_view::npos || (taken != 0 && posted_ == 0)) {
    stream_.reset();
    return failed("publish answer", bytes);
  }
  if (taken == 0) {
    rest_ = std::string(bytes);
    return;
  }
  ++answers_;
  if (!response.keep) stream_.reset();
  const bool accepted = response.status / 100 == 2;
  if (accepted) {
    all_.answer.record(nanoseconds() - posted_);
    rest_.clear();
    ended(true);
  } else {
    failed("publish " + std::to_string(response.status), response.body);
    rest_.clear();
  }
}

void Publisher::failed(std::string_view kind, std::string_view sample) {
  all_.errors_.add(kind, sample);
  if (posted_ != 0) ended(false);
}

void Publisher::ended(bool accepted) {
  posted_ = 0;
  --all_.under_way_;
  ++(accepted ? all_.accepted : all_.refused);
  origin_.free.push_back(this);
  if (!accepted) all_.lost(stamp_);
}

bool Publishers::set_up(const Settings& settings, std::string& problem) {
  for (const std::string& url : settings.urls) {
    if (!add(url, settings, problem)) return false;
  }
  for (const auto& origin : origins_) {
    for (std::size_t i = 0; i < settings.connections; ++i) {
      publishers_.push_back(std::make_unique<Publisher>(*this, *origin));
      origin->free.push_back(publishers_.back().get());
    }
  }
  split_body(settings.body);
  return true;
}

bool Publishers::add(const std::string& text, const Settings& settings, std::string& problem) {
  Url url;
  if (!parse_url(text, url)) {
    problem = "--publish: " + text + " is no http:// or https:// URL";
    return false;
  }
  const auto same = std::find_if(origins_.begin(), origins_.end(), [&](const auto& each) {
    return each->url.tls == url.tls && each->url.host == url.host && each->url.port == url.port;
  });
  const auto index = static_cast<std::size_t>(same - origins_.begin());
  if (same == origins_.end()) {
    auto origin = std::make_unique<Origin>();
    if (!resolve(url, origin->address, problem)) return false;
    if (url.tls) origin->tls = std::make_unique<Tls>(url.host, settings.insecure);
    origin->url = url;
    origins_.push_back(std::move(origin));
  }
  std::string head = "POST " + url.path + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n";
  bool typed = false;
  for (const std::string& header : settings.headers) {
    head += header + "\r\n";
    typed = typed || ::strncasecmp(header.c_str(), "content-type:", 13) == 0;
  }
  if (!typed) head += "Content-Type: application/json\r\n";
  places_.push_back({index, head + "Content-Length: "});
  return true;
}

void Publishers::split_body(std::string_view body) {
  while (!body.empty()) {
    const std::size_t now = body.find("{now}");
    const std::size_t number = body.find("{n}");
    const std::size_t at = std::min({now, number, body.size()});
    if (at > 0) pieces_.push_back({Piece::Kind::text, std::string(body.substr(0, at))});
    body.remove_prefix(at);
    if (body.empty()) break;
    const bool is_now = now < number;
    pieces_.push_back({is_now ? Piece::Kind::now : Piece::Kind::number, ""});
    body.remove_prefix(is_now ? 5 : 3);
  }
}

void Publishers::render(std::int64_t stamp) {
  body_.clear();
  ++number_;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::text:
        body_ += piece.text;
        break;
      case Piece::Kind::now:
        body_ += std::to_string(stamp);
        break;
      case Piece::Kind::number:
        body_ += std::to_string(number_);
        break;
    }
  }
}

void Publishers::post(std::int64_t now, std::int64_t stamp) {
  const Place& place = places_[next_];
  Origin& origin = *origins_[place.origin];
  next_ = (next_ + 1) % places_.size();
  Publisher& publisher = *origin.free.back();
  origin.free.pop_back();
  ++under_way_;
  render(stamp);
  request_.clear();
  request_ += place.head;
  request_ += std::to_string(body_.size());
  request_ += "\r\n\r\n";
  request_ += body_;
  publisher.post(request_, now, stamp);
}

}  // namespace load

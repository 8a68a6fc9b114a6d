#pragma once

// POSTs over connections that are kept, one request after the other on each.

#include "errors.hpp"
#include "histogram.hpp"
#include "stream.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace load {

class Publisher;
class Publishers;

/// A host that is published to.
struct Origin {
  Url url;
  Address address;
  std::unique_ptr<Tls> tls;
  std::vector<Publisher*> free;  ///< Its connections with nothing under way.
};

/// One connection.
class Publisher final : public Ready {
 public:
  Publisher(Publishers& all, Origin& origin) : all_(all), origin_(origin) {}
  void post(std::string_view request, std::int64_t now, std::int64_t stamp);
  void ready(std::uint32_t events) override;

 private:
  void send();
  void read(std::string_view bytes);
  void failed(std::string_view kind, std::string_view sample);
  void ended(bool accepted);

  Publishers& all_;
  Origin& origin_;
  Stream stream_;
  std::string rest_;
  std::string request_;      ///< Kept, should the server have closed an idle connection.
  std::int64_t posted_ = 0;  ///< When; 0: nothing is under way.
  std::int64_t stamp_ = 0;
  std::uint32_t answers_ = 0;  ///< On this connection.
};

class Publishers {
 public:
  struct Settings {
    std::vector<std::string> urls;
    std::vector<std::string> headers;
    std::string body;  ///< `{now}` and `{n}` are replaced.
    bool insecure = false;
    std::size_t connections = 1;  ///< To each host.
  };

  Publishers(const Loop& loop, Errors& errors) : loop_(loop), errors_(errors) {}

  /// False with a `problem` when a URL leads nowhere.
  [[nodiscard]] bool set_up(const Settings& settings, std::string& problem);

  /// Whether there is a connection with nothing under way for the next post().
  [[nodiscard]] bool ready() const { return !origin_of(next_).free.empty(); }
  /// How many posts have no answer yet.
  [[nodiscard]] std::size_t under_way() const { return under_way_; }
  [[nodiscard]] std::size_t urls() const { return places_.size(); }

  /// Publishes to the next URL; `stamp` goes into the body, `now` is when it begins. Only when
  /// ready().
  void post(std::int64_t now, std::int64_t stamp);

  void clear() {
    accepted = refused = 0;
    answer.clear();
  }

  std::uint64_t accepted = 0;  ///< Answered with 2xx.
  std::uint64_t refused = 0;   ///< Answered otherwise, or not at all.
  Histogram answer;            ///< From the request to its answer.
  /// A publish was refused.
  std::function<void(std::int64_t stamp)> lost = [](std::int64_t) {};

 private:
  friend class Publisher;
  struct Place {
    std::size_t origin;
    std::string head;  ///< Head of a request, up to the value of Content-Length.
  };
  struct Piece {
    enum class Kind : std::uint8_t { text, now, number } kind;
    std::string text;
  };

  [[nodiscard]] const Origin& origin_of(std::size_t url) const {
    return *origins_[places_[url].origin];
  }
  [[nodiscard]] bool add(const std::string& text, const Settings& settings, std::string& problem);
  void split_body(std::string_view body);
  void render(std::int64_t stamp);

  const Loop& loop_;
  Errors& errors_;
  std::vector<std::unique_ptr<Origin>> origins_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<Place> places_;
  std::vector<Piece> pieces_;
  std::string body_;
  std::string request_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace load

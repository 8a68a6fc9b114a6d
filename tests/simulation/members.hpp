#pragma once

// Who is a member of what, and each node's way of asking.

#include "access/membership.hpp"
#include "history/numbers.hpp"
#include "net/loop.hpp"
#include "world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crier::simulation {

/// One membership from its grant to its end.
struct Membership {
  history::Gid since = 0;  ///< As the membership source says it.
  TimePoint from{};
  TimePoint until = never;

  [[nodiscard]] bool covers(TimePoint begin, TimePoint end) const {
    return from <= begin && end < until;
  }
  [[nodiscard]] bool touches(TimePoint begin, TimePoint end) const {
    return from <= end && begin <= until;
  }
};

class Members {
 public:
  Members(World& world, std::function<history::Gid()> since)
      : world_(world), since_(std::move(since)) {}

  /// A source may say of a membership that was away that it began when the one before did: always,
  /// or now and then.
  enum class Since : std::uint8_t { any, as_before };
  void grant(const std::string& user, const std::string& program, Since since = Since::any);
  void revoke(const std::string& user, const std::string& program);
  [[nodiscard]] access::User look_up(const std::string& user) const;
  /// All that ever were, in order.
  [[nodiscard]] const std::vector<Membership>& of(const std::string& user,
                                                  const std::string& program) const;

  // Faults.
  void fail_until(TimePoint until) { fails_until_ = until; }
  void slow_until(TimePoint until) { slow_until_ = until; }
  [[nodiscard]] bool fails() const { return world_.now() < fails_until_; }
  [[nodiscard]] bool slow() const { return world_.now() < slow_until_; }

 private:
  World& world_;
  std::function<history::Gid()> since_;
  std::map<std::pair<std::string, std::string>, std::vector<Membership>> all_;
  TimePoint fails_until_{};
  TimePoint slow_until_{};
};

class MemberLink final : public access::MembershipSource {
 public:
  MemberLink(net::Loop& loop, Members& members, const std::string& name);
  ~MemberLink() override { alive_.reset(); }
  void look_up(const std::string& user, Done done) override;
  [[nodiscard]] bool available() override { return !members_.fails(); }

 private:
  net::Loop& loop_;
  World& world_;
  Members& members_;
  Dice dice_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace crier::simulation

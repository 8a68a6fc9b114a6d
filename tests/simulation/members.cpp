#include "members.hpp"

namespace crier::simulation {

void Members::grant(const std::string& user, const std::string& program, Since since) {
  auto& memberships = all_[{user, program}];
  if (!memberships.empty() && memberships.back().until == never) return;
  const bool same =
      !memberships.empty() && (since == Since::as_before || memberships.back().since % 16 == 0);
  memberships.push_back({same ? memberships.back().since : since_(), world_.now(), never});
  world_.trace("members", "grant " + user + " " + program);
}

void Members::revoke(const std::string& user, const std::string& program) {
  auto& memberships = all_[{user, program}];
  if (memberships.empty() || memberships.back().until != never) return;
  memberships.back().until = world_.now();
  world_.trace("members", "revoke " + user + " " + program);
}

access::User Members::look_up(const std::string& user) const {
  access::User found;
  found.id = found.name = user;
  found.active = true;
  for (const auto& [key, memberships] : all_) {
    if (key.first != user || memberships.empty() || memberships.back().until != never) continue;
    found.programs.push_back(key.second);
    found.since.push_back(memberships.back().since);
  }
  return found;
}

const std::vector<Membership>& Members::of(const std::string& user,
                                           const std::string& program) const {
  static const std::vector<Membership> none;
  const auto found = all_.find({user, program});
  return found == all_.end() ? none : found->second;
}

MemberLink::MemberLink(net::Loop& loop, Members& members, const std::string& name)
    : loop_(loop),
      world_(World::current()),
      members_(members),
      dice_(world_.dice().fork("member link " + name)) {}

void MemberLink::look_up(const std::string& user, Done done) {
  if (members_.fails()) {
    const Duration delay(dice_.between(100, 300'000));
    world_.after(delay, [this, done, mark = std::weak_ptr<bool>(alive_)] {
      if (mark.expired()) return;
      loop_.post([done] { done(Unexpected{access::SourceError::unavailable}); });
    });
    return;
  }
  // What is true when it is read, which may be long before the answer comes.
  const Duration before(dice_.between(0, dice_.one_in(2) ? 0 : 5'000));
  const Duration after(dice_.between(50, members_.slow() ? 1'500'000 : 8'000));
  const auto mark = std::weak_ptr<bool>(alive_);
  const auto answer = [this, done, after, mark](const access::User& found) {
    world_.after(after, [this, done, found, mark] {
      if (mark.expired()) return;
      loop_.post([done, found, mark] {
        if (!mark.expired()) done(std::optional(found));
      });
    });
  };
  if (before.count() == 0) return answer(members_.look_up(user));
  world_.after(before, [this, user, answer, mark] {
    if (!mark.expired()) answer(members_.look_up(user));
  });
}

}  // namespace crier::simulation
